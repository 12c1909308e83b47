"""`mlxk serve`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from domain.catalog import ModelReport
from domain.catalog.fitness import require_served
from domain.errors import MlxkError, UsageError
from domain.serving.aliases import meaning
from domain.serving.load_wishes import PLAINLY, LoadWishes
from entrypoints.cli.console import ReaderGone
from entrypoints.cli.daemon import start_in_background
from entrypoints.cli.envelope import encode, failure, success
from entrypoints.cli.presenters.config_view import config_object, show_config
from entrypoints.cli.presenters.serve_view import banner
from entrypoints.cli.services import Context, Outcome, Services
from entrypoints.settings import LoadSettings, Settings

if TYPE_CHECKING:
    from entrypoints.http.front import Serving

LOADING_NAMES = tuple(each.name for each in fields(LoadSettings))
STARTING = "starting"  # the word of specification 0.2.3


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table. None: the environment's value, else the default."""

    model: str | None = None
    host: str | None = None
    port: int | None = None
    max_tokens: int | None = None
    memory_limit: str | None = None
    idle_ttl: str | None = None
    transcription_timeout: str | None = None
    cache_ram: str | None = None
    cache_disk: str | None = None
    cache_dir: str | None = None
    log_level: str | None = None
    log_json: bool = False
    no_access_log: bool = False
    force: bool = False
    verbose: bool = False
    share: bool = False
    api_key_file: str | None = None
    api_key: tuple[str, ...] = field(default=(), repr=False)
    no_auth: bool = False
    allow_host: tuple[str, ...] = ()
    cors_origin: tuple[str, ...] = ()
    max_body: str | None = None
    adapter: str | None = None
    draft_model: str | None = None
    draft_ngram: int | None = None
    draft_tokens: int | None = None
    kv_bits: int | None = None
    kv_group_size: int | None = None
    max_kv_size: int | None = None
    cpu: bool = False
    embed_backend: str | None = None
    allow_remote_backend: bool = False
    config: str | None = None
    print_config: bool = False
    daemon: bool = False

    def flags(self) -> dict[str, object]:
        """By the names of the settings. Raises UsageError."""
        if self.verbose and self.log_level is not None:
            raise UsageError(
                f"--verbose and --log-level {self.log_level} contradict each other", hint="give one of them"
            )
        return {
            "config": self.config,
            "preload_model": self.model,
            "host": self.host,
            "port": self.port,
            "max_tokens": self.max_tokens,
            "memory_limit": self.memory_limit,
            "idle_ttl": self.idle_ttl,
            "transcription_timeout": self.transcription_timeout,
            "cache_ram": self.cache_ram,
            "cache_disk": self.cache_disk,
            "cache_dir": self.cache_dir,
            "log_level": "debug" if self.verbose else self.log_level,
            "log_json": True if self.log_json else None,
            "share": True if self.share else None,
            "force": True if self.force else None,
            "embed_backend": self.embed_backend,
            "allow_remote_backend": True if self.allow_remote_backend else None,
            **self._doors(),
            **{name: getattr(self, name) for name in LOADING_NAMES},
            "cpu": True if self.cpu else None,
        }

    def _doors(self) -> dict[str, object]:
        lists = ("api_key", "allow_host", "cors_origin")
        return {
            "access_log": False if self.no_access_log else None,
            "api_key_file": self.api_key_file,
            "no_auth": True if self.no_auth else None,
            "max_body": self.max_body,
            **{name: ",".join(getattr(self, name)) or None for name in lists},
        }


@dataclass(frozen=True, slots=True)
class Guise:
    """Under which name the server was asked for, and what its first model must be able to do."""

    command: str = "serve"
    require: Callable[[ModelReport], None] = require_served


USUAL = Guise()


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Serve until a signal ends it; the exit code is the server's."""
    return serve_models(context, arguments, USUAL)


def serve_models(context: Context, arguments: Arguments, guise: Guise) -> Outcome:
    """As `execute`, under any name."""
    settings = context.server_settings(arguments.flags())
    for warning in settings.config_warnings:
        context.console.complain(f"{guise.command}: Warning: {warning}")
    if arguments.print_config:
        return Outcome(data=lambda: config_object(settings), show=lambda: show_config(settings, context.console))
    able: tuple[str, ...] = ()
    if settings.preload_model.value is not None:
        model = meaning(settings.preload_model.value, settings.serving_rules.aliases)
        able = _require_model(context.services(), model, settings.loading.wishes, guise).capabilities
    elif settings.loading.given:
        raise UsageError(
            f"{settings.loading.given[0]} says how a model is loaded, and no model is given", hint="add --model MODEL"
        )
    if arguments.daemon:
        return start_in_background(context, settings, arguments)
    return _serve_here(context, settings, guise.command, able)


def _serve_here(context: Context, settings: Settings, command: str, able: tuple[str, ...]) -> Outcome:
    """able: what the first model is for."""
    console = context.console

    def announce(serving: Serving) -> None:
        """A reader that has gone misses it; the server goes on."""
        with suppress(ReaderGone):
            if console.json:
                facts = {"url": serving.url, "host": serving.host, "port": serving.port, "model": serving.model}
                console.emit(encode(success(command, {"status": STARTING, **facts}), console.encoding))
            else:
                console.write(banner(serving.url, serving.model, keyed=settings.doors.keyed, able=able))

    def failed(error: MlxkError) -> None:
        """The log has told people already."""
        if console.json:
            with suppress(ReaderGone):
                console.emit(encode(failure(command, error), console.encoding))

    return Outcome(data=None, show=lambda: None, exit_code=context.server()(settings, announce, failed))


def _require_model(services: Services, spec: str, wishes: LoadWishes, guise: Guise) -> ModelReport:
    """A model that is not here, cannot answer, or cannot be loaded that way is refused before anything listens."""
    report = services.inspect_model().execute(services.resolve_model().execute(spec))
    guise.require(report)
    if wishes != PLAINLY:
        services.plan_load().execute(report.location, wishes)
    return report
