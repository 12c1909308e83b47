"""When a running server answers, and when this process does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

import pytest

from application.inference.find_server import FindServer, FirstOrElse, ServedChat
from domain.catalog import LocatedModel, ModelSource
from domain.errors import (
    EngineDied,
    GenerationFailed,
    Interrupted,
    MlxkError,
    ModelNotFound,
    PayloadTooLarge,
    ServerBusy,
    ServerShutdown,
)
from domain.inference import Finished, FinishReason, GenerationEvent, GenerationRequest, Message, Role, TextDelta, Usage
from domain.serving.load_options import LoadOptions
from domain.serving.load_plan import LoadPlan
from domain.serving.load_wishes import LoadWishes
from domain.serving.model_load import ModelLoad
from domain.serving.server_instance import ServerInstance
from tests.support.fakes.cli_services import FakeChat, FakeStream, Step, spoken

REQUEST = GenerationRequest((Message(Role.USER, "hi"),))
QUANTISED = LoadWishes(kv_bits=4)


def located(spec: str) -> LocatedModel:
    return LocatedModel(f"org/{spec}", PurePosixPath("/models") / spec, ModelSource.CACHE)


class Names:
    """Resolver. asked: every name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def execute(self, spec: str) -> LocatedModel:
        self.asked.append(spec)
        if spec == "none":
            raise ModelNotFound("no model is called none")
        return located(spec)


class Server:
    """RunningServer. asked: the loads it was asked for."""

    def __init__(self, loads: Sequence[ModelLoad], steps: Sequence[Step] = ()) -> None:
        self.loads = {load.identity for load in loads}
        self.steps = steps
        self.asked: list[tuple[str, str, bool]] = []

    def holds(self, identity: str) -> bool:
        return identity in self.loads

    def ask(self, identity: str, name: str, request: GenerationRequest, *, streamed: bool) -> FakeStream:
        self.asked.append((identity, name, streamed))
        return FakeStream(self.steps)


class Servers:
    def __init__(self, *servers: Server) -> None:
        self._servers = servers

    def reachable(self) -> Sequence[Server]:
        return self._servers


def plan_for(_: LocatedModel, wishes: LoadWishes) -> LoadPlan:
    return LoadPlan(LoadOptions(kv_bits=wishes.kv_bits))


def load(spec: str, wishes: LoadWishes | None = None) -> ModelLoad:
    return ModelLoad(located(spec), 1, plan_for(located(spec), wishes or LoadWishes()).options)


class House:
    def __init__(self, *servers: Server) -> None:
        self.local = FakeChat([spoken("here")] * 3)
        self.names = Names()
        self.find = FindServer(self.names, Servers(*servers), lambda: self.local, plan_for)

    def chat(self, spec: str = "a", loading: LoadWishes | None = None) -> ServedChat:
        found = self.find.execute(spec, loading or LoadWishes())
        assert found is not None
        return found


