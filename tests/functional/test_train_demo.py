"""The training of the built-in model, on a tiny one: the same code, seconds instead of minutes, no fast BLAS."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from scripts.train_demo import blas
from scripts.train_demo.build import TINY_TOPICS, BuildResult, build
from scripts.train_demo.conversations import HELD_OUT, OFF_TOPIC_HELD_OUT, TOPICS, dialogue
from scripts.train_demo.sampling import ConversationSource
from scripts.train_demo.tokenizer import encode_chat, train_tokenizer
from scripts.train_demo.training import TINY, train


def ignore_progress(round_index: int, steps: int, loss: float) -> None:
    pass


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildResult]:
    folder = tmp_path_factory.mktemp("tiny")
    return folder, build(folder, seed=0, tiny=True, report=ignore_progress)


def test_a_tiny_model_learns_its_few_answers(tiny: tuple[Path, BuildResult]) -> None:
    _, result = tiny
    assert result.parameters <= 100_000
    assert result.scores["questions"].accuracy >= 0.8, result.scores["questions"].wrong


def test_a_build_leaves_all_files_and_a_card_with_the_scores(tiny: tuple[Path, BuildResult]) -> None:
    folder, result = tiny
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "library_name: mlx" in card
    assert f"| questions | {result.scores['questions'].right} of {len(TINY_TOPICS)} |" in card


def weights_after_one_round(seed: int) -> dict[str, mx.array]:
    recipe = replace(TINY, rounds=1)
    tokenizer = train_tokenizer(TINY_TOPICS, recipe.vocabulary_size)
    return dict(tree_flatten(train(recipe, TINY_TOPICS, tokenizer, seed, ignore_progress).parameters()))


def test_the_same_seed_gives_identical_weights_and_another_seed_does_not() -> None:
    first, again, other = (weights_after_one_round(seed) for seed in (3, 3, 4))
    assert all(mx.array_equal(first[name], again[name]).item() for name in first)
    assert not mx.array_equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"]).item()


def test_only_what_the_assistant_says_is_learned() -> None:
    tokenizer = train_tokenizer(TINY_TOPICS, TINY.vocabulary_size)
    chat = dialogue(("Hello!", "Hi, you."), ("Bye.", "See you 👋"), system="Be kind.")
    ids, learned = encode_chat(tokenizer, chat)
    kept = tokenizer.decode([token for token, mark in zip(ids, learned, strict=True) if mark])
    assert kept == "Hi, you.<|im_end|>See you 👋<|im_end|>"


def test_training_never_sees_a_held_out_question() -> None:
    source = ConversationSource(TOPICS, random.Random(1))  # noqa: S311 - a repeatable draw
    seen = {
        message["content"]
        for _ in range(40)
        for chat in source.round()
        for message in chat
        if message["role"] == "user"
    }
    assert not seen & {question for question, _ in HELD_OUT}
    assert not seen & set(OFF_TOPIC_HELD_OUT)


def test_no_held_out_question_is_also_a_trained_one() -> None:
    trained = {text for topic in TOPICS for text in (topic.question, *topic.paraphrases, *topic.follow_ups)}
    assert not trained & {question for question, _ in HELD_OUT}


def test_no_question_has_two_answers() -> None:
    answers: dict[str, str] = {}
    for topic in TOPICS:
        for text in (topic.question, *topic.paraphrases, *topic.held_out, *topic.follow_ups):
            assert answers.setdefault(text.lower(), topic.answer) == topic.answer, text


def test_a_preloaded_blas_keeps_what_was_preloaded_before() -> None:
    environment = blas.preload_environment("libfast.so", {"LD_PRELOAD": "libother.so", "LANG": "C"})
    assert environment["LD_PRELOAD"] == "libfast.so:libother.so"
    assert environment["MKL_INTERFACE_LAYER"] == "LP64"
    assert environment["LANG"] == "C"


def test_a_private_blas_is_found_where_it_was_installed(tmp_path: Path) -> None:
    assert blas.private_blas(tmp_path) is None
    (tmp_path / "lib").mkdir()
    library = tmp_path / "lib" / "libmkl_rt.so.3"
    library.touch()
    assert blas.private_blas(tmp_path) == library


def test_a_process_that_has_its_fast_blas_is_not_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = blas.preload_environment("libfast.so", {})
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("started again"))
    blas.restart_with_fast_blas("scripts.train_demo", [], tmp_path)
