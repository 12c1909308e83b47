"""The rows of the option table that are about models far away."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional

PROGRESS = ("auto", "json", "none")

HUB = Option(
    "--hub",
    "another hub: http(s)://host, or file:///folder",
    Kind.TEXT,
    value="ADDRESS",
    default="HF_ENDPOINT, else huggingface.co",
)
REMOTE = Option("--remote", "ask the hub, for a model that is not here")

_REMOTE_MODEL = Positional(
    "model", "org/name, or org/name@revision (a branch, a tag or a hash)", completes=Completes.MODEL
)
_CACHED_MODEL = Positional("model", "a model in the cache: its name, or a part of it", completes=Completes.MODEL)
_CACHED_PATTERN = Positional("pattern", "a part of the name", required=False, completes=Completes.MODEL)

PULL = Command(
    name="pull",
    summary="fetch a model from the hub, or go on with one that is half here",
    positionals=(_REMOTE_MODEL,),
    options=(
        Option("--force-resume", "go on with a model that is here but broken or incomplete, without asking"),
        Option("--dry-run", "say what would be fetched, and fetch nothing"),
        Option("--include", "only files that match; several globs with commas", Kind.TEXT, value="GLOBS"),
        Option("--exclude", "no files that match; several globs with commas", Kind.TEXT, value="GLOBS"),
        Option(
            "--progress",
            "bars on a terminal, JSON lines on standard error, or nothing",
            Kind.TEXT,
            value="KIND",
            choices=PROGRESS,
            default="auto: bars on a terminal",
        ),
        HUB,
    ),
    details=(
        "What has arrived is kept when a pull is interrupted, however it was; the next one goes on from there. Every "
        "file is checked against the hub's checksum. A full name means itself; a part of one the model that is here.",
        "HF_TOKEN opens private and gated models. It is sent to the configured hub only, never to --hub or a mirror.",
    ),
    examples=(
        "mlxk pull mlx-community/Qwen3-0.6B-4bit",
        "mlxk pull org/name@v1.0 --dry-run",
        "mlxk pull org/name --include '*.json,*.safetensors'",
    ),
)

SEARCH = Command(
    name="search",
    summary="find models on the hub, and see which of them run here",
    positionals=(Positional("words", "parts of the name", many=True),),
    options=(
        Option("--limit", "how many at most", Kind.INTEGER, value="N", default="10"),
        Option("--all", "also models that do not say they are made for MLX"),
        HUB,
    ),
    details=("Judged from each model's configuration and the beginnings of its weight files; no weights are fetched.",),
    examples=("mlxk search qwen3 4bit", "mlxk search whisper --limit 5 --json"),
)

VERIFY = Command(
    name="verify",
    summary="compare a model's files, whole, with the hub's checksums",
    positionals=(_CACHED_MODEL,),
    options=(Option("--offline", "use the checksums recorded at the pull, ask no hub"), HUB),
    details=("Exits with 1 when a file is damaged. A file that was never pulled is missing, which is no damage.",),
    examples=("mlxk verify Qwen3-0.6B-4bit", "mlxk verify org/name --offline"),
)

OUTDATED = Command(
    name="outdated",
    summary="see which cached models the hub has moved on from",
    positionals=(_CACHED_PATTERN,),
    options=(HUB,),
    details=("`mlxk pull org/name@main` fetches what is new.",),
    examples=("mlxk outdated", "mlxk outdated qwen --json"),
)

PRUNE = Command(
    name="prune",
    summary="remove old revisions, orphans and partial downloads from the cache",
    positionals=(_CACHED_PATTERN,),
    options=(
        Option("--dry-run", "say what would go, and remove nothing"),
        Option("--yes", "remove without asking", short="-y"),
    ),
    details=(
        "A revision is old when no branch or tag points to it and another revision of the model stays. Models that a "
        "download is working on are left alone.",
    ),
    examples=("mlxk prune --dry-run", "mlxk prune qwen --yes"),
)

HUB_COMMANDS = (PULL, SEARCH, VERIFY, OUTDATED, PRUNE)
