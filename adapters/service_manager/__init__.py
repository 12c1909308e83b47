"""What starts a server at login and keeps it running: launchd on macOS, systemd on Linux."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import DependencyMissing

if TYPE_CHECKING:
    from ports.service_manager import ServiceManager


def service_manager_for(platform: str, environ: Mapping[str, str]) -> ServiceManager:
    """platform: as sys.platform. environ: HOME and XDG_CONFIG_HOME. Raises DependencyMissing for other systems."""
    home = Path(environ.get("HOME") or "~").expanduser()
    if platform == "darwin":
        from adapters.service_manager.launchd import Launchd

        return Launchd(home)
    if platform.startswith("linux"):
        from adapters.service_manager.systemd import Systemd

        named = environ.get("XDG_CONFIG_HOME", "").strip()
        return Systemd(Path(named).expanduser() if named else home / ".config")
    raise DependencyMissing(f"no service manager is known for {platform}", hint="`mlxk serve --daemon` works without")
