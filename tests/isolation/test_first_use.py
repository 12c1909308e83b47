"""A cache is made in the moment before it is used, and not for those that never do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.first_use import FirstUse
from tests.support.isolated_cache import SIGNATURE


def home() -> Path:
    return Path(os.environ["HF_HOME"])


def test_nothing_is_made_for_a_test_that_only_looks() -> None:
    assert not home().exists()
    assert list(home().glob("*")) == []


def write() -> None:
    (home() / "hub" / "models--org--a").mkdir(parents=True)


def open_a_file() -> None:
    (home() / "token").write_text("x")


def start_a_process() -> None:
    code = "import os, pathlib; assert (pathlib.Path(os.environ['HF_HOME']) / 'hub').is_dir()"
    subprocess.run([sys.executable, "-c", code], check=True)


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(not home().is_dir())
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("use", [write, open_a_file, start_a_process, fork])
def test_it_is_there_when_it_is_used(use: Callable[[], None]) -> None:
    use()
    assert (home() / SIGNATURE).is_file()


def test_who_comes_while_it_is_made_waits(tmp_path: Path) -> None:
    first_use, begun, go_on, order = FirstUse(), threading.Event(), threading.Event(), []

    def make() -> None:
        begun.set()
        assert go_on.wait(20)
        order.append("made")

    with first_use.of(str(tmp_path / "x"), make):
        maker = threading.Thread(target=first_use.now)
        maker.start()
        assert begun.wait(20)

        def second() -> None:
            go_on.set()
            first_use("os.mkdir", (str(tmp_path / "x" / "y"), 0o777, -1))
            order.append("used")

        user = threading.Thread(target=second)
        user.start()
        for each in (maker, user):
            each.join(20)
    assert order == ["made", "used"]
