"""The rows of the option table that are about vectors."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional
from entrypoints.settings import LOG_LEVELS

EMBED_SERVE_PORT = 8002

_EMBEDDER = Positional("model", "an embedding model, named as for `mlxk run`", completes=Completes.MODEL)
_CPU = Option("--cpu", "compute without the graphics processor")
_FORCE = Option("--force", "load the model although it may not fit into memory")
_INSTRUCT_HELP = "the task that the question belongs to, for models that want to know"

EMBED = Command(
    name="embed",
    summary="turn texts into vectors for search",
    loads_model=True,
    positionals=(
        _EMBEDDER,
        Positional(
            "text",
            "a text; several are several texts; - is standard input as one",
            required=False,
            many=True,
            field="texts",
        ),
    ),
    options=(
        Option("--batch", "a text from each line of standard input: an object with a text, a string, or plain text"),
        Option("--file", "so from this file", Kind.TEXT, value="PATH"),
        Option("--query", "the texts are questions, not what is searched in"),
        Option("--instruct", f"{_INSTRUCT_HELP}; implies --query", Kind.TEXT, value="TASK"),
        Option("--dimensions", "numbers in a vector, for models that can shorten theirs", Kind.INTEGER, value="N"),
        _CPU,
        _FORCE,
        Option("--verbose", "tell on standard error what was done"),
    ),
    details=(
        "Prints one JSON object a line, for each text, in their order: text, embedding, and metadata with model, "
        "dimensions, content_hash and device. Objects keep their other fields. Lines go out as they are done, so a "
        "pipe of any length takes the same memory; --json keeps all of them for its one envelope.",
        "With --batch an empty line is passed over. A line that cannot be read ends the command with an error that "
        "names it; what came before is printed.",
    ),
    examples=(
        'mlxk embed org/embedder "a text" "another"',
        'mlxk embed org/embedder --query "Where do I sleep?"',
        "mlxk embed org/embedder --batch < texts.jsonl > vectors.jsonl",
    ),
)

RERANK = Command(
    name="rerank",
    summary="put documents in the order of how well they answer a question",
    loads_model=True,
    positionals=(
        Positional("model", "a reranker, named as for `mlxk run`", completes=Completes.MODEL),
        Positional("query", "the question"),
        Positional(
            "document",
            "a document; - reads one from each line of standard input",
            required=False,
            many=True,
            field="documents",
        ),
    ),
    options=(
        Option(
            "--file",
            "a document from each line of this file, as `mlxk embed --batch` has them",
            Kind.TEXT,
            value="PATH",
        ),
        Option("--top-n", "print so many of the best", Kind.INTEGER, value="N", default="all"),
        Option("--instruct", _INSTRUCT_HELP, Kind.TEXT, value="TASK"),
        _CPU,
        _FORCE,
    ),
    details=(
        "Prints one JSON object a line, the best document first: index (its place among those given, from 0), "
        "relevance_score (from 0 to 1), text, and what other fields it came with.",
    ),
    examples=(
        'mlxk rerank org/reranker "Where do I sleep?" "In a bed." "On Monday."',
        'mlxk rerank org/reranker "Where do I sleep?" --file hits.jsonl --top-n 3',
    ),
)

EMBED_SERVE = Command(
    name="embed-serve",
    summary=f"serve, with an embedding model loaded, on port {EMBED_SERVE_PORT}",
    positionals=(
        Positional("model", "an embedding model, named as for `mlxk run`", required=False, completes=Completes.MODEL),
    ),
    options=(
        Option("--host", "address to listen on", Kind.TEXT, value="HOST", default="127.0.0.1"),
        Option(
            "--port", "port to listen on; 0 takes a free one", Kind.INTEGER, value="N", default=str(EMBED_SERVE_PORT)
        ),
        _CPU,
        Option("--log-level", "what is logged", Kind.TEXT, value="LEVEL", choices=LOG_LEVELS, default="info"),
        Option("--log-json", "log as JSON lines"),
        _FORCE,
        Option("--verbose", "short for --log-level debug"),
    ),
    details=(
        "The same server as `mlxk serve --model MODEL`, which answers for all models and needs no second one beside "
        "it. MLXK2_EMBED_MODEL names the model where no word does.",
    ),
    examples=("mlxk embed-serve org/embedder",),
)

EMBEDDING_COMMANDS = (EMBED, RERANK, EMBED_SERVE)
