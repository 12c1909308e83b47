"""What every TextCodec does: the fake one and the one on a real tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.utils import load_tokenizer

from adapters.inference.text_codec import MlxTextCodec
from domain.errors import InvalidRequest
from domain.inference import GenerationRequest, Message, Role
from ports.text_codec import TextCodec, TokenDecoder
from tests.support.fakes.codec import ByteCodec
from tests.support.tiny_llama import TinyLlama

GENERATION_CONFIG = {"temperature": 0.25}


def real_codec(folder: Path) -> TextCodec:
    return MlxTextCodec(load_tokenizer(TinyLlama().build(folder)), 512, GENERATION_CONFIG)


@pytest.fixture(scope="module", params=["fake", "mlx"])
def codec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TextCodec:
    if request.param == "fake":
        return ByteCodec(512, GENERATION_CONFIG)
    return real_codec(tmp_path_factory.mktemp("codec") / "tiny")


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
