"""Domain values on the wire and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.worker_process.event_messages import ERRORS, error_in, error_out
from adapters.worker_process.messages import (
    PROTOCOL_VERSION,
    command_tails,
    decode_command,
    decode_reply,
    encode_command,
    encode_reply,
)
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InternalError, MlxkError, leaves
from domain.inference import (
    Attachment,
    AttachmentKind,
    BarePrompt,
    ConstraintKind,
    DefaultLength,
    Finished,
    FinishReason,
    GenerationReport,
    GenerationRequest,
    Media,
    Message,
    OutputConstraint,
    PictureWishes,
    PromptDelta,
    PromptOptions,
    PromptProgress,
    ReasoningDelta,
    Role,
    Sampling,
    SamplingRequest,
    ScoredToken,
    TextDelta,
    TokenLimits,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolMode,
    ToolUse,
    Urgency,
    Usage,
)
from domain.json_depth import MOST_LEVELS
from domain.serving.cache_check import CacheChecks
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from domain.serving.prompt_divergence import Divergence, Loss, PromptDivergence
from domain.serving.prompt_explanation import PromptExplanation, TokenText
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.model_worker import LoadedModel
from ports.worker_channel import (
    AskVitals,
    CancelRequest,
    Command,
    ExplainPrompt,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    Reply,
    RequestEvents,
    StartRequest,
    TellVitals,
    WorkerStarted,
)

COUNTS = st.integers(0, 2**40)
MODELS = st.builds(
    LocatedModel,
    st.text(),
    st.builds(PurePath, st.text(min_size=1)),
    st.sampled_from(ModelSource),
    st.none() | st.text(),
)
LIMITS = st.none() | st.integers(1, 2**40)
ATTACHMENTS = st.builds(
    Attachment.of, st.sampled_from(AttachmentKind), st.binary(max_size=20), st.integers(0, 99), st.none() | st.text()
)
REQUESTS = st.builds(
    GenerationRequest,
    st.lists(
        st.builds(Message, st.sampled_from(Role), st.text(), attachments=st.lists(ATTACHMENTS, max_size=3).map(tuple)),
        max_size=4,
    ).map(lambda turns: (*turns, Message(Role.USER, "and now?"))),
    st.builds(TokenLimits, st.sampled_from(DefaultLength), LIMITS, LIMITS),
    st.builds(
        SamplingRequest,
        st.none() | st.floats(0, 2),
        st.none() | st.floats(0, 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
    ),
    st.lists(st.text(min_size=1), max_size=4).map(tuple),
    bare=st.none()
    | st.builds(BarePrompt, st.text(), echo=st.booleans())
    | st.builds(
        BarePrompt,
        tokens=st.lists(COUNTS, min_size=1, max_size=4).map(tuple),
        echo=st.sampled_from([True]),
        answers=st.booleans(),
    ),
)
COMMANDS = st.one_of(
    st.builds(LoadModel, MODELS),
    st.builds(StartRequest, COUNTS, REQUESTS),
    st.builds(ExplainPrompt, COUNTS, REQUESTS),
    st.builds(CancelRequest, COUNTS),
    st.builds(AskVitals),
)
TOKENS = st.lists(COUNTS, max_size=8).map(tuple)
SIDES = st.none() | st.builds(TokenText, COUNTS, st.text(), st.text())
SCORED = st.builds(ScoredToken, st.text(), st.binary(), st.floats(-99, 0))
LOGPROBS = st.lists(st.builds(TokenLogprob, SCORED, st.lists(SCORED, max_size=2).map(tuple), COUNTS), max_size=3)
EVENTS = st.one_of(
    st.builds(TextDelta, st.text(), LOGPROBS.map(tuple)),
    st.builds(PromptDelta, st.text(), LOGPROBS.map(tuple)),
    st.builds(PromptProgress, COUNTS, COUNTS),
    st.builds(Finished, st.sampled_from(FinishReason), st.builds(Usage, COUNTS, COUNTS)),
    st.builds(
        PromptExplanation,
        st.builds(
            PromptDivergence,
            *(st.sampled_from(Divergence), COUNTS, COUNTS, COUNTS, st.sampled_from(Loss), TOKENS, TOKENS),
        ),
        SIDES,
        SIDES,
        st.builds(CacheChecks, COUNTS, COUNTS),
    ),
)
SECONDS = st.floats(0, 1e6)
VITALS = st.builds(
    EngineVitals,
    st.builds(EnginePulse, COUNTS, COUNTS, SECONDS, COUNTS, COUNTS, COUNTS, st.none() | COUNTS, COUNTS),
    st.builds(EngineTotals, *(COUNTS for _ in range(8))),
    SECONDS,
    COUNTS,
    SECONDS,
)
REPLIES = st.one_of(
    st.builds(WorkerStarted, COUNTS),
    st.builds(ModelLoaded, st.builds(LoadedModel, st.text(), COUNTS, COUNTS, COUNTS)),
    st.builds(RequestEvents, st.lists(st.tuples(COUNTS, EVENTS))),
    st.builds(TellVitals, VITALS),
)


def over_the_wire(message: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(json.dumps(message))
    assert isinstance(found, dict)
    return found


def there_and_back(command: Command) -> Command:
    return decode_command({**over_the_wire(encode_command(command)), "tails": command_tails(command)})


@given(COMMANDS)
def test_commands_come_back_as_they_went(command: Command) -> None:
    assert there_and_back(command) == command


@given(REPLIES)
def test_replies_come_back_as_they_went(reply: Reply) -> None:
    assert decode_reply(over_the_wire(encode_reply(reply))) == reply


@pytest.mark.parametrize("leaf", leaves())
def test_every_error_comes_back_as_its_own_class_with_all_it_said(leaf: type[MlxkError]) -> None:
    error = leaf("it broke", hint="mend it", param="messages", matches=("a", "b"), detail={"largest_max_tokens": 5})
    found = error_in(over_the_wire(error_out(error)))
    assert type(found) is leaf
    assert (found.message, found.hint, found.param, found.matches, found.detail) == (
        "it broke",
        "mend it",
        "messages",
        ("a", "b"),
        {"largest_max_tokens": 5},
    )


def test_no_two_errors_share_a_code() -> None:
    assert len(ERRORS) == len(leaves())


def test_an_error_travels_as_an_event_and_as_a_failed_load() -> None:
    error = InternalError("it broke")
    for reply in (RequestEvents([(7, error)]), LoadFailed(error)):
        found = decode_reply(over_the_wire(encode_reply(reply)))
        inner = found.error if isinstance(found, LoadFailed) else found.events[0][1]  # type: ignore[union-attr]
        assert type(inner) is InternalError


def test_another_version_of_the_protocol_is_refused_by_its_number() -> None:
    message = encode_reply(WorkerStarted(1)) | {"protocol": PROTOCOL_VERSION + 1}
    with pytest.raises(InternalError, match=f"protocol {PROTOCOL_VERSION + 1}, this process speaks {PROTOCOL_VERSION}"):
        decode_reply(message)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"kind": None},
        {"kind": "dance"},
        {"kind": "load"},
        {"kind": "load", "model": "demo"},
        {"kind": "load", "model": {"name": "a", "path": "b", "source": "moon", "revision": None}},
        {"kind": "cancel", "id": "one"},
        {"kind": "cancel", "id": None},
        {"kind": "start", "id": 1, "request": {"messages": [], "limits": [], "sampling": [], "stop": []}},
        {"kind": "start", "id": 1, "request": {"messages": [["user"]], "limits": 3, "sampling": [], "stop": []}},
        {
            "kind": "start",
            "id": 1,
            "tails": [b""],
            "request": {
                "messages": [{"role": "user", "content": "", "attached": [["image", 1, 0, "d", None]]}],
                "limits": ["full_context", None, None],
                "sampling": {},
                "stop": [],
            },
        },
        {"kind": "started"},
        {"kind": "loaded", "name": "a"},
        {"kind": "loaded", "facts": {"name": "a"}},
        {"kind": "vectors", "id": 1, "at": [0]},
        {"kind": "vectors", "id": 1, "at": [0], "tails": [b"", b""]},
        {"kind": "load_failed", "error": {"code": "no_such_code"}},
        {"kind": "events", "events": 5},
        {"kind": "events", "events": [[1, "song", "la"]]},
        {"kind": "events", "events": [[1, "end", "tired", [1, 1], None, []]]},
        {"kind": "events", "events": [[1]]},
    ],
)
def test_anything_else_is_refused_by_both_ends(message: dict[str, Any]) -> None:
    for decode in (decode_command, decode_reply):
        with pytest.raises(InternalError, match="malformed"):
            decode(message)


PICTURE = Attachment.of(AttachmentKind.IMAGE, b"\0\xffpicture", 4, "näme.png")
VIDEO = Attachment.of(AttachmentKind.VIDEO, b"", 5)
EVERYTHING = GenerationRequest(
    messages=(
        Message(Role.SYSTEM, "be brief", name="boss"),
        Message(Role.USER, "weather?", media=Media(images=2, audios=1, videos=3)),
        Message(Role.USER, "this?", attachments=(PICTURE, replace(PICTURE, at=3, name=None), VIDEO)),
        Message(Role.USER, "and?", attachments=(replace(PICTURE, at=0),)),
        Message(Role.ASSISTANT, "", reasoning="hm", tool_calls=(ToolCall("call_1", "look", '{"at": "sky"}'),)),
        Message(Role.TOOL, "blue", tool_call_id="call_1"),
        Message(Role.ASSISTANT, "It is"),
    ),
    limits=TokenLimits(DefaultLength.HALF_CONTEXT, 7, 9),
    sampling=SamplingRequest(
        temperature=0.5, top_p=0.4, seed=-3, top_k=5, min_p=0.1, repetition_penalty=1.2, repetition_context_size=9,
        presence_penalty=-0.5, frequency_penalty=0.25, logit_bias={4: -100.0, 7: 1.5}, xtc_probability=0.5,
        xtc_threshold=0.2,
    ),
    stop=("a", "\n"),
    prompt=PromptOptions(template=False, variables={"x": [1, None]}, reasoning_effort="low", thinking=False),
    tools=ToolUse((Tool("look", "at things", {"type": "object"}, strict=True),), ToolMode.AUTO, None, parallel=False),
    output=OutputConstraint(ConstraintKind.REGEX, "[a-z]+", "guided_regex"),
    logprobs=3,
    chat_stops=True,
    inspect=True,
    ignore_stops=True,
    progress=True,
    urgency=Urgency(2, 1.5),
    describe_pictures=True,
    picture_numbers=(7, 7, 7),
)  # fmt: skip


@pytest.mark.parametrize("request_", [EVERYTHING, GenerationRequest((Message(Role.USER, "hi"),))])
def test_every_field_of_a_request_arrives(request_: GenerationRequest) -> None:
    command = StartRequest(4, request_)
    assert there_and_back(command) == command


def test_the_same_picture_travels_once_and_its_digest_is_taken_at_its_word() -> None:
    assert command_tails(StartRequest(4, EVERYTHING)) == [PICTURE.data, VIDEO.data]
    odd = Attachment(AttachmentKind.IMAGE, b"x", 0, "not made from it")
    command = StartRequest(4, GenerationRequest((Message(Role.USER, "", attachments=(odd,)),)))
    assert there_and_back(command) == command


def test_what_the_front_alone_has_to_know_does_not_travel() -> None:
    request = GenerationRequest((Message(Role.USER, "x"),), picture_wishes=PictureWishes(chunk=2, table=False))
    assert there_and_back(StartRequest(1, request)) == StartRequest(1, replace(request, picture_wishes=PictureWishes()))


def test_values_as_deep_as_they_may_be_arrive() -> None:
    deep: dict[str, object] = {}
    for _ in range(MOST_LEVELS):
        deep = {"a": deep}
    request = GenerationRequest(
        (Message(Role.USER, "x"),), prompt=PromptOptions(variables=deep), tools=ToolUse((Tool("f", "", deep),))
    )
    command = StartRequest(4, request)
    assert there_and_back(command) == command


def test_every_way_to_load_arrives() -> None:
    draft = LocatedModel("org/small", PurePath("/models/small"), ModelSource.CACHE, "a" * 40)
    cache = PrefixCacheBudget(5, 6, PurePath("/cache"))
    for options in (LoadOptions(), LoadOptions(PurePath("/lora"), draft, kv_bits=4, prefix_cache=cache)):
        command = LoadModel(draft, options)
        assert there_and_back(command) == command


def test_every_event_arrives() -> None:
    token = ScoredToken("é", b"\xc3\xa9", -0.25)
    report = GenerationReport(
        Sampling(0.5, 0.9, 3, logit_bias=((4, -1.0),)), 9, 0.1, 0.2, 0.3, 4096, ((5, "a"), (6, "b")), 2, "why"
    )
    events = (
        TextDelta("hi"),
        TextDelta("", (TokenLogprob(token, (token, token)),)),
        ReasoningDelta("hm"),
        ToolCallDelta(0, "call_1", "look", ""),
        ToolCallDelta(0, None, None, '{"a'),
        Finished(FinishReason.TOOL_CALLS, Usage(9, 8, 7, 6), report, ("careful",)),
        Finished(FinishReason.LENGTH, Usage(1, 1)),
    )
    reply = RequestEvents([(3, event) for event in events])
    assert decode_reply(over_the_wire(encode_reply(reply))) == reply
