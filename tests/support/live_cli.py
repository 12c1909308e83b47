"""mlxk as a user starts it, for live tests: a home of its own, the models of one cache, no network unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).resolve().parents[2] / "mlxk" / "__main__.py"
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class LiveHouse:
    """home: of the user, empty at first. hf_home: the cache; it may be the real user's. more: further variables."""

    home: Path
    hf_home: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of the caller's settings but PATH and the temporary folder."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
        own = {"HOME": str(self.home), "HF_HOME": str(self.hf_home), "HF_HUB_OFFLINE": "1"}
        return {**kept, **own, "MLXK2_STRICT_TEST_DELETE": "1", **self.more}

    def run(self, *words: str, stdin: bytes | None = None, **environ: str) -> subprocess.CompletedProcess[bytes]:
        """To the end, piped. stdin: None closes it."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [sys.executable, str(PROGRAM), *words],
            env={**self.environ, **environ}, cwd=self.home, capture_output=True, check=False,
            timeout=PATIENCE_SECONDS, **given,
        )  # fmt: skip

    def text(self, *words: str, stdin: bytes | None = None, **environ: str) -> str:
        """What a command that succeeds writes."""
        done = self.run(*words, stdin=stdin, **environ)
        assert done.returncode == 0, told(done)
        return done.stdout.decode()

    def envelope(self, *words: str, **environ: str) -> dict[str, Any]:
        """What --json says, success or error."""
        done = self.run(*words, "--json", stdin=None, **environ)
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError as fault:
            raise AssertionError(told(done)) from fault
        return found


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    """All that a command said, for messages."""
    out, err = (each.decode(errors="replace") for each in (done.stdout, done.stderr))
    return f"{done.args} ended with {done.returncode}\n{out}\n{err}"
