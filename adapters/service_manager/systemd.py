"""ServiceManager of Linux: a unit of the user's own systemd."""

from __future__ import annotations

from pathlib import Path, PurePath

from adapters.service_manager.description import Description, asked, done
from domain.errors import InvalidRequest
from domain.serving.service_plan import ServicePlan, signed
from ports.service_manager import ServiceState

UNIT = "mlxk.service"
STOP_SECONDS = 45  # above the grace of running answers
# A worker that runs out of memory is replaced by the server: the others go on. What maps memory for writing and running
# is allowed, since MLX compiles kernels; so are devices, since it computes on them.
UNIT_TEXT = """\
[Unit]
Description=mlxk, a server for MLX models
Documentation=https://pypi.org/project/mlxk/
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=all
ExecStart={program}
{environment}Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2
SuccessExitStatus=130 143
TimeoutStartSec=15min
TimeoutStopSec={stop_seconds}
KillMode=mixed
OOMPolicy=continue
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


class Systemd:
    """config_home: the user's XDG_CONFIG_HOME. systemctl: the program."""

    name = "systemd"

    def __init__(self, config_home: Path, systemctl: str = "systemctl") -> None:
        self._description = Description(config_home / "systemd" / "user" / UNIT)
        self._systemctl = systemctl

    @property
    def file(self) -> PurePath:
        return self._description.path

    @property
    def start_commands(self) -> tuple[tuple[str, ...], ...]:
        return (self._command("daemon-reload"), self._command("enable", "--now", UNIT))

    @property
    def stop_commands(self) -> tuple[tuple[str, ...], ...]:
        return (self._command("disable", "--now", UNIT),)

    @property
    def log_command(self) -> tuple[str, ...] | None:
        return ("journalctl", "--user", "--unit", UNIT)

    def text(self, plan: ServicePlan) -> str:
        executable, *arguments = plan.program
        program = [_quoted(executable), *(_quoted(each.replace("$", "$$")) for each in arguments)]
        environment = [f"Environment={_quoted(f'{name}={value}')}\n" for name, value in plan.environment.items()]
        unit = UNIT_TEXT.format(program=" ".join(program), environment="".join(environment), stop_seconds=STOP_SECONDS)
        return signed(unit, "# ", "")

    def read(self) -> str | None:
        return self._description.read()

    def write(self, text: str) -> None:
        self._description.write(text)

    def remove(self) -> None:
        self._description.remove()
        if self.state() is not ServiceState.UNREACHABLE:
            done(self._command("daemon-reload"))

    def start(self) -> None:
        """Anew when it runs already: it may have been described anew. Nobody waits until its models are loaded."""
        for command in (
            self._command("daemon-reload"),
            self._command("enable", UNIT),
            self._command("restart", "--no-block", UNIT),
        ):
            done(command)

    def stop(self) -> None:
        if self.state() in (ServiceState.RUNNING, ServiceState.STOPPED):
            for command in self.stop_commands:
                done(command)

    def state(self) -> ServiceState:
        told = asked(self._command("show", "--property", "LoadState,ActiveState", UNIT))
        if told.returncode:
            return ServiceState.UNREACHABLE
        facts = dict(line.partition("=")[::2] for line in told.stdout.splitlines())
        if facts.get("LoadState") in (None, "not-found"):
            return ServiceState.ABSENT
        running = facts.get("ActiveState") in ("active", "activating", "reloading")
        return ServiceState.RUNNING if running else ServiceState.STOPPED

    def _command(self, *words: str) -> tuple[str, ...]:
        return (self._systemctl, "--user", *words)


def _quoted(word: str) -> str:
    """As systemd reads it back, specifiers and all."""
    if "\0" in word or any("\ud800" <= character <= "\udfff" for character in word):
        raise InvalidRequest(f"{word!r} cannot be written in a unit file", hint="rename it")
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "%": "%%"}
    escaped = "".join(escapes.get(each, each if each.isprintable() else _hexadecimal(each)) for each in word)
    return f'"{escaped}"'


def _hexadecimal(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8"))
