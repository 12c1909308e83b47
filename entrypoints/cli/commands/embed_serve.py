"""`mlxk embed-serve [MODEL]`: `mlxk serve` under another name, with an embedding model loaded."""

from __future__ import annotations

from dataclasses import dataclass

from domain.catalog.fitness import require_embed
from domain.errors import UsageError
from entrypoints.cli.commands import serve
from entrypoints.cli.embedding_options import EMBED_SERVE_PORT
from entrypoints.cli.services import Context, Outcome
from entrypoints.settings import Source


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table. None: the environment's value, else the default."""

    model: str | None = None
    host: str | None = None
    port: int | None = None
    cpu: bool = False
    log_level: str | None = None
    log_json: bool = False
    force: bool = False
    verbose: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """As serve.execute. Raises UsageError when no model is named."""
    settings = context.server_settings({})
    model = arguments.model or settings.embedding.model.value
    if model is None:
        raise UsageError("the model is missing", hint="write `mlxk embed-serve MODEL`, or set MLXK2_EMBED_MODEL")
    port = arguments.port
    if port is None and settings.port.source is Source.DEFAULT:
        port = EMBED_SERVE_PORT
    return serve.serve_models(
        context,
        serve.Arguments(
            model=model,
            host=arguments.host,
            port=port,
            cpu=arguments.cpu or settings.embedding.cpu.value,
            log_level=arguments.log_level,
            log_json=arguments.log_json,
            force=arguments.force,
            verbose=arguments.verbose,
        ),
        serve.Guise("embed-serve", require_embed),
    )
