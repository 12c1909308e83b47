"""`mlxk embed MODEL [TEXT...]`."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from domain.errors import UsageError
from domain.inference.embedding import EmbeddingRequest, InputType
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.attachments import MOST_BYTES, text_of
from entrypoints.cli.embedding_work import Batch, Batches, Done, GivenTexts, embedded
from entrypoints.cli.presenters.embedding_json import embedding_line, embedding_object
from entrypoints.cli.prompt import STANDARD_INPUT
from entrypoints.cli.services import Context, Outcome
from entrypoints.cli.text_records import TextRecord, records_of, spoken_record

if TYPE_CHECKING:
    from application.inference.embed import EmbeddingAnswer

LINES_AT_ONCE = 64
BETWEEN_REMARKS_SECONDS = 5.0
_WAYS = "write `mlxk embed MODEL TEXT`, - to read one text from standard input, or --batch to read its lines"


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    texts: tuple[str, ...] = ()
    batch: bool = False
    file: str | None = None
    query: bool = False
    instruct: str | None = None
    dimensions: int | None = None
    cpu: bool = False
    force: bool = False
    verbose: bool = False

    def request(self, texts: tuple[str, ...]) -> EmbeddingRequest:
        asks = self.query or self.instruct is not None
        kind = InputType.QUERY if asks else InputType.DOCUMENT
        return EmbeddingRequest(texts, kind, self.instruct, self.dimensions)


def execute(context: Context, arguments: Arguments) -> Outcome:
    """A line for each text. What no request can be is told before a model is loaded for it."""
    arguments.request(("?",))
    work = _Work(context, arguments, _batches(context, arguments))
    return Outcome(data=work.data, show=work.show)


def _batches(context: Context, arguments: Arguments) -> Batches:
    """Raises UsageError when there is nothing to embed, or too much at once."""
    if arguments.batch or arguments.file is not None:
        if arguments.texts:
            raise UsageError(
                f"texts are given twice: as lines and as {arguments.texts[0]!r}", hint="give them one way or the other"
            )
        return records_of(context.console, arguments.file)
    if not arguments.texts:
        raise UsageError("the text is missing", hint=_WAYS)
    return GivenTexts([_given(context, word, at) for at, word in enumerate(arguments.texts, 1)])


def _given(context: Context, word: str, number: int) -> TextRecord:
    if word != STANDARD_INPUT:
        return spoken_record(word, number)
    text = text_of(context.console.read_bytes(MOST_BYTES + 1), "standard input")
    return spoken_record(text.rstrip("\r\n"), number)


class _Work:
    """One command's texts."""

    def __init__(self, context: Context, arguments: Arguments, batches: Batches) -> None:
        self._context = context
        self._console = context.console
        self._arguments = arguments
        self._batches = batches
        self._next_remark = time.monotonic() + BETWEEN_REMARKS_SECONDS
        self._texts = self._tokens = 0

    def show(self) -> None:
        """Print each batch when it is done."""
        encoding = self._console.encoding
        with closing(self._answers()) as answers:
            for records, answer in answers:
                rows = zip(records, answer.embeddings.vectors, strict=True)
                lines = (embedding_line(record, vector, answer, encoding) for record, vector in rows)
                while piece := "".join(islice(lines, LINES_AT_ONCE)):
                    self._console.emit(piece)
                self._remark()
        if self._arguments.verbose:
            self._console.note(f"Embedded {self._texts:,} texts of {self._tokens:,} tokens")

    def data(self) -> dict[str, object]:
        """The data of the envelope."""
        with closing(self._answers()) as answers:
            return {
                "records": [
                    embedding_object(record, vector, answer)
                    for records, answer in answers
                    for record, vector in zip(records, answer.embeddings.vectors, strict=True)
                ]
            }

    def _answers(self) -> Generator[Done]:
        services = self._context.services()
        loading = LoadWishes(force=self._arguments.force, cpu=self._arguments.cpu)

        def embed(batch: Batch, given_up: Callable[[], bool]) -> EmbeddingAnswer:
            request = self._arguments.request(tuple(each.text for each in batch))
            return services.embed().execute(self._arguments.model, request, loading=loading, given_up=given_up)

        try:
            with closing(embedded(self._batches, embed)) as done:
                for records, answer in done:
                    self._texts += len(records)
                    self._tokens += answer.embeddings.prompt_tokens
                    self._warn(answer.warning)
                    yield records, answer
        finally:
            services.model_pool().close()

    def _warn(self, warning: str | None) -> None:
        if warning is not None:
            self._console.note(f"embed: Warning: {warning}")

    def _remark(self) -> None:
        """How far it is, for somebody who waits at a terminal."""
        now = time.monotonic()
        if now >= self._next_remark and self._console.errors_are_terminal:
            self._next_remark = now + BETWEEN_REMARKS_SECONDS
            self._console.note(f"Embedded {self._texts:,} texts ...")
