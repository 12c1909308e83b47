"""The option table's row of `mlxk serve`."""

from __future__ import annotations

from entrypoints.cli.cache_options import CACHE_OPTIONS
from entrypoints.cli.grammar import Command, Completes, Kind, Option
from entrypoints.settings import LOG_LEVELS

SERVE = Command(
    name="serve",
    summary="serve models over an OpenAI-compatible HTTP API",
    aliases=("server",),
    options=(
        Option(
            "--model", "load this model before the first request", Kind.TEXT, value="MODEL", completes=Completes.MODEL
        ),
        Option("--host", "address to listen on", Kind.TEXT, value="HOST", default="127.0.0.1"),
        Option("--port", "port to listen on; 0 takes a free one", Kind.INTEGER, value="N", default="8000"),
        Option(
            "--max-tokens",
            "tokens an answer may have when its request does not say",
            Kind.INTEGER,
            value="N",
            default="half of the model's context",
        ),
        *CACHE_OPTIONS,
        Option("--log-level", "what is logged", Kind.TEXT, value="LEVEL", choices=LOG_LEVELS, default="info"),
        Option("--log-json", "log as JSON lines"),
        Option("--force", "load models although they may not fit into memory"),
        Option("--verbose", "short for --log-level debug"),
        Option("--share", "let others pull the cached models from here, read-only, in the hub's protocol"),
    ),
    details=("Ctrl-C or SIGTERM finishes the running answers and stops.",),
    examples=("mlxk serve", "mlxk serve --model demo --port 9000"),
)
