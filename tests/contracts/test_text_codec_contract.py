"""What every TextCodec does: the fake one and the one on a real tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.text_codec import MlxTextCodec
from adapters.inference.vision.loading import load_seeing
from domain.errors import CapabilityMismatch, InvalidRequest
from domain.inference import (
    PLAIN,
    BarePrompt,
    GenerationRequest,
    Media,
    Message,
    OutputFormat,
    PromptOptions,
    Role,
    Tool,
    ToolMarks,
    ToolUse,
)
from domain.inference.text_length import text_length
from domain.serving.load_options import LoadOptions
from ports.text_codec import EncodedPrompt, TextCodec, TokenDecoder
from tests.support.codec_kit import ToyModel
from tests.support.fakes.codec import ByteCodec
from tests.support.miniatures.seeing import PARTS, QWEN
from tests.support.tiny_llama import CHAT_TEMPLATE

GENERATION_CONFIG: dict[str, object] = {"temperature": 0.25}
CALLS = OutputFormat(tools=ToolMarks("<tool_call>", "</tool_call>", json=True))
TOOL_TEMPLATE = (
    "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{# <tool_call></tool_call> #}" + CHAT_TEMPLATE
)
BARE = PromptOptions(template=False)


def real_codec(folder: Path, template: str = CHAT_TEMPLATE) -> TextCodec:
    return MlxTextCodec(ToyModel(template).wrapper(folder), 512, GENERATION_CONFIG)


def seeing_codec(folder: Path, template: str = CHAT_TEMPLATE) -> TextCodec:
    """Of a model that sees, with the same template for what is said."""
    said = template.replace("{{ message['content'] }}", PARTS.replace("m['", "message['"))
    assert said != template
    miniature = replace(
        QWEN,
        special=(*QWEN.special, "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>"),
        text={**QWEN.text, "max_position_embeddings": 512},
        template=said.replace("PICTURE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return load_seeing(miniature.build(folder), LoadOptions(sees=True), GENERATION_CONFIG)[1]


@pytest.fixture(scope="module", params=["fake", "mlx", "seeing"])
def codec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TextCodec:
    if request.param == "fake":
        return ByteCodec(512, GENERATION_CONFIG)
    if request.param == "seeing":
        return seeing_codec(tmp_path_factory.mktemp("codec") / "eyes")
    return real_codec(tmp_path_factory.mktemp("codec") / "tiny")


@pytest.fixture(scope="module", params=["fake", "mlx", "seeing"])
def caller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TextCodec:
    """A codec of a model that calls tools."""
    if request.param == "fake":
        return ByteCodec(512, GENERATION_CONFIG, CALLS)
    if request.param == "seeing":
        return seeing_codec(tmp_path_factory.mktemp("codec") / "eyes", TOOL_TEMPLATE)
    return real_codec(tmp_path_factory.mktemp("codec") / "calls", TOOL_TEMPLATE)


def user(text: str) -> Message:
    return Message(Role.USER, text)


def tokens_of(codec: TextCodec, *messages: Message) -> tuple[int, ...]:
    return codec.encode(GenerationRequest(messages)).tokens


def text_tokens(codec: TextCodec, text: str) -> list[int]:
    """The tokens of a text: what a conversation has more than an empty one."""
    empty, full = tokens_of(codec, user("")), tokens_of(codec, user(text))
    head = next((at for at, token in enumerate(empty) if token != full[at]), len(empty))
    return list(full[head : len(full) - len(empty) + head])


def pieces_of(decoder: TokenDecoder, tokens: list[int]) -> list[str]:
    return [*(decoder.add(token) for token in tokens), decoder.finish()]


def test_it_knows_its_context_and_the_models_defaults(codec: TextCodec) -> None:
    assert codec.context_length == 512
    assert codec.generation_config == GENERATION_CONFIG


def test_a_conversation_becomes_tokens_and_longer_ones_more(codec: TextCodec) -> None:
    one = tokens_of(codec, user("hello"))
    three = tokens_of(codec, user("hello"), Message(Role.ASSISTANT, "hi"), user("bye"))
    assert 0 < len(one) < len(three)
    assert all(isinstance(token, int) for token in three)


def test_developer_messages_are_system_messages(codec: TextCodec) -> None:
    spoken = [tokens_of(codec, Message(role, "be brief"), user("hi")) for role in (Role.SYSTEM, Role.DEVELOPER)]
    assert spoken[0] == spoken[1]


def test_a_refusing_template_is_an_invalid_request_in_its_own_words(codec: TextCodec) -> None:
    with pytest.raises(InvalidRequest, match="this model refuses that"):
        tokens_of(codec, user("refuse me"))


@pytest.mark.parametrize("text", ["hello", " two  spaces ", "🦉 flies\nat night", "naïve 漢字"])
def test_what_was_encoded_is_decoded(codec: TextCodec, text: str) -> None:
    assert "".join(pieces_of(codec.decoder(), text_tokens(codec, text))) == text


def test_a_character_over_several_tokens_comes_in_one_piece(codec: TextCodec) -> None:
    pieces = pieces_of(codec.decoder(), text_tokens(codec, "a🦉b"))
    assert [piece for piece in pieces if piece] == ["a", "🦉", "b"]


def test_half_a_character_at_the_end_is_a_replacement(codec: TextCodec) -> None:
    tokens = text_tokens(codec, "🦉")[:2]
    assert pieces_of(codec.decoder(), tokens) == ["", "", "\ufffd"]


def test_decoders_do_not_share_their_state(codec: TextCodec) -> None:
    first, second = codec.decoder(), codec.decoder()
    first.add(text_tokens(codec, "🦉")[0])
    assert "".join(pieces_of(second, text_tokens(codec, "b"))) == "b"


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


def test_what_was_attached_is_noted_in_the_prompt(codec: TextCodec) -> None:
    noted = tokens_of(codec, Message(Role.USER, "see", media=Media(images=2)))
    assert noted == tokens_of(codec, user("see\n\n[2 image(s) were attached]"))


@pytest.mark.parametrize("text", ["Once upon ", "", "🦉"])
def test_without_a_template_one_turn_is_exactly_its_text(codec: TextCodec, text: str) -> None:
    tokens = codec.encode(GenerationRequest((user(text),), prompt=BARE)).tokens
    assert b"".join(map(codec.token_bytes, tokens)).decode() == text


def test_without_a_template_turns_are_joined_by_empty_lines(codec: TextCodec) -> None:
    tokens = codec.encode(GenerationRequest((user("one"), assistant("two")), prompt=BARE)).tokens
    assert b"".join(map(codec.token_bytes, tokens)) == b"one\n\ntwo"


def test_the_assistants_last_turn_is_continued(codec: TextCodec) -> None:
    opened = tokens_of(codec, user("hi"))
    words = tuple(text_tokens(codec, "Well, "))
    assert tokens_of(codec, user("hi"), assistant("Well, ")) == opened + words


def test_anchors_rise_within_the_prompt_and_begin_every_longer_conversation(codec: TextCodec) -> None:
    turns = (Message(Role.SYSTEM, "be brief"), user("one"), assistant("two"), user("three"))
    prompt = codec.encode(GenerationRequest(turns))
    longer = tokens_of(codec, *turns, assistant("four"), user("five"))
    assert prompt.anchors
    assert list(prompt.anchors) == sorted(set(prompt.anchors))
    assert all(prompt.tokens[:anchor] == longer[:anchor] for anchor in prompt.anchors)
    assert prompt.anchors[-1] <= len(prompt.tokens)


def test_a_plain_prompt_opens_neither_thought_nor_call(codec: TextCodec) -> None:
    prompt = codec.encode(GenerationRequest((user("hi"),)))
    assert (prompt.reasoning_open, prompt.starts_tool_call) == (False, False)
    assert codec.constraint(GenerationRequest((user("hi"),)), prompt) is None


def test_the_bytes_of_tokens_are_the_bytes_of_the_text(codec: TextCodec) -> None:
    assert b"".join(codec.token_bytes(token) for token in text_tokens(codec, "naïve 🦉")) == "naïve 🦉".encode()
    assert codec.token_bytes(10**6) == b""


@given(st.text("a b-=\n\u0301eé🦉", max_size=60))
def test_no_text_is_longer_than_its_tokens_can_be(codec: TextCodec, text: str) -> None:
    tokens = codec.encode(GenerationRequest((user(text),), prompt=BARE)).tokens
    length, longest = text_length(text), codec.longest_token()
    assert length.characters <= len(tokens) * longest.characters
    assert length.without_runs <= len(tokens) * longest.without_runs


def test_even_the_longest_token_has_an_end(codec: TextCodec) -> None:
    longest = codec.longest_token()
    assert 1 <= longest.without_runs <= longest.characters <= 64


def test_tools_are_refused_by_a_model_that_knows_none_and_without_a_template(
    codec: TextCodec, caller: TextCodec
) -> None:
    tools = ToolUse((Tool("clock"),))
    with pytest.raises(CapabilityMismatch):
        codec.encode(GenerationRequest((user("hi"),), tools=tools))
    with pytest.raises(CapabilityMismatch):
        caller.encode(GenerationRequest((user("hi"),), tools=tools, prompt=BARE))
    caller.encode(GenerationRequest((user("hi"),), tools=tools))


def test_it_says_how_calls_are_marked_and_reads_them(codec: TextCodec, caller: TextCodec) -> None:
    assert codec.output_format == PLAIN
    assert caller.output_format == CALLS
    (call,) = caller.parse_tool_calls('{"name": "clock", "arguments": {"zone": "Köln"}}', [Tool("clock")])
    assert (call.name, call.arguments) == ("clock", '{"zone": "Köln"}')


def test_a_call_of_what_is_not_on_offer_is_a_call(caller: TextCodec) -> None:
    (call,) = caller.parse_tool_calls('{"name": "other", "arguments": {}}', [Tool("clock")])
    assert (call.name, call.arguments) == ("other", "{}")


@pytest.mark.parametrize("text", ["", "no call", '{"name": 5, "arguments": {}}', "[]", "3"])
def test_text_that_holds_no_call_is_a_value_error(caller: TextCodec, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        caller.parse_tool_calls(text, [Tool("clock")])


@pytest.fixture(scope="module")
def check_text(codec: TextCodec) -> Callable[[str], None]:
    def check(text: str) -> None:
        pieces = pieces_of(codec.decoder(), text_tokens(codec, text))
        assert "".join(pieces) == text
        assert not any("\ufffd" in piece for piece in pieces)

    return check


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=30))
def test_any_text_comes_back_without_a_broken_character(check_text: Callable[[str], None], text: str) -> None:
    check_text(text)


def bare(codec: TextCodec, prompt: BarePrompt) -> EncodedPrompt:
    return codec.encode(GenerationRequest((), bare=prompt, prompt=BARE))


def test_a_bare_text_is_what_the_same_words_without_a_template_are(codec: TextCodec) -> None:
    text = "once upon a time"
    plain = codec.encode(GenerationRequest((user(text),), prompt=BARE))
    assert bare(codec, BarePrompt(text)).tokens == plain.tokens
    told = bare(codec, BarePrompt(text, echo=True))
    assert told.tokens == plain.tokens
    assert "".join(pieces_of(codec.decoder(), list(told.tokens[told.added :]))) == text


def test_bare_tokens_are_taken_as_they_are(codec: TextCodec) -> None:
    assert bare(codec, BarePrompt(tokens=(70, 65, 70))) == EncodedPrompt((70, 65, 70))


def test_a_token_that_is_none_of_the_models_is_named(codec: TextCodec) -> None:
    with pytest.raises(InvalidRequest, match="99999") as caught:
        bare(codec, BarePrompt(tokens=(70, 99999)))
    assert caught.value.param == "prompt"
