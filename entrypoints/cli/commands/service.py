"""`mlxk service install|uninstall|status`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import mlxk
from domain.errors import UsageError
from domain.serving.service_plan import ServicePlan, service_environment
from entrypoints.cli.presenters.server_view import service_lines, service_object
from entrypoints.cli.server_options import INSTALL, STATE, UNINSTALL
from entrypoints.cli.services import Context, Outcome
from entrypoints.settings import Settings
from ports.service_manager import ServiceState

NOT_RUNNING = 3  # as service managers have it


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    action: str
    now: bool = False
    print: bool = False
    force: bool = False
    config: str | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    if arguments.action != INSTALL:
        for flag, given in (("--now", arguments.now), ("--print", arguments.print), ("--config", arguments.config)):
            if given:
                raise UsageError(f"{flag} goes with `mlxk service {INSTALL}`", hint=f"leave {flag} out")
    if arguments.now and arguments.print:
        raise UsageError("--print writes nothing, so --now starts nothing", hint="give one of them")
    if arguments.force and arguments.action == STATE:
        raise UsageError(f"--force changes nothing for `mlxk service {STATE}`", hint="leave it out")
    service = context.services().background_service()
    if arguments.action == INSTALL:
        return _install(context, arguments)
    view = service.uninstall(force=arguments.force) if arguments.action == UNINSTALL else service.look()
    idle = arguments.action == STATE and view.state is not ServiceState.RUNNING
    return Outcome(
        data=lambda: service_object(arguments.action, view),
        show=lambda: context.console.write("".join(f"{line}\n" for line in service_lines(arguments.action, view))),
        exit_code=NOT_RUNNING if idle else 0,
    )


def _install(context: Context, arguments: Arguments) -> Outcome:
    """A configuration that the server would refuse is refused now."""
    service, console = context.services().background_service(), context.console
    settings = context.server_settings({"config": arguments.config})
    plan = _plan(context, settings, arguments.config)
    if arguments.print:
        text = service.text(plan)
        return Outcome(data=lambda: {"action": "printed", "text": text}, show=lambda: console.write(text))
    view = service.install(plan, force=arguments.force, now=arguments.now)
    return Outcome(
        data=lambda: service_object(INSTALL, view),
        show=lambda: console.write("".join(f"{line}\n" for line in service_lines(INSTALL, view))),
    )


def _plan(context: Context, settings: Settings, config: str | None) -> ServicePlan:
    """The interpreter and the launcher by their absolute paths: a service knows no virtual environment."""
    program = [sys.executable, str(Path(mlxk.__file__).absolute().parent / "__main__.py"), "serve"]
    if config is not None:
        program += ["--config", str(Path(config).expanduser().absolute())]
    log = context.services().server_logs().path(settings.port.value)
    return ServicePlan(tuple(program), service_environment(settings.environ), log)
