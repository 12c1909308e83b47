"""ServiceManager of macOS: a property list in the user's LaunchAgents."""

from __future__ import annotations

import os
import plistlib
import re
from pathlib import Path, PurePath

from adapters.service_manager.description import Description, asked, done
from domain.errors import InvalidRequest
from domain.serving.service_plan import ServicePlan, signed
from ports.service_manager import ServiceState

LABEL = "mlxk.server"
EXIT_SECONDS = 45  # above the grace of running answers
OPEN_FILES = 4096
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


class Launchd:
    """home: the user's. launchctl: the program."""

    name = "launchd"

    def __init__(self, home: Path, launchctl: str = "launchctl") -> None:
        self._description = Description(home / "Library" / "LaunchAgents" / f"{LABEL}.plist")
        self._launchctl = launchctl
        self._domain = f"gui/{os.getuid()}"

    @property
    def file(self) -> PurePath:
        return self._description.path

    @property
    def start_commands(self) -> tuple[tuple[str, ...], ...]:
        return ((self._launchctl, "bootstrap", self._domain, str(self.file)),)

    @property
    def stop_commands(self) -> tuple[tuple[str, ...], ...]:
        return ((self._launchctl, "bootout", f"{self._domain}/{LABEL}"),)

    @property
    def log_command(self) -> tuple[str, ...] | None:
        return None

    def text(self, plan: ServicePlan) -> str:
        for word in (*plan.program, *plan.environment, *plan.environment.values(), str(plan.log_file)):
            if NOT_IN_XML.search(word):
                raise InvalidRequest(f"{word!r} cannot be written in a property list", hint="rename it")
        described = {
            "Label": LABEL,
            "ProgramArguments": list(plan.program),
            "EnvironmentVariables": dict(plan.environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "ExitTimeOut": EXIT_SECONDS,
            "ProcessType": "Interactive",  # others are slowed down when a window is in front
            "StandardOutPath": "/dev/null",
            "StandardErrorPath": str(plan.log_file),
            "Umask": 0o077,
            "SoftResourceLimits": {"NumberOfFiles": OPEN_FILES},
        }
        return signed(plistlib.dumps(described, sort_keys=False).decode("utf-8"), "<!-- ", " -->")

    def read(self) -> str | None:
        return self._description.read()

    def write(self, text: str) -> None:
        self._description.write(text)

    def remove(self) -> None:
        self._description.remove()

    def start(self) -> None:
        """Anew when it runs already: it may have been described anew."""
        self.stop()
        for command in self.start_commands:
            done(command)

    def stop(self) -> None:
        if self.state() in (ServiceState.RUNNING, ServiceState.STOPPED):
            for command in self.stop_commands:
                done(command)

    def state(self) -> ServiceState:
        told = asked([self._launchctl, "print", f"{self._domain}/{LABEL}"])
        if told.returncode:
            return ServiceState.ABSENT
        running = re.search(r"^\s*state = running$", told.stdout, re.MULTILINE)
        return ServiceState.RUNNING if running else ServiceState.STOPPED
