"""The real command line as processes: piped, and on a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.isolated_cache import cache_under

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "mlxk")
PATIENCE_SECONDS = 40.0


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """The caller's environment with caches of its own below `home`, the hub's an isolated one, and nothing else
    that changes how mlxk behaves.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLXK", "HF_", "HUGGING", "COLUMNS"))
    }
    caches = {"XDG_CACHE_HOME": str(home / "cache"), "XDG_STATE_HOME": str(home / "state")}
    isolated = {"HF_HOME": str(cache_under(home)), "MLXK2_STRICT_TEST_DELETE": "1"}
    return {**kept, **caches, **isolated, "TERM": "xterm", **extra}


def mlxk(*argv: str, env: dict[str, str], stdin: bytes = b"", cwd: Path = ROOT) -> subprocess.CompletedProcess[bytes]:
    """Run to the end, piped."""
    command = COMMAND if cwd == ROOT else (sys.executable, str(ROOT / "mlxk" / "__main__.py"))
    return subprocess.run(
        [*command, *argv], env=env, input=stdin, capture_output=True, timeout=PATIENCE_SECONDS, cwd=cwd, check=False
    )


class Terminal:
    """A command on a pseudo-terminal, in a session of its own: Ctrl-C reaches all of its processes."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        self._leader = leader
        self.process = process
        self.shown = ""

    def type(self, text: str) -> None:
        """Send keys. Line ends are Enter, \\x03 is Ctrl-C, \\x04 is Ctrl-D."""
        os.write(self._leader, text.encode())

    def wait_for(self, text: str, *, after: int = 0) -> int:
        """Read until `text` is shown after position `after`; returns the position behind it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.shown.find(text, after)) < 0:
            assert time.monotonic() < deadline, f"{text!r} was not shown in {self.shown!r}"
            assert self._read(), f"the command ended without {text!r}: {self.shown!r}"
        return found + len(text)

    def finish(self) -> int:
        """Read to the end; returns the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._leader], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing more was shown: {self.shown!r}"
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # Linux says EIO when the last process has left the terminal
            return False
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


@contextmanager
def on_terminal(*argv: str, env: dict[str, str]) -> Iterator[Terminal]:
    """A command on a terminal; whatever is left of it afterwards is killed."""
    with program_on_terminal(*COMMAND, *argv, env=env) as terminal:
        yield terminal


@contextmanager
def program_on_terminal(*argv: str, env: dict[str, str], cwd: Path = ROOT) -> Iterator[Terminal]:
    """Any program, by its path, on a terminal; whatever is left of it afterwards is killed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *argv],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )
    os.close(follower)
    try:
        yield Terminal(leader, process)
    finally:
        kill_group(process.pid)
        process.wait(PATIENCE_SECONDS)
        os.close(leader)


# The new session has no terminal yet: take the one on standard input, then become the command.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def kill_group(leader: int) -> None:
    """Kill every process of a group that we started, if any is left."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def group_is_empty(leader: int) -> bool:
    """True when no process of the group is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    return False
