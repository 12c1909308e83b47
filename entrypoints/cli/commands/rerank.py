"""`mlxk rerank MODEL QUERY [DOCUMENT...]`."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import PayloadTooLarge, UsageError
from domain.inference.embedding import RerankRequest
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.presenters.embedding_json import ranked_line, ranked_object
from entrypoints.cli.prompt import STANDARD_INPUT
from entrypoints.cli.services import Context, Outcome
from entrypoints.cli.text_records import TextRecord, records_of, spoken_record

AT_ONCE = 256
MOST_DOCUMENTS = 100_000  # their order is known when the last one is read, so all are kept
_WAYS = "write `mlxk rerank MODEL QUERY DOCUMENT...`, - to read the lines of standard input, or --file PATH"


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    query: str
    documents: tuple[str, ...] = ()
    file: str | None = None
    top_n: int | None = None
    instruct: str | None = None
    cpu: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ranking:
    """results: the best first. model: its full name."""

    model: str
    results: list[dict[str, object]]


def execute(context: Context, arguments: Arguments) -> Outcome:
    """A line for each document, the best first."""
    if arguments.top_n is not None and arguments.top_n < 1:
        raise UsageError(f"--top-n must be at least 1, got {arguments.top_n}", hint="leave it out for all")
    query = spoken_record(arguments.query, 1).text
    documents = _documents(context, arguments)

    def show() -> None:
        ranking = _rank(context, arguments, query, documents)
        encoding = context.console.encoding
        context.console.emit("".join(ranked_line(each, encoding) for each in ranking.results))

    def data() -> dict[str, object]:
        ranking = _rank(context, arguments, query, documents)
        return {"model": ranking.model, "results": ranking.results}

    return Outcome(data=data, show=show)


def _documents(context: Context, arguments: Arguments) -> list[TextRecord]:
    """Raises UsageError when there are none, or given in two ways."""
    from_lines = arguments.file is not None or arguments.documents == (STANDARD_INPUT,)
    if not from_lines:
        found = [spoken_record(word, at) for at, word in enumerate(arguments.documents, 1)]
    elif arguments.file is not None and arguments.documents:
        raise UsageError("the documents are given twice: as words and with --file", hint="give them one way")
    else:
        found = []
        for batch in records_of(context.console, arguments.file):
            found += batch
            if len(found) > MOST_DOCUMENTS:
                raise PayloadTooLarge(f"more than {MOST_DOCUMENTS:,} documents", hint="search among them first")
    if not found:
        raise UsageError("the documents are missing", hint=_WAYS)
    return found


def _rank(context: Context, arguments: Arguments, query: str, documents: list[TextRecord]) -> Ranking:
    services = context.services()
    loading = LoadWishes(force=arguments.force, cpu=arguments.cpu)
    scores: list[float] = []
    model = ""
    try:
        for first in range(0, len(documents), AT_ONCE):
            texts = tuple(each.text for each in documents[first : first + AT_ONCE])
            request = RerankRequest(query, texts, arguments.instruct)
            answer = services.rerank().execute(arguments.model, request, loading=loading)
            if answer.warning is not None:
                context.console.note(f"rerank: Warning: {answer.warning}")
            model = answer.model.name
            scores += answer.scores.scores
    finally:
        services.model_pool().close()
    order = sorted(range(len(documents)), key=lambda index: -scores[index])[: arguments.top_n]
    return Ranking(model, [ranked_object(documents[index], index, scores[index]) for index in order])
