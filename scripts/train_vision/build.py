"""From nothing to a folder with a model that has been asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from mlx_vlm import load

from scripts.train_vision.checkpoint import Score, save, score, unseen_questions
from scripts.train_vision.model_card import model_card
from scripts.train_vision.recipe import FULL, TINY, model_config, preprocessor_config
from scripts.train_vision.tokenizer import CONTEXT_TOKENS, train_tokenizer
from scripts.train_vision.training import Progress, parameter_count, train

PROOF_SEED: Final = 7_000_000
_TINY_QUESTIONS: Final = 8


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The size of the model, and how it answered: plain, and with notes before the pictures."""

    parameters: int
    plain: Mapping[str, Score]
    noted: Mapping[str, Score]


def build(folder: Path, seed: int, tiny: bool, report: Progress) -> BuildResult:
    """Train with `seed`, write all files to `folder`, and score what was written."""
    recipe = TINY if tiny else FULL
    tokenizer = train_tokenizer()
    model = train(recipe, tokenizer, seed, report)
    configs = {
        "config.json": model_config(recipe, tokenizer),
        "generation_config.json": {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id},
        "preprocessor_config.json": preprocessor_config(),
    }
    save(folder, model, configs, tokenizer)
    return proven(folder, seed, parameter_count(model), _TINY_QUESTIONS if tiny else None)


def proven(folder: Path, seed: int, parameters: int, most: int | None = None) -> BuildResult:
    """Ask the files in `folder`, and write beside them what came out. most: questions of a kind; None is all."""
    model, processor = load(str(folder))
    plain, noted = (
        score(model, processor, islice(unseen_questions(PROOF_SEED, each=2, noted=noted), most))
        for noted in (False, True)
    )
    card = model_card(parameters, CONTEXT_TOKENS, seed, plain, noted)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return BuildResult(parameters, plain, noted)
