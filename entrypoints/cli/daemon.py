"""`mlxk serve --daemon`: the same command line, in a process of its own that outlives this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath

from domain.errors import AccessDenied, InternalError, MlxkError, PortInUse, leaves
from entrypoints.cli.grammar import Kind
from entrypoints.cli.serve_options import SERVE
from entrypoints.cli.services import Context, Outcome
from entrypoints.door_settings import KEYS_IN_SIGHT
from entrypoints.settings import Settings, Source
from ports.background_servers import BackgroundServers, StartedServer

HERE_ONLY = ("daemon", "print_config")
SECRET = ("api_key",)  # these go through the environment, which others cannot read


def start_in_background(context: Context, settings: Settings, arguments: object) -> Outcome:
    """Returns when the server is ready. Raises what kept it from that, as it told it."""
    services, port = context.services(), settings.port.value
    for entry in services.running_servers().reports(port):
        raise PortInUse(
            f"a server runs on port {port} already (process {entry.entry.signalled_id})",
            hint=f"`mlxk stop --port {port}` ends it; --port {port + 1 if port < 65535 else 8000} is another port",
            param="port",
        )
    if settings.doors.api_key.source is Source.FLAG:
        context.console.complain(f"serve: Warning: {KEYS_IN_SIGHT}")
    background = services.background_servers()
    try:
        started = background.start(command_line(arguments), port, secrets(arguments))
    except OSError as fault:
        raise AccessDenied(f"cannot start in the background: {fault.strerror}: {fault.filename}") from fault
    facts = _announced(started)
    log_file = _named(background, started, facts, port)
    data = {**facts, "pid": started.process_id, "log_file": str(log_file)}
    text = (
        f"mlxk serves at {facts['url']} (process {started.process_id})\n"
        f"its log: {log_file}\n"
        f"`mlxk stop --port {facts['port']}` stops it\n"
    )
    return Outcome(data=lambda: data, show=lambda: context.console.write(text))


def command_line(arguments: object) -> list[str]:
    """The options that say the same again; every value behind `=`, so that none is taken for another option."""
    words: list[str] = []
    for option in SERVE.options:
        value = getattr(arguments, option.parameter)
        if option.parameter in (*HERE_ONLY, *SECRET) or value is None or value is False:
            continue
        if option.kind is Kind.SWITCH:
            words.append(option.flag)
        else:
            words += [f"{option.flag}={each}" for each in (value if isinstance(value, tuple) else (value,))]
    return words


def secrets(arguments: object) -> dict[str, str]:
    """What `command_line` leaves out, by the variables that say it."""
    found = {f"MLXK_{name.upper()}": ",".join(getattr(arguments, name)) for name in SECRET}
    return {variable: value for variable, value in found.items() if value}


def _announced(started: StartedServer) -> Mapping[str, object]:
    """What the server said of itself. Raises the error that it ended with."""
    try:
        envelope = json.loads(started.said)
        if envelope["status"] == "success" and started.exit_code is None:
            return dict(envelope["data"])
        raise _error(envelope["error"], started.log_file)
    except (ValueError, KeyError, TypeError) as fault:
        raise InternalError(
            f"the server ended with code {started.exit_code} before it was ready",
            hint=f"its log may tell why: {started.log_file}",
        ) from fault


def _error(told: Mapping[str, object], log_file: PurePath) -> MlxkError:
    """The same class with the same words."""
    name = told.get("code", told["type"])
    kind = next((each for each in leaves() if each.code == name), InternalError)
    hint, matches, detail = told.get("hint"), told.get("matches"), told.get("detail")
    return kind(
        str(told["message"]),
        hint=str(hint) if hint else f"its log: {log_file}",
        matches=[str(each) for each in matches] if isinstance(matches, list) else (),
        detail=detail if isinstance(detail, dict) else None,
    )


def _named(
    background: BackgroundServers, started: StartedServer, facts: Mapping[str, object], asked_port: int
) -> PurePath:
    if asked_port:
        return started.log_file
    try:
        return background.name_log(started, int(str(facts["port"])))
    except OSError:
        return started.log_file  # it is logged all the same, and where is told
