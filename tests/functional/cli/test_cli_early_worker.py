"""For which command lines a worker starts before the model is known, and that it is ended however they end."""

from __future__ import annotations

import pytest

from tests.support.fakes.cli_services import FakeServices, Line, spoken
from tests.support.fakes.worker import FakeWorkerLauncher


def launcher_after(*argv: str, announced: bool = False) -> FakeWorkerLauncher:
    services = FakeServices(answers=(spoken("yes"),))
    services.announced = announced
    Line(services).run(*argv)
    return services.launcher


@pytest.mark.parametrize(
    ("argv", "announced"),
    [
        (("run", "demo", "hello"), False),
        (("run", "demo", "hello", "--local"), True),
        (("run", "xyzzy", "hello"), False),
        (("run", "demo", "hello", "--think", "--no-think"), False),
        (("run", "demo"), False),
        (("bench", "demo"), False),
        (("bench", "demo", "--batch", "many"), False),
        (("bench", "demo"), True),
        (("embed", "demo", "hello"), True),
        (("rerank", "demo", "question", "document"), True),
    ],
)
def test_a_worker_is_made_ready_and_ended_with_the_command(argv: tuple[str, ...], announced: bool) -> None:
    launcher = launcher_after(*argv, announced=announced)
    assert (launcher.prepared, launcher.closed) == (True, True)


@pytest.mark.parametrize(
    ("argv", "announced"),
    [
        (("run", "demo", "hello"), True),
        (("run", "--help"), False),
        (("run",), False),
        (("run", "demo", "hello", "--top-p", "much"), False),
        (("run", "demo", "hello", "--no-such-option"), False),
        (("list",), False),
        (("show", "demo"), False),
    ],
)
def test_none_is_where_a_server_may_answer_or_no_model_is_wanted(argv: tuple[str, ...], announced: bool) -> None:
    assert not launcher_after(*argv, announced=announced).prepared
