"""A process is told from a later one of its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from adapters.server_client.identity import _from_ps, born, is_same, send_signal

WAITING = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_keeps_its_mark_and_another_has_another(child: subprocess.Popen[bytes]) -> None:
    assert born(child.pid) == born(child.pid)
    assert born(child.pid) != born(os.getpid())
    assert is_same(child.pid, born(child.pid) or "")
    assert not is_same(child.pid, "")


def test_a_zombie_is_nobody(child: subprocess.Popen[bytes]) -> None:
    mark = born(child.pid) or ""
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert born(child.pid) is None
    assert not send_signal(child.pid, mark, signal.SIGTERM)
    child.wait()
    assert born(child.pid) is None
    assert not send_signal(child.pid, mark, signal.SIGTERM)


def test_a_signal_reaches_the_process_of_the_mark_and_no_stranger_of_its_number(
    child: subprocess.Popen[bytes],
) -> None:
    assert not send_signal(child.pid, "the mark of one that has gone", signal.SIGKILL)
    assert child.poll() is None
    assert send_signal(child.pid, born(child.pid) or "", signal.SIGTERM)
    assert child.wait(20) == -signal.SIGTERM


def test_without_a_handle_on_the_process_the_mark_is_looked_at_first(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert not send_signal(child.pid, "another", signal.SIGKILL)
    assert send_signal(child.pid, born(child.pid) or "", signal.SIGTERM)
    assert child.wait(20) == -signal.SIGTERM


def test_ps_tells_them_apart_as_well(child: subprocess.Popen[bytes]) -> None:
    """What other systems have in place of /proc."""
    assert _from_ps(child.pid) == _from_ps(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert _from_ps(child.pid) is None
    child.wait()
    assert _from_ps(child.pid) is None
