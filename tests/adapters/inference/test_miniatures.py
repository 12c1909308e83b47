"""The miniatures are what other tests take them for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx_lm
import pytest

from tests.support.miniatures import MINIATURES, says

TWO_CALLS = (
    "<think>\nboth\n</think>\n"
    '<tool_call>\n{"name": "look", "arguments": {"at": "a"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "look", "arguments": {"at": "b"}}\n</tool_call>'
)
CHANNELS = (
    "<|channel|>analysis<|message|>Hm.<|end|>"
    '<|start|>assistant<|channel|>commentary to=functions.look <|constrain|>json<|message|>{"at": "a"}<|call|>'
)
TOOL = {"type": "function", "function": {"name": "look", "description": "look there", "parameters": {"type": "object"}}}


def said(folder: Path, words: str | Sequence[int], temperature: float = 0.0, most: int = 400) -> bytes:
    """The answer of mlx-lm's own loop to these words, up to the end of the first run of stop tokens."""
    model, tokenizer, *_ = mlx_lm.load(str(folder))
    prompt: Any = words
    if isinstance(words, str):
        turns = [{"role": "user", "content": words}]
        prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True)
    stop, tokens = tokenizer.eos_token_id, []
    tokenizer.eos_token_ids = set()
    sampler = mlx_lm.sample_utils.make_sampler(temperature)
    for response in mlx_lm.stream_generate(model, tokenizer, prompt, max_tokens=most, sampler=sampler):
        tokens.append(response.token)
        if tokens[-3:] == [stop] * 3:
            break
    return b"".join(token_bytes(tokenizer, token) for token in tokens)


def token_bytes(tokenizer: Any, token: int) -> bytes:
    from adapters.inference.token_decoder import byte_level_table

    return byte_level_table(tokenizer.get_vocab())(token)


@pytest.mark.parametrize("name", MINIATURES)
def test_a_miniature_loads_and_babbles_what_can_be_read(name: str, tmp_path: Path) -> None:
    answer = said(MINIATURES[name].build(tmp_path / name), "hello", most=24)
    assert len(answer) == 24
    assert answer.decode("ascii").isprintable()
    assert len(set(answer)) > 8, "no loop of a few letters"


@pytest.mark.parametrize("name", MINIATURES)
def test_a_miniature_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    files = [MINIATURES[name].build(tmp_path / folder) / "model.safetensors" for folder in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("like", "answer"),
    [
        ("qwen3", "<think>so</think>The answer<|im_end|><|im_end|>"),
        ("qwen3", TWO_CALLS),
        ("qwen3", ""),
        ("qwen3", "4"),
        ("qwen3", "the the the the the the"),
        ("qwen3", "\U0001f600\U0001f600 na\u00efve \u00e9\U0001f600"),
        ("qwen3", b"\xff\xfe broken \xf0\x9f end"),
        ("gpt_oss", CHANNELS),
        ("mistral", '[TOOL_CALLS][{"name": "look", "arguments": {"at": "a"}}]'),
        ("phi3", "Yes<|end|><|end|>"),
        ("gemma3_text", "Yes"),
        ("llama", "No."),
    ],
)
@pytest.mark.parametrize(("words", "temperature"), [("hi", 0.0), ("4\n<think>", 2.0), ("x" * 700, 0.0)])
def test_a_scripted_model_says_its_answer_to_the_byte_whatever_it_is_asked(
    tmp_path: Path, like: str, answer: str | bytes, words: str, temperature: float
) -> None:
    wanted = answer if isinstance(answer, bytes) else answer.encode()
    stop = MINIATURES[like].stops[0].encode()
    heard = said(says(tmp_path / "model", answer, like=like), words, temperature)
    assert heard.startswith(wanted)
    assert heard[len(wanted) :] in (stop * 3, stop * 2, stop)


def test_characters_are_split_over_tokens(tmp_path: Path) -> None:
    tokenizer = mlx_lm.load(str(says(tmp_path / "model", "\U0001f600\U0001f601", bytes_per_token=2)))[1]
    pieces = [token_bytes(tokenizer, token) for token in range(256, 260)]
    assert sorted(pieces)[:3] == [b"\x98\x80", b"\x98\x81", b"\xf0\x9f"] or b"\xf0\x9f" in pieces


def test_a_word_in_the_prompt_chooses_another_answer(tmp_path: Path) -> None:
    folder = says(
        tmp_path / "model",
        "<think>a</think>Hello",
        after={"weather": "<think>b</think><tool_call>\n{}\n</tool_call>", "<tool_response>": "<think>c</think>Rain"},
    )
    assert said(folder, "hi").startswith(b"<think>a</think>Hello<|im_end|>")
    assert said(folder, "how is the weather?").startswith(b"<think>b</think><tool_call>\n{}\n</tool_call><|im_end|>")
    assert said(folder, "weather <tool_response>").startswith(b"<think>c</think>Rain<|im_end|>")
    assert said(folder, "whether").startswith(b"<think>a</think>Hello<|im_end|>")


def test_a_text_that_cannot_be_learnt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vary the text"):
        says(tmp_path / "model", "<think>" * 40 + "</think>")


@pytest.mark.parametrize(
    "name", [name for name in MINIATURES if name not in ("llama", "phi3", "gemma2", "gemma3_text")]
)
def test_a_template_that_knows_tools_shows_them_and_a_whole_round_of_them(name: str, tmp_path: Path) -> None:
    tokenizer = mlx_lm.load(str(MINIATURES[name].build(tmp_path / name)))[1]
    call = {"type": "function", "id": "c1", "function": {"name": "look", "arguments": {"at": "a"}}}
    turns: list[dict[str, object]] = [
        {"role": "user", "content": "what is there?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": "look", "content": "a tree"},
    ]
    text = tokenizer.apply_chat_template(turns, tools=[TOOL], add_generation_prompt=True, tokenize=False)
    assert all(words in text for words in ("look", "what is there?", "a tree"))
