"""A server can be found while it is ready, by its own user, on a loopback address."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from application.inference.chat_loaded import ChatLoaded
from application.serving.model_pool import ModelPool
from application.serving.presence import Presence, Whereabouts
from domain.errors import Conflict, ModelNotFound
from domain.inference import GenerationRequest, Message, Role, TextDelta
from domain.serving.load_options import LoadOptions
from domain.serving.model_load import ModelLoad
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry
from tests.support.fakes.http_services import MODELS, FakeRegister
from tests.support.fakes.worker import FakeWorkerLauncher, Script

INSTANCE = ServerInstance("ours")
HERE = Whereabouts("127.0.0.1", 8001, process_id=7, supervisor_id=6, private=True)
LOAD = ModelLoad(MODELS[0].location, 1_000)
QUANTISED = ModelLoad(MODELS[0].location, 1_000, LoadOptions(kv_bits=4))
REQUEST = GenerationRequest((Message(Role.USER, "hi"),))


class House:
    def __init__(self) -> None:
        self.register = FakeRegister()
        self.launcher = FakeWorkerLauncher(Script(default="yes"))
        self.pool = ModelPool(self.launcher, 1_000_000)
        self.presence = Presence(self.register, self.pool, INSTANCE, "1.2.3", lambda: 99.0)


def test_an_entry_says_where_and_since_when() -> None:
    house = House()
    house.presence.begin(replace(HERE, process_id=os.getpid()))
    assert house.register.entries == {
        os.getpid(): ServerEntry(os.getpid(), "127.0.0.1", 8001, "1.2.3", 99.0, INSTANCE, supervisor_id=6)
    }


def test_it_is_taken_back_once_and_never_made_again() -> None:
    house = House()
    house.presence.begin(HERE)
    house.presence.end()
    house.presence.end()
    house.presence.begin(HERE)
    assert house.register.entries == {}


def test_an_introduction_proves_who_it_is_and_tells_what_is_loaded_without_its_path() -> None:
    house = House()
    with pytest.raises(Conflict):
        house.presence.introduce("c")
    house.presence.begin(HERE)
    assert house.presence.introduce("c").models == ()
    house.pool.preload(LOAD)
    house.pool.preload(QUANTISED)
    told = house.presence.introduce("c")
    assert INSTANCE.proves("c", 8001, told.proof)
    assert {each.load for each in told.models} == {INSTANCE.load_token(each.identity) for each in (LOAD, QUANTISED)}
    assert "/models" not in str(told)
    house.presence.end()
    with pytest.raises(Conflict):
        house.presence.introduce("c")


def test_a_dead_worker_is_no_loaded_model() -> None:
    house = House()
    house.pool.preload(LOAD)
    house.launcher.workers[0].kill()
    assert house.pool.loads() == ()


def test_the_very_load_is_asked_and_nothing_is_loaded_for_a_token() -> None:
    house = House()
    chat = ChatLoaded(house.pool, INSTANCE)
    token = INSTANCE.load_token(QUANTISED.identity)
    with pytest.raises(ModelNotFound):
        chat.execute(token, REQUEST)
    house.pool.preload(LOAD)
    house.pool.preload(QUANTISED)
    answer = chat.execute(token, REQUEST)
    assert [event.text for event in answer.events if isinstance(event, TextDelta)] == ["yes"]
    assert [len(worker.requests) for worker in house.launcher.workers] == [0, 1]


def test_one_that_stops_can_still_be_stopped_and_is_asked_nothing_more() -> None:
    house = House()
    house.presence.begin(HERE)
    house.presence.fade()
    assert house.register.entries[7].stopping
    with pytest.raises(Conflict):
        house.presence.introduce("c")
    house.presence.begin(HERE)
    assert house.register.entries[7].stopping
    house.presence.end()
    assert house.register.entries == {}


def test_one_that_others_can_reach_is_entered_and_proves_nothing() -> None:
    house = House()
    house.presence.begin(replace(HERE, host="0.0.0.0", private=False))  # noqa: S104
    assert house.register.entries[7].host == "0.0.0.0"  # noqa: S104
    with pytest.raises(Conflict):
        house.presence.introduce("c")


def test_an_introduction_tells_how_much_is_going_on() -> None:
    house = House()
    house.presence.begin(HERE, lambda: 3)
    house.pool.preload(LOAD)
    told = house.presence.introduce("c")
    assert told.requests == 3
    assert [each.need_bytes for each in told.models] == [1_000]