def text(events: Iterator[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_without_servers_nothing_is_looked_up() -> None:
    house = House()
    assert house.find.execute("none") is None
    assert house.names.asked == []


def test_the_server_that_holds_the_model_answers() -> None:
    other, right = Server([load("b")]), Server([load("a")], spoken("there"))
    house = House(other, right)
    answer = house.chat().execute("a", REQUEST, streamed=False)
    assert answer.model == located("a")
    assert text(answer.events) == "there"
    assert right.asked == [(load("a").identity, "org/a", False)]
    assert (other.asked, house.local.asked) == ([], [])


def test_a_server_that_holds_another_model_is_none() -> None:
    assert House(Server([load("b")])).find.execute("a") is None


def test_a_model_that_is_loaded_in_another_way_is_another() -> None:
    house = House(Server([load("a")]))
    assert house.find.execute("a", QUANTISED) is None
    assert house.find.execute("a", LoadWishes(force=True)) is not None
    assert House(Server([load("a", QUANTISED)])).find.execute("a", QUANTISED) is not None


def test_a_name_that_means_nothing_is_told_as_chat_tells_it() -> None:
    with pytest.raises(ModelNotFound):
        House(Server([load("a")])).find.execute("none")


def test_a_conversation_that_goes_on_with_another_model_goes_on_here() -> None:
    server = Server([load("a")], spoken("there"))
    house = House(server)
    chat = house.chat()
    assert text(chat.execute("b", REQUEST, loading=QUANTISED).events) == "here"
    assert house.local.asked == [("b", REQUEST, True)]
    assert house.local.loadings == [QUANTISED]
    assert server.asked == []


def test_what_the_server_holds_is_prepared_already() -> None:
    house = House(Server([load("a")]))
    chat = house.chat()
    assert chat.prepare("a").model == located("a")
    assert house.local.prepared == []
    chat.prepare("b")
    assert house.local.prepared == ["b"]


@pytest.mark.parametrize("fault", [ServerShutdown, ServerBusy, ModelNotFound, PayloadTooLarge])
def test_a_server_that_declines_is_replaced(fault: type[MlxkError]) -> None:
    house = House(Server([load("a")], [fault("no")]))
    assert text(house.chat().execute("a", REQUEST, streamed=False).events) == "here"
    assert house.local.asked == [("a", REQUEST, False)]


@pytest.mark.parametrize("fault", [GenerationFailed("no"), EngineDied("no")])
def test_what_fails_for_its_own_sake_is_not_tried_again(fault: MlxkError) -> None:
    house = House(Server([load("a")], [fault]))
    with pytest.raises(type(fault)):
        list(house.chat().execute("a", REQUEST).events)
    assert house.local.asked == []


def test_what_has_been_shown_is_not_told_twice() -> None:
    house = House(Server([load("a")], [TextDelta("so"), ServerShutdown("no")]))
    events = house.chat().execute("a", REQUEST).events
    assert next(events) == TextDelta("so")
    with pytest.raises(ServerShutdown):
        next(events)
    assert house.local.asked == []


def test_nothing_is_asked_once_it_was_given_up() -> None:
    server = Server([load("a")])
    with pytest.raises(Interrupted):
        House(server).chat().execute("a", REQUEST, given_up=lambda: True)
    assert server.asked == []


END = Finished(FinishReason.STOP, Usage(1, 1))


def declining_after(call: Callable[[], None]) -> Iterator[GenerationEvent]:
    call()
    raise ServerShutdown("no")
    yield END


class Loose(FakeStream):
    def __init__(self, events: Iterator[GenerationEvent]) -> None:
        super().__init__(())
        self._steps = events


def test_a_cancel_while_the_server_declines_starts_nothing_here() -> None:
    begun: list[str] = []

    def here() -> FakeStream:
        begun.append("here")
        return FakeStream([END])

    first = Loose(iter(()))
    stream = FirstOrElse(first, here)
    first._steps = declining_after(stream.cancel)
    assert next(stream, None) is None
    assert begun == []


def test_a_cancel_while_the_model_is_loaded_here_reaches_the_answer() -> None:
    local = FakeStream([END])

    def here() -> FakeStream:
        stream.cancel()
        return local

    stream = FirstOrElse(FakeStream([ServerShutdown("no")]), here)
    next(stream, None)
    assert local.cancelled


def test_a_proof_is_good_for_one_instance_one_challenge_and_one_port() -> None:
    ours, theirs = ServerInstance("a"), ServerInstance("b")
    proof = ours.proof("c", 1)
    assert ours.proves("c", 1, proof)
    assert not any((ours.proves("d", 1, proof), ours.proves("c", 2, proof), theirs.proves("c", 1, proof)))
    assert ours.load_token("proof 1 c") != proof
    assert ours.load_token("x") != theirs.load_token("x")


def test_a_proof_that_is_no_unicode_proves_nothing_and_breaks_nothing() -> None:
    ours = ServerInstance("a")
    assert not ours.proves("c", 1, "\ud800")
    assert not ours.admits("\udcff", "n", 1, "GET", "/")
    assert ours.admits(ours.pass_for("n", 1, "GET", "/caf\udcff"), "n", 1, "GET", "/caf\udcff")
