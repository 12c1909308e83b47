"""What is told of servers that run, that have stopped, and that are services."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from entrypoints.cli.presenters.formatting import UNKNOWN, size
from entrypoints.cli.presenters.table import Cell, Column, Table, show_table

if TYPE_CHECKING:
    from application.serving.background_service import ServiceView
    from application.serving.running_servers import Stopped
    from entrypoints.cli.console import Console
    from ports.running_servers import ServerEntry
    from ports.server_processes import ServerReport

COLUMNS = (
    Column("URL"),
    Column("PID", right=True),
    Column("STATE"),
    Column("UP", right=True),
    Column("REQUESTS", right=True),
    Column("VERSION"),
    Column("MODEL"),
    Column("MEMORY", right=True),
)
LENGTHS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def status_object(reports: Iterable[ServerReport], now: datetime) -> dict[str, object]:
    """The data of `status`."""
    servers = [_server(each, now) for each in reports]
    return {"running": len(servers), "servers": servers}


def show_servers(reports: Sequence[ServerReport], console: Console, now: datetime) -> None:
    if not reports:
        console.line("No server runs. `mlxk serve` starts one.")
        return
    rows = [row for each in reports for row in _rows(each, now)]
    show_table(Table(COLUMNS, tuple(rows)), console)


def stopped_object(stopped: Iterable[Stopped]) -> dict[str, object]:
    """The data of `stop`."""
    return {
        "stopped": [
            {"url": url_of(each.entry), "port": each.entry.port, "pid": each.entry.signalled_id, "killed": each.killed}
            for each in stopped
        ]
    }


def stopped_line(stopped: Stopped) -> str:
    how = "killed" if stopped.killed else "stopped"
    return f"{how}: {url_of(stopped.entry)} (process {stopped.entry.signalled_id})"


def service_object(action: str, view: ServiceView) -> dict[str, object]:
    """The data of `service`."""
    return {
        "action": {"install": "installed", "uninstall": "uninstalled"}.get(action, "shown"),
        "manager": view.manager,
        "file": str(view.file),
        "installed": view.installed,
        "changed": view.changed,
        "state": None if view.state is None else view.state.value,
        "commands": [list(each) for each in view.commands],
    }


def service_lines(action: str, view: ServiceView) -> list[str]:
    told = {
        "install": f"{'written' if view.changed else 'unchanged'}: {view.file}",
        "uninstall": f"removed: {view.file}" if view.changed else f"nothing to remove: {view.file} is not there",
    }.get(action, f"{'installed' if view.installed else 'not installed'}: {view.file}")
    lines = [told]
    if action != "uninstall" and view.state is not None:
        lines.append(f"{view.manager} says: {view.state.value}")
    if view.commands:
        lines += ["to start it, now and at each login:", *(f"  {shlex.join(each)}" for each in view.commands)]
    if action != "uninstall" and view.log_command is not None:
        lines.append(f"its log: {shlex.join(view.log_command)}")
    return lines


def url_of(entry: ServerEntry) -> str:
    """For a client on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(entry.host, entry.host)  # noqa: S104
    return f"http://[{host}]:{entry.port}" if ":" in host else f"http://{host}:{entry.port}"


def _server(report: ServerReport, now: datetime) -> dict[str, object]:
    entry = report.entry
    started = datetime.fromtimestamp(entry.started, UTC)
    return {
        "url": url_of(entry),
        "host": entry.host,
        "port": entry.port,
        "pid": entry.signalled_id,
        "version": entry.version,
        "state": report.condition.value,
        "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "uptime_seconds": _uptime(entry, now),
        "requests": report.requests,
        "models": [{"name": each.name, "memory_bytes": each.need_bytes} for each in report.models],
    }


def _rows(report: ServerReport, now: datetime) -> list[tuple[Cell, ...]]:
    """The first model beside the server, the others below it."""
    entry, requests = report.entry, UNKNOWN if report.requests is None else str(report.requests)
    facts = (
        url_of(entry), str(entry.signalled_id), report.condition.value, _length(_uptime(entry, now)), requests,
        printable(entry.version),
    )  # fmt: skip
    models = [
        (printable(each.name), UNKNOWN if each.need_bytes is None else size(each.need_bytes)) for each in report.models
    ] or [(UNKNOWN, UNKNOWN)]
    blank = ("",) * len(facts)
    return [tuple(map(Cell, (*(facts if place == 0 else blank), *model))) for place, model in enumerate(models)]


def _uptime(entry: ServerEntry, now: datetime) -> int:
    return max(0, int(now.timestamp() - entry.started))


def _length(seconds: int) -> str:
    for length, unit in LENGTHS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
