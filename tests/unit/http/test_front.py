"""Coming up: ready when the model is, and nobody's reading decides whether the server lives."""

from __future__ import annotations

import threading

import pytest

from domain.errors import InternalError, ModelLoadFailed
from entrypoints.http.front import Front, FrontPlan, Serving
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from entrypoints.settings import load_settings
from tests.support.eventually import eventually
from tests.support.fakes.http_services import DEMO, FakeServices


class House:
    """A front over fakes. announced: what it told; failed: set when it gave up."""

    def __init__(self, announce_fault: Exception | None = None, model: str | None = "demo") -> None:
        self.services = FakeServices()
        self.announced: list[Serving] = []
        self.told = threading.Event()
        self.failed = threading.Event()
        self._fault = announce_fault
        self.front = Front(
            FrontPlan(
                settings=load_settings({"preload_model": model}, {"HOME": "/nowhere"}),
                services_factory=lambda _: self.services,
                announce=self._announce,
                address=Address("127.0.0.1", 8000),
                limits=HttpLimits(),
                grace_seconds=60,
            )
        )

    def _announce(self, serving: Serving) -> None:
        self.announced.append(serving)
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
