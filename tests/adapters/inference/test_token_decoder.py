"""Token ids to text, piece by piece, for each family of tokenizers: the pieces are the whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.utils import load_tokenizer
from tokenizers import AddedToken, Tokenizer, decoders, models

from adapters.builtin_model import builtin_model_folder
from adapters.inference.text_codec import MlxTextCodec
from adapters.inference.token_decoder import ByteDecoder, WindowDecoder, longest_length, sentencepiece_table
from domain.inference.text_length import TextLength
from tests.support.tiny_llama import byte_level_tokenizer

WORDS = ["▁hello", "▁wor", "ld", "▁", "ing", "▁a", "é", "漢", "▁▁", "x"]
BYTES = [f"<0x{value:02X}>" for value in range(256)]
REPLACEMENT = "\ufffd"


def sentencepiece(*, strip: bool) -> Tokenizer:
    tokens = ["<unk>", *BYTES, *WORDS]
    vocabulary = {token: at for at, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)
    return tokenizer


def metaspace() -> Tokenizer:
    vocabulary = {token: at for at, token in enumerate(["<unk>", *WORDS])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def wordpiece() -> Tokenizer:
    words = ["[UNK]", "walk", "##ing", "##ed", "a", ",", "."]
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


def byte_level_with_odd_tokens() -> Tokenizer:
    """Added tokens may be spelled outside the byte alphabet, or like a byte that is no character."""
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens([AddedToken("<▁end▁>", special=True), AddedToken("é", special=True)])
    return tokenizer


MAKERS = {
    "byte level": (byte_level_with_odd_tokens, ByteDecoder),
    "sentencepiece": (lambda: sentencepiece(strip=True), ByteDecoder),
    "sentencepiece, space kept": (lambda: sentencepiece(strip=False), ByteDecoder),
    "metaspace": (metaspace, WindowDecoder),
    "wordpiece": (wordpiece, WindowDecoder),
}


class Family:
    """One tokenizer, loaded the way models are loaded."""

    def __init__(self, tokenizer: Tokenizer, folder: Path) -> None:
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "config.json").write_text('{"model_type": "llama"}')
        self.tokenizer = tokenizer
        self.codec = MlxTextCodec(load_tokenizer(folder, {"local_files_only": True}), 512, {})

    def whole(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        decoder = self.codec.decoder()
        return [*(decoder.add(token) for token in tokens), decoder.finish()]


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Family]:
    root = tmp_path_factory.mktemp("tokenizers")
    return {name: Family(make(), root / name) for name, (make, _) in MAKERS.items()}


@pytest.mark.parametrize("name", MAKERS)
def test_each_family_gets_its_decoder(families: dict[str, Family], name: str) -> None:
    assert type(families[name].codec.decoder()) is MAKERS[name][1]


@pytest.mark.parametrize("name", MAKERS)
@given(data=st.data())
def test_the_pieces_of_any_tokens_are_the_whole(families: dict[str, Family], name: str, data: st.DataObject) -> None:
    family = families[name]
    tokens = data.draw(st.lists(st.integers(0, family.tokenizer.get_vocab_size() - 1), max_size=24))
    pieces, whole = family.pieces(tokens), family.whole(tokens)
    if name.startswith("sentencepiece") and REPLACEMENT in whole:
        # The tokenizer gives up a whole run of bytes for one bad one; we keep the characters that are sound.
        assert len("".join(pieces)) <= len(whole)
    else:
        assert "".join(pieces) == whole


@pytest.mark.parametrize("name", MAKERS)
def test_an_id_that_the_vocabulary_does_not_name_is_no_text(families: dict[str, Family], name: str) -> None:
    assert families[name].pieces([1, 5_000]) == [*families[name].pieces([1])[:1], "", ""]


def test_characters_spelled_as_sentencepiece_bytes_come_whole(families: dict[str, Family]) -> None:
    family = families["sentencepiece"]
    spelled = family.tokenizer.get_vocab()
    tokens = [spelled[BYTES[value]] for value in "a🦉é".encode()]
    assert [piece for piece in family.pieces(tokens) if piece] == ["a", "🦉", "é"]


@given(tokens=st.lists(st.integers(0, 600), max_size=40))
def test_the_builtin_models_answers_come_whole(demo: Family, tokens: list[int]) -> None:
    assert "".join(demo.pieces(tokens)) == demo.whole(tokens)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Family:
    tokenizer = Tokenizer.from_file(str(builtin_model_folder() / "tokenizer.json"))
    return Family(tokenizer, tmp_path_factory.mktemp("demo") / "demo")


def test_the_longest_of_some_tokens_is_found_by_both_counts() -> None:
    table = sentencepiece_table({"▁▁▁▁▁▁": 0, "▁abc": 1, "<0xE2>": 2, "----": 3, "long one": 4})
    assert longest_length(table, range(4)) == TextLength(6, 4)
    assert longest_length(table, [2, 9]) == longest_length(table, []) == TextLength(1, 1)
