"""What everything does that answers conversations as Chat does: the fake of the command line, Chat itself, and a
running server in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from adapters.server_client.entries import ServerFolder
from adapters.server_client.servers import FoundServers
from adapters.worker_process.request_messages import decode_request, encode_request
from application.inference.answering import Answering
from application.inference.chat import plainly
from application.inference.find_server import FindServer
from container import Container
from domain.catalog import LocatedModel
from domain.errors import ContextLengthExceeded, GenerationFailed
from domain.inference import (
    ConstraintKind,
    DefaultLength,
    Finished,
    GenerationEvent,
    GenerationReport,
    GenerationRequest,
    Media,
    Message,
    OutputConstraint,
    PictureWishes,
    PromptOptions,
    ReasoningDelta,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
    Tool,
    ToolCall,
    ToolMode,
    ToolUse,
    Urgency,
)
from entrypoints.settings import load_settings
from mlxk import __version__
from ports.model_worker import GenerationStream
from tests.support.eventually import eventually
from tests.support.fakes.cli_services import FakeChat
from tests.support.fakes.event_worker import FAULT, TOLD, EventLauncher
from tests.support.fakes.http_services import MODELS
from tests.support.fakes.worker import Script
from tests.support.http_server import started

SECONDS = 30.0


@dataclass(frozen=True)
class House:
    """chat: for a question, what answers it. asked: all requests so far, as frames spell them. hold: streams wait after
    so many events, None for never. running: answers that have not ended; None where nobody counts.
    """

    chat: Callable[[str], Answering]
    asked: Callable[[], Sequence[Mapping[str, Any]]]
    hold: Callable[[int | None], object] | None = None
    running: Callable[[], int] = lambda: 0


def fake_house() -> House:
    chats: list[FakeChat] = []

    def chat(question: str) -> FakeChat:
        chats.append(FakeChat([[FAULT] if question == "fail" else list(TOLD.get(question, TOLD["think"]))]))
        return chats[-1]

    return House(chat, lambda: [encode_request(asked[1]) for each in chats for asked in each.asked])


def local_house(home: Path) -> House:
    container = Container(settings=load_settings({}, {"HOME": str(home)}))
    launcher = EventLauncher(Script(refuse={"fail": FAULT}))
    container.worker_launcher.override(launcher)

    def hold(after: int | None) -> None:
        launcher.script.hold_after = after
        launcher.changed()

    return House(
        lambda _: container.chat(),
        lambda: [encode_request(each) for worker in launcher.workers for each in worker.requests],
        hold,
        lambda: sum(worker.running for worker in launcher.workers),
    )


class Demo:
    """Resolver: every name is the demo's."""

    def execute(self, spec: str) -> LocatedModel:
        return MODELS[0].location


def nobody() -> Answering:
    raise AssertionError("the server has declined")


def served_house(home: Path, stack: ExitStack) -> House:
    server = stack.enter_context(started(preload_model="demo", register=home))
    find = FindServer(Demo(), FoundServers(ServerFolder(home), __version__, SECONDS), nobody, plainly)

    def chat(_: str) -> Answering:
        found = find.execute("demo")
        assert found is not None
        return found

    return House(
        chat,
        lambda: server.tell(ask="state")["asked"],
        lambda after: server.tell(hold_after=after),
        server.running,
    )


