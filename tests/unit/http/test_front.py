"""Coming up: ready when the model is, and nobody's reading decides whether the server lives."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from domain.errors import Conflict, InternalError, ModelLoadFailed
from entrypoints.http.front import Front, FrontPlan, Serving
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from entrypoints.settings import load_settings
from ports.running_servers import ServerEntry
from tests.support.eventually import eventually
from tests.support.fakes.http_services import DEMO, FakeRegister, FakeServices


class House:
    """A front over fakes. announced: what it told; failed: set when it gave up."""

    def __init__(
        self,
        announce_fault: Exception | None = None,
        model: str | None = "demo",
        host: str = "127.0.0.1",
        register: FakeRegister | None = None,
    ) -> None:
        self.register = register or FakeRegister()
        self.services = FakeServices(register=self.register, preload=model)
        self.announced: list[Serving] = []
        self.told = threading.Event()
        self.failed = threading.Event()
        self._fault = announce_fault
        self.on_announce: Callable[[], object] = lambda: None
        self.front = Front(
            FrontPlan(
                settings=load_settings({"preload_model": model}, {"HOME": "/nowhere"}),
                services_factory=lambda _: self.services,
                announce=self._announce,
                address=Address(host, 8000),
                limits=HttpLimits(),
                grace_seconds=60,
            )
        )

    def _announce(self, serving: Serving) -> None:
        self.announced.append(serving)
        self.on_announce()
        self.told.set()
        if self._fault is not None:
            raise self._fault

    def state(self) -> str:
        return self.services.check_readiness().execute().state.value

    def bring_up(self, *, announce: bool = True) -> None:
        self.front.bring_up(announce=announce, on_failure=self.failed.set)


def test_it_is_ready_before_it_says_so() -> None:
    house = House()
    house.bring_up()
    assert house.told.wait(10)
    assert house.announced == [Serving("http://127.0.0.1:8000", "127.0.0.1", 8000, DEMO)]
    assert house.state() == "ready"


def test_without_a_first_model_it_is_ready_at_once() -> None:
    house = House(model=None)
    house.bring_up()
    assert house.told.wait(10)
    assert house.announced[0].model is None


@pytest.mark.parametrize("fault", [OSError("no space"), InternalError("cannot write to standard output")])
def test_it_serves_on_when_the_announcement_cannot_be_printed(fault: Exception) -> None:
    house = House(fault)
    house.bring_up()
    assert house.told.wait(10)
    assert house.state() == "ready"
    assert not house.failed.is_set()


def test_a_replaced_serving_process_announces_nothing_again() -> None:
    house = House()
    house.bring_up(announce=False)
    eventually(lambda: house.state() == "ready", "it to be ready")
    assert house.announced == []


def test_a_model_that_cannot_be_loaded_is_a_failure_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.services.launcher.script.fail_to_load[DEMO] = ModelLoadFailed("its weights are odd", hint="pull it again")
    house.bring_up()
    assert house.failed.wait(10)
    assert house.state() == "failed"
    assert "cannot serve: its weights are odd (pull it again)" in caplog.text
    assert not house.announced


def test_stopping_while_it_comes_up_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.front.close()
    house.bring_up()
    eventually(lambda: "bring-up" not in [thread.name for thread in threading.enumerate()], "its thread to end")
    assert not house.failed.is_set()
    assert "cannot serve" not in caplog.text


@pytest.mark.parametrize(("running", "words"), [(1, "1 answer still runs, for"), (2, "2 answers still run, for")])
def test_stopping_says_how_many_answers_still_run(running: int, words: str, caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    with ExitStack() as answers, caplog.at_level(logging.INFO):
        for _ in range(running):
            answers.enter_context(house.front.slots.take())
        house.front.begin_stop()
    assert f"stopping: {words} at most 60 s" in caplog.text
    house.front.close()


def test_it_can_be_found_until_it_stops() -> None:
    house = House()
    house.bring_up()
    assert house.told.wait(10)
    (entry,) = house.register.entries.values()
    assert (entry.process_id, entry.host, entry.port) == (os.getpid(), "127.0.0.1", 8000)
    assert (entry.supervisor_id, entry.stopping) == (os.getppid(), False)
    house.front.begin_stop()
    assert [each.stopping for each in house.register.entries.values()] == [True]
    house.front.close()
    assert house.register.entries == {}


def test_it_can_be_found_before_anybody_is_told() -> None:
    seen: list[int] = []
    house = House()
    house.on_announce = lambda: seen.append(len(house.register.entries))
    house.bring_up()
    assert house.told.wait(10)
    assert seen == [1]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::"])  # noqa: S104
def test_a_server_that_others_can_reach_is_entered_and_proves_nothing(host: str) -> None:
    house = House(host=host)
    house.bring_up()
    assert house.told.wait(10)
    assert [each.host for each in house.register.entries.values()] == [host]
    with pytest.raises(Conflict):
        house.services.presence().introduce("0" * 32)
    house.front.close()


class FullDisk(FakeRegister):
    def enter(self, entry: ServerEntry) -> None:
        raise OSError("no space left")

    leave = FakeRegister.leave


def test_a_server_that_cannot_be_entered_serves_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    house = House(register=FullDisk())
    house.bring_up()
    assert house.told.wait(10)
    assert house.state() == "ready"
    assert "no space left" in caplog.text
    house.front.close()


def test_a_server_that_fails_to_start_takes_its_entry_back_when_it_ends() -> None:
    house = House(model="nothing-like-it")
    house.bring_up()
    assert house.failed.wait(10)
    assert len(house.register.entries) == 1, "it can be found, and stopped, while it loads"
    house.front.close()
    assert house.register.entries == {}
