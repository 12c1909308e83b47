"""One answer as it arrives, printed and kept."""

from __future__ import annotations

from domain.inference import Finished, TextDelta
from entrypoints.cli.console import Console
from ports.model_worker import GenerationStream


class Answer:
    """Text token by token where `live`, whole at the end elsewhere; nothing on standard output in JSON mode.

    text: what has come so far, also after an interruption. finished: None until the answer ended by itself.
    """

    def __init__(self, console: Console, *, live: bool) -> None:
        self._console = console
        self._live = live
        self._pieces: list[str] = []
        self.finished: Finished | None = None

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def listen(self, events: GenerationStream) -> None:
        """Read to the end. However this is left, the engine's slot is given back and a line begun is ended."""
        try:
            for event in events:
                if isinstance(event, TextDelta):
                    self._take(event.text)
                elif isinstance(event, Finished):
                    self.finished = event
        finally:
            events.cancel()
            self._end()

    def _take(self, piece: str) -> None:
        self._pieces.append(piece)
        if self._live:
            self._console.write(piece)

    def _end(self) -> None:
        text = self.text
        if not self._live and self.finished is not None:
            self._console.write(text)
        if (self._live or self.finished is not None) and text and not text.endswith("\n"):
            self._console.line()