@pytest.fixture(scope="module", params=["fake", "local", "served"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as stack:
        if request.param == "fake":
            yield fake_house()
        else:
            yield local_house(home) if request.param == "local" else served_house(home, stack)


@pytest.fixture
def holding(house: House) -> Iterator[House]:
    """A house whose answers can be held up."""
    if house.hold is None:
        pytest.skip("this one answers at once")
    yield house
    house.hold(None)


def asking(question: str, **fields: Any) -> GenerationRequest:
    return GenerationRequest((Message(Role.USER, question),), **fields)


def events(house: House, question: str, *, streamed: bool = True, **fields: Any) -> list[GenerationEvent]:
    return list(house.chat(question).execute("demo", asking(question, **fields), streamed=streamed).events)


@pytest.mark.parametrize("question", sorted(TOLD))
def test_a_streamed_answer_is_the_very_events(house: House, question: str) -> None:
    assert events(house, question, logprobs=2) == list(TOLD[question])


@pytest.mark.parametrize("question", sorted(TOLD))
def test_a_whole_answer_says_the_same_and_ends_the_same(house: House, question: str) -> None:
    told = events(house, question, streamed=False, logprobs=2)
    for kind in (TextDelta, ReasoningDelta):
        words = ["".join(each.text for each in some if isinstance(each, kind)) for some in (told, TOLD[question])]
        assert words[0] == words[1]
    assert told[-1] == TOLD[question][-1]


def test_it_tells_which_model_answers(house: House) -> None:
    answer = house.chat("think").execute("demo", asking("think"))
    assert answer.model.name == "mlxk/demo"
    answer.events.cancel()
    assert house.chat("think").prepare("demo").model.name == "mlxk/demo"


@pytest.mark.parametrize("streamed", [True, False])
def test_an_error_of_the_request_arrives_whole(house: House, streamed: bool) -> None:
    with pytest.raises(GenerationFailed) as caught:
        events(house, "fail", streamed=streamed)
    seen = caught.value
    assert (seen.message, seen.hint, seen.param, seen.detail) == (
        "the engine stumbled",
        "over a step",
        "messages",
        {"at": 3},
    )


def test_nothing_comes_after_the_end(house: House) -> None:
    stream = house.chat("think").execute("demo", asking("think")).events
    assert isinstance(list(stream)[-1], Finished)
    assert next(stream, None) is None
    stream.cancel()
    stream.cancel()


def test_nothing_comes_after_a_cancel(holding: House) -> None:
    stream = holding.chat("think").execute("demo", asking("think")).events
    next(stream)
    stream.cancel()
    assert next(stream, None) is None
    unread = holding.chat("think").execute("demo", asking("think")).events
    unread.cancel()
    assert next(unread, None) is None
    eventually(lambda: holding.running() == 0, "the places to be given back")


def read_in_thread(stream: GenerationStream) -> tuple[threading.Thread, list[GenerationEvent]]:
    got: list[GenerationEvent] = []
    thread = threading.Thread(target=lambda: got.extend(stream), daemon=True)
    thread.start()
    return thread, got


@pytest.mark.parametrize("after", [0, 1])
def test_a_cancel_wakes_a_reader_that_waits_and_gives_the_place_back(holding: House, after: int) -> None:
    assert holding.hold is not None
    holding.hold(after)
    stream = holding.chat("think").execute("demo", asking("think")).events
    thread, got = read_in_thread(stream)
    eventually(lambda: holding.running() == 1 and len(got) == after, "the answer to be held up")
    stream.cancel()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert len(got) == after
    eventually(lambda: holding.running() == 0, "the place to be given back")


WHOLE = GenerationRequest(
    messages=(
        Message(Role.SYSTEM, "be brief"),
        Message(Role.DEVELOPER, ""),
        Message(Role.USER, "what? \U0001f600\u2028", name="eve"),
        Message(
            Role.ASSISTANT, "", reasoning="hm", tool_calls=(ToolCall("c1", "f", '{"a": 1}'), ToolCall("", "g", "odd"))
        ),
        Message(Role.TOOL, "42", tool_call_id="c1", name="f"),
        Message(Role.ASSISTANT, "Well, "),
    ),
    limits=TokenLimits(DefaultLength.FULL_CONTEXT, 7),
    sampling=SamplingRequest(0.5, 0.9, -5, 40, 0.1, 1.1, 30, -0.5, 0.5, {3: -100.0, 70000: 2.5}, 0.5, 0.25),
    stop=("\n\n", "END"),
    prompt=PromptOptions(
        template=False, variables={"today": ["monday", {"n": None}]}, reasoning_effort="low", thinking=False
    ),
    tools=ToolUse((Tool("f", "does", {"type": "object"}, strict=True), Tool("g")), ToolMode.AUTO, parallel=False),
    logprobs=3,
    chat_stops=True,
    inspect=True,
    ignore_stops=True,
    progress=True,
    urgency=Urgency(-3, 99.5),
    picture_wishes=PictureWishes(2, table=False),
)
ASKED = [
    WHOLE,
    GenerationRequest((Message(Role.USER, "plain"),)),
    GenerationRequest((Message(Role.USER, "half"),), TokenLimits(DefaultLength.HALF_CONTEXT)),
    asking("form", output=OutputConstraint(ConstraintKind.JSON_OBJECT)),
    asking("schema", output=OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"type":   "object"}', "guided_json")),
    asking("no schema", output=OutputConstraint(ConstraintKind.JSON_SCHEMA, "{", "guided_json")),
    asking("regex", output=OutputConstraint(ConstraintKind.REGEX, "[a-\u00e9]+", "guided_regex")),
    asking("grammar", output=OutputConstraint(ConstraintKind.GRAMMAR, 'start: "a"', "guided_grammar")),
    asking("form of a command", output=OutputConstraint(ConstraintKind.JSON_OBJECT, param="--format")),
    asking("schema of a command", output=OutputConstraint(ConstraintKind.JSON_SCHEMA, "{}", "--schema")),
    asking("regex of a command", output=OutputConstraint(ConstraintKind.REGEX, "a", "--regex")),
    asking("grammar of a command", output=OutputConstraint(ConstraintKind.GRAMMAR, 'start: "a"', "--grammar")),
    asking("schema of a format", output=OutputConstraint(ConstraintKind.JSON_SCHEMA, "{}")),
    asking("named", tools=ToolUse((Tool("f"),), ToolMode.REQUIRED, "f")),
    asking("no tools", tools=ToolUse((Tool("f"),), ToolMode.NONE)),
    asking("thinking", prompt=PromptOptions(thinking=True), logprobs=0),
]


def test_the_whole_request_of_this_suite_leaves_nothing_at_its_default() -> None:
    """So that a new field must be carried before this passes again."""
    plain = GenerationRequest((Message(Role.USER, "plain"),))
    pairs = ((WHOLE, plain), (WHOLE.sampling, plain.sampling), (WHOLE.prompt, plain.prompt), (WHOLE.urgency, Urgency()))
    for part, usual in pairs:
        left = {each.name for each in fields(part) if getattr(part, each.name) == getattr(usual, each.name)}
        assert left <= {"output", "bare", "describe_pictures", "picture_numbers"}  # two by who answers


def test_the_answers_of_this_suite_have_everything_an_answer_can_have() -> None:
    report = TOLD["warn"][-1]
    thinking = TOLD["think"][-1]
    assert isinstance(report, Finished)
    assert isinstance(thinking, Finished)
    assert all(getattr(report, each.name) for each in fields(report))
    assert all(getattr(report.report, each.name) for each in fields(GenerationReport))
    assert all(getattr(thinking.usage, each.name) for each in fields(thinking.usage))


@pytest.mark.parametrize("request_", ASKED, ids=lambda each: str(each.messages[-1].content).strip())
@pytest.mark.parametrize("streamed", [True, False])
def test_every_field_of_a_request_arrives(house: House, request_: GenerationRequest, streamed: bool) -> None:
    list(house.chat("think").execute("demo", request_, streamed=streamed).events)
    assert house.asked()[-1] == encode_request(request_)


def test_what_was_attached_is_read_by_the_model_in_the_same_words(house: House) -> None:
    turns = (Message(Role.USER, "look", media=Media(2, 1)), Message(Role.ASSISTANT, "nice"), Message(Role.USER, "why?"))
    list(house.chat("think").execute("demo", GenerationRequest(turns)).events)
    (first, *_) = decode_request(house.asked()[-1]).messages
    assert first.text == turns[0].text


def test_what_does_not_fit_is_refused_by_numbers(holding: House) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        events(holding, "long", limits=TokenLimits(DefaultLength.FULL_CONTEXT, 100_000))
    assert caught.value.detail["largest_max_tokens"]
