"""`mlxk speak MODEL [TEXT...]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from domain.errors import GenerationFailed, UsageError
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechPiece, SpeechRequest, Spoken
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.attachments import MOST_BYTES, text_of
from entrypoints.cli.prompt import STANDARD_INPUT, checked
from entrypoints.cli.services import Context, Outcome
from entrypoints.cli.user_files import require_place, writing_whole

_WAYS = "write `mlxk speak MODEL TEXT`, or - to read the text from standard input"


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    words: tuple[str, ...] = ()
    output: str | None = None
    format: str | None = None
    voice: str | None = None
    speed: float | None = None
    language: str | None = None
    instructions: str | None = None
    seed: int | None = None
    cpu: bool = False
    force: bool = False

    @property
    def place(self) -> Path | None:
        return None if self.output is None else Path(self.output).expanduser().absolute()

    @property
    def form(self) -> SoundFormat:
        """Raises UsageError for a file whose name ends in none that we write, and no word about its format."""
        if self.format is not None:
            return SoundFormat(self.format)
        if self.output is None:
            return SoundFormat.WAV
        ending = Path(self.output).suffix.lower().removeprefix(".")
        if ending in list(SoundFormat):
            return SoundFormat(ending)
        raise UsageError(
            f"--output {self.output!r}: its ending tells no format that is written here",
            hint=f"end it in .{', .'.join(SoundFormat)}, or add --format",
        )

    def request(self, text: str) -> SpeechRequest:
        return SpeechRequest(
            text=text,
            voice=self.voice,
            speed=1.0 if self.speed is None else self.speed,
            format=self.form,
            language=self.language,
            instructions=self.instructions,
            seed=self.seed,
            streamed=self.output is None,
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """model: its full name. size: bytes that were written. warnings: for the user."""

    model: str
    spoken: Spoken
    size: int
    warnings: tuple[str, ...]


def execute(context: Context, arguments: Arguments) -> Outcome:
    """What no request can be, and no file, is told before a model is loaded for it."""
    console, place = context.console, arguments.place
    if place is not None:
        require_place(place)
    elif console.json:
        raise UsageError("--json and the sound cannot share standard output", hint="write it to a file: --output PATH")
    elif console.output_is_terminal:
        raise UsageError(
            "a terminal shows no sound", hint="write it to a file: --output hello.wav; or pipe it to a player"
        )
    request = arguments.request(_text(context, arguments.words))

    def show() -> None:
        if place is None:
            _say(context, arguments, request, console.emit_bytes)
            return
        said = _into(place)
        console.line(f"{place}: {said.spoken.duration_seconds:.2f} s at {said.spoken.rate:,} Hz")

    def data() -> dict[str, object]:
        if place is None:
            raise UsageError("the sound needs a file")
        return _object(_into(place), place, request)

    def _into(place: Path) -> _Said:
        with writing_whole(place) as write:
            return _say(context, arguments, request, write)

    return Outcome(data=data, show=show)


def _text(context: Context, words: tuple[str, ...]) -> str:
    if not words:
        raise UsageError("the text is missing", hint=_WAYS)
    if words == (STANDARD_INPUT,):
        return text_of(context.console.read_bytes(MOST_BYTES + 1), "standard input")
    return checked(" ".join(words))


def _say(context: Context, arguments: Arguments, request: SpeechRequest, write: Callable[[bytes], None]) -> _Said:
    services, console = context.services(), context.console
    wishes = LoadWishes(force=arguments.force, cpu=arguments.cpu)
    size = 0
    try:
        answer = services.speak().execute(arguments.model, request, loading=wishes)
        try:
            for event in answer.events:
                match event:
                    case SpeechPiece(data):
                        write(data)
                        size += len(data)
                    case Spoken():
                        first = () if answer.warning is None else (answer.warning,)
                        for warning in (*first, *event.warnings):
                            console.note(f"speak: Warning: {warning}")
                        return _Said(answer.model.name, event, size, (*first, *event.warnings))
        finally:
            answer.events.cancel()
    finally:
        services.model_pool().close()
    raise GenerationFailed("the speech ended without its last event", hint="try again")


def _object(said: _Said, place: Path, request: SpeechRequest) -> dict[str, object]:
    spoken = said.spoken
    return {
        "model": said.model,
        "output": str(place),
        "format": request.format.value,
        "size_bytes": said.size,
        "duration": spoken.duration_seconds,
        "rate": spoken.rate,
        "usage": {"prompt_tokens": spoken.prompt_tokens, "completion_tokens": spoken.completion_tokens},
        "warnings": list(said.warnings),
    }
