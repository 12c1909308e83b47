"""The option table's rows of the commands for servers that run: stop, status, logs, service."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Kind, Option, Positional

INSTALL, UNINSTALL, STATE = "install", "uninstall", "status"
DEFAULT_TIMEOUT_SECONDS = 45
DEFAULT_LINES = 50

PORT = Option("--port", "the server on this port", Kind.INTEGER, value="N", default="the only one that runs")

STATUS = Command(
    name="status",
    summary="show the servers that run, their models and what they are doing",
    options=(Option("--port", "only the server on this port", Kind.INTEGER, value="N"),),
    details=(
        "Of this user, on this machine. The exit code is 3 when none runs. MEMORY is what a model counts for; a server "
        "that others can reach proves nothing to commands, and tells neither memory nor requests.",
    ),
    examples=("mlxk status", "mlxk status --port 9000 --json"),
)

STOP = Command(
    name="stop",
    summary="stop a server: it finishes its answers first",
    options=(
        PORT,
        Option("--all", "all servers of this user"),
        Option("--force", "end its answers, and the server even if it does not react"),
        Option(
            "--timeout",
            "how long to wait for its end",
            Kind.INTEGER,
            value="SECONDS",
            default=str(DEFAULT_TIMEOUT_SECONDS),
        ),
    ),
    details=(
        "Only a process that is certainly the server gets a signal: number and time of start are compared, and the "
        "program on its port has to prove itself. A service that was installed starts again at the next login.",
    ),
    examples=("mlxk stop", "mlxk stop --port 9000", "mlxk stop --all --force"),
)

LOGS = Command(
    name="logs",
    summary="show what a server in the background has logged",
    options=(
        Option("--port", "of the server on this port", Kind.INTEGER, value="N", default="the latest log"),
        Option("--follow", "go on with what is logged from now on, until Ctrl-C", short="-f"),
        Option("--lines", "how many of the last lines", Kind.INTEGER, "-n", value="N", default=str(DEFAULT_LINES)),
    ),
    details=(
        "Of servers that `mlxk serve --daemon` has started, also when they have ended. A server in a terminal logs "
        "there, a service of systemd in the journal: journalctl --user --unit mlxk.service.",
    ),
    examples=("mlxk logs", "mlxk logs --port 9000 -n 200 -f"),
)

SERVICE = Command(
    name="service",
    summary="have a server started at login and kept running, by launchd or systemd",
    positionals=(
        Positional(
            "action",
            f"{INSTALL}: write its description; {UNINSTALL}: stop it and remove that; {STATE}: tell about it",
            choices=(INSTALL, UNINSTALL, STATE),
        ),
    ),
    options=(
        Option("--now", f"with {INSTALL}: also start it"),
        Option("--print", f"with {INSTALL}: show the description, and write nothing"),
        Option("--force", "replace or remove a description that somebody else wrote or changed"),
        Option("--config", f"with {INSTALL}: the server's configuration file", Kind.TEXT, value="FILE"),
    ),
    details=(
        "The service is `mlxk serve` as you would start it now: its settings come from the configuration file, and "
        "variables of mlxk that are set now are written down, but for secrets.",
    ),
    examples=("mlxk service install --print", "mlxk service install --now", "mlxk service uninstall"),
)

SERVER_COMMANDS = (STATUS, STOP, LOGS, SERVICE)
