"""Which Pythons this machine has."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
OLDER = ((2, 7), (3, 6), (3, 7), (3, 8), (3, 9), (3, 10))
_PROBE = "import sys; sys.stdout.write('.'.join(map(str, sys.version_info[:3])))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that answered. version: its own words, such as 3.12.1."""

    path: Path
    version: str


def find(wanted: tuple[int, int], environment: Mapping[str, str] = os.environ) -> Interpreter | None:
    """The first Python of that minor version that starts: on PATH, then where pyenv, uv, Homebrew and python.org put
    theirs. A pyenv shim of a version that is not active does not start, and is passed over.
    """
    prefix = ".".join(map(str, wanted)) + "."
    for path in candidates(wanted, environment):
        version = probe(path)
        if version is not None and version.startswith(prefix):
            return Interpreter(path, version)
    return None


def candidates(wanted: tuple[int, int], environment: Mapping[str, str]) -> Iterable[Path]:
    major, minor = wanted
    name = f"python{major}.{minor}"
    if sys.version_info[:2] == wanted:
        yield Path(sys.base_prefix) / "bin" / name
    on_path = shutil.which(name, path=environment.get("PATH"))
    if on_path:
        yield Path(on_path)
    home = Path(environment.get("HOME", "/"))
    pyenv = Path(environment.get("PYENV_ROOT") or home / ".pyenv")
    patterns = (
        f"{pyenv}/versions/{major}.{minor}.*/bin/{name}",
        f"{home}/.local/share/uv/python/cpython-{major}.{minor}.*/bin/{name}",
        f"/opt/homebrew/bin/{name}",
        f"/usr/local/bin/{name}",
        f"/Library/Frameworks/Python.framework/Versions/{major}.{minor}/bin/{name}",
    )
    for pattern in patterns:
        yield from map(Path, sorted(glob.glob(pattern), reverse=True))  # noqa: PTH207 - the patterns are absolute


def probe(path: Path) -> str | None:
    """What the interpreter says of its version; None when it does not start."""
    try:
        answer = subprocess.run([path, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
