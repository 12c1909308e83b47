"""Starting and ending the child."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from adapters.worker_process.frames import FrameSocket
from adapters.worker_process.output import WorkerOutput
from domain.serving.worker_death import DeathCause
from ports.worker_channel import OUT_OF_MEMORY

GRACE_SECONDS = 2.0
DYING_SECONDS = 5.0
STDERR = 2

SECRETS = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACE_HUB_TOKEN",
    "HUGGINGFACE_TOKEN",
    "MLXK_API_KEY",
    "MLXK_API_KEY_FILE",
)
OFFLINE_AND_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MLXLM_USE_MODELSCOPE": "false",
}


def worker_command() -> tuple[str, ...]:
    """How to start a worker: this Python on mlxk's launcher, which lies in the application root once installed and in
    `mlxk/` below it in a checkout. `-P`: the launcher alone decides what is on sys.path.
    """
    root = Path(__file__).resolve().parents[2]
    launchers = (root / "__main__.py", root / "mlxk" / "__main__.py")
    launcher = next((path for path in launchers if path.is_file()), launchers[1])
    return (sys.executable, "-P", str(launcher), "worker")


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The front's environment without its secrets: a worker reads local files only, and renders foreign templates."""
    return {name: value for name, value in environ.items() if name not in SECRETS} | OFFLINE_AND_QUIET


class ChildProcess:
    """A worker's process and our end of its line. Thread-safe. Always waited for: it leaves no zombie.

    Its stdout is our stderr: what a library prints must not get into our output. captured: both become lines of our
    log.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        flags: Sequence[str] = (),
        *,
        captured: bool = False,
    ) -> None:
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe() if captured else (-1, STDERR)
        with theirs:
            try:
                with deaf_to_ctrl_c():
                    self._process = subprocess.Popen(
                        [*command, "--fd", str(theirs.fileno()), *flags],
                        env=dict(environment),
                        stdin=subprocess.DEVNULL,
                        stdout=writing,
                        stderr=writing,
                        close_fds=True,
                        pass_fds=(theirs.fileno(),),
                    )
            except BaseException:
                ours.close()
                if captured:
                    os.close(reading)
                raise
            finally:
                if captured:
                    os.close(writing)
        self.output = WorkerOutput(reading, self._process.pid) if captured else None
        self.frames = FrameSocket(ours)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Without a word, if it still runs. `end` waits for it."""
        self._process.kill()

    def end(self) -> str:
        """Hang up, which tells a worker to exit at once; SIGKILL when it has not after GRACE_SECONDS.

        Returns when the process is gone, with how it went, as a clause: `was killed by SIGKILL`. One that the system
        holds even then is left behind after DYING_SECONDS, for nobody could wait for it. Idempotent.
        """
        self.frames.close()
        try:
            code = self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            try:
                code = self._process.wait(DYING_SECONDS)
            except subprocess.TimeoutExpired:
                return "was killed by SIGKILL, and the system has not let it go yet"
        if self.output is not None:
            self.output.wait()
        if code < 0:
            return f"was killed by {_signal_name(-code)}"
        return "ran out of memory" if code == OUT_OF_MEMORY else f"ended with exit code {code}"

    @property
    def cause(self) -> DeathCause:
        """How it ended, once `end` has returned."""
        code = self._process.returncode
        if code in (None, -signal.SIGKILL):
            return DeathCause.KILLED
        if code < 0:
            return DeathCause.ABORTED if code == -signal.SIGABRT else DeathCause.CRASHED
        return DeathCause.MEMORY if code == OUT_OF_MEMORY else DeathCause.EXITED


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """What is started here never sees SIGINT, not even in the moment before it could say so itself: a terminal's Ctrl-C
    reaches the whole group, and would find Python half started. A blocked signal stays blocked across exec.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
