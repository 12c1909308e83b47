"""The committed weights of the built-in model, through the ordinary mlx-lm path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm import batch_generate, load, stream_generate
from mlx_lm.sample_utils import make_sampler

from scripts.train_demo.build import questions_for
from scripts.train_demo.checkpoint import score
from scripts.train_demo.conversations import LONG_STORY, MULTI_TURN, PAIRS, Message
from scripts.train_demo.tokenizer import encode_chat

FOLDER = Path(__file__).parents[2] / "adapters" / "builtin_model" / "demo"
FILES = {
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
GREEDY = make_sampler(temp=0.0)
SAFE_MARGIN = 1.0  # logits; they are below 32, where a step of bfloat16 is 0.125


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    model, tokenizer = load(str(FOLDER))[:2]
    return model, tokenizer


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    return list(tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=False))


def streamed(demo: tuple[Any, Any], messages: Sequence[Message], max_tokens: int = 700) -> tuple[str, str | None]:
    """The whole greedy answer, and why it ended."""
    model, tokenizer = demo
    parts = list(
        stream_generate(model, tokenizer, prompt_ids(tokenizer, messages), max_tokens=max_tokens, sampler=GREEDY)
    )
    return "".join(part.text for part in parts), parts[-1].finish_reason


def test_the_folder_holds_the_usual_files_and_stays_below_five_megabytes() -> None:
    assert {path.name for path in FOLDER.iterdir()} == FILES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 5_000_000


def test_it_is_a_bfloat16_llama_of_one_to_three_million_parameters(demo: tuple[Any, Any]) -> None:
    arrays = [array for _, array in tree_flatten(demo[0].parameters())]
    assert {array.dtype for array in arrays} == {mx.bfloat16}
    assert 1_000_000 <= sum(array.size for array in arrays) <= 3_000_000
    assert json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))["model_type"] == "llama"


def test_it_tells_its_own_size_truthfully(demo: tuple[Any, Any]) -> None:
    millions = sum(array.size for _, array in tree_flatten(demo[0].parameters())) / 1e6
    assert f"about {millions:.1f} million parameters" in dict(PAIRS)["How big are you?"]


def test_no_file_asks_for_remote_code() -> None:
    for name in ("config.json", "tokenizer_config.json"):
        assert "auto_map" not in json.loads((FOLDER / name).read_text(encoding="utf-8"))


def test_any_utf8_text_survives_the_tokenizer(demo: tuple[Any, Any]) -> None:
    text = "naïve Grüezi 你好 👩‍💻 \t\n  \x00 ﷽ mlxk"
    assert demo[1].decode(demo[1].encode(text, add_special_tokens=False)) == text


def test_training_saw_the_tokens_that_the_chat_template_gives(demo: tuple[Any, Any]) -> None:
    for messages, answer in MULTI_TURN:
        chat = [*messages, {"role": "assistant", "content": answer}]
        trained, _ = encode_chat(demo[1], chat)
        prompt = prompt_ids(demo[1], messages)
        assert trained[: len(prompt)] == prompt


@pytest.mark.parametrize(("question", "answer"), PAIRS)
def test_it_answers_word_for_word(demo: tuple[Any, Any], question: str, answer: str) -> None:
    assert streamed(demo, [{"role": "user", "content": question}]) == (answer, "stop")


def test_a_padded_batch_gives_the_same_answers(demo: tuple[Any, Any]) -> None:
    pairs = [(question, answer) for question, answer in PAIRS if answer != LONG_STORY]
    prompts = [prompt_ids(demo[1], [{"role": "user", "content": question}]) for question, _ in pairs]
    texts = batch_generate(demo[0], demo[1], prompts, max_tokens=200).texts
    assert texts == [answer for _, answer in pairs]


@pytest.mark.parametrize(("messages", "answer"), MULTI_TURN)
def test_it_follows_a_conversation(demo: tuple[Any, Any], messages: list[Message], answer: str) -> None:
    assert streamed(demo, messages) == (answer, "stop")


def test_the_long_story_is_long_enough_to_hang_up_on(demo: tuple[Any, Any]) -> None:
    assert len(demo[1].encode(LONG_STORY, add_special_tokens=False)) >= 300


@pytest.mark.parametrize(
    ("kind", "every", "least"),
    [
        ("questions after a system prompt", 4, 1.0),
        ("trained paraphrases", 5, 0.98),
        ("unseen paraphrases", 1, 0.9),
        ("follow-ups", 4, 0.9),
        ("requests to repeat", 4, 0.9),
        ("off topic", 4, 1.0),
        ("unseen off topic", 1, 0.8),
    ],
)
def test_it_understands_other_wordings(kind: str, every: int, least: float) -> None:
    """The training script asks all of them; here every n-th is enough to see that the weights are those it wrote."""
    result = score(FOLDER, questions_for(tiny=False)[kind][::every])
    assert result.accuracy >= least, result.wrong


def test_no_answer_hangs_on_a_rounding_error() -> None:
    result = score(FOLDER, questions_for(tiny=False)["questions"])
    assert result.accuracy == 1
    assert result.smallest_margin > SAFE_MARGIN
