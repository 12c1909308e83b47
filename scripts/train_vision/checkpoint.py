"""Writing the model as files that mlx-vlm loads, and asking the saved files."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_vlm import generate
from mlx_vlm.prompt_utils import get_chat_template
from PIL import Image
from transformers import PreTrainedTokenizerFast

from scripts.train_vision.lessons import TEXT_ONLY, answer_to, followed, notes_for, questions_for
from scripts.train_vision.pictures import Scene, draw, every_scene

_ANSWER_TOKENS: Final = 60


@dataclass(frozen=True, slots=True)
class Question:
    """pictures: shown with the question, before or after it. notes: what is written before each; () for nothing."""

    text: str
    answer: str
    pictures: tuple[Image.Image, ...] = ()
    before: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the answers came word for word."""

    right: int
    total: int
    wrong: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of the answers, 0 to 1."""
        return self.right / self.total


def save(folder: Path, model: Any, configs: Mapping[str, object], tokenizer: PreTrainedTokenizerFast) -> None:
    """Write bfloat16 weights, tokenizer and chat template to `folder`, and `configs` by the names of their files."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(str(folder))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("backend", None)  # only transformers 5 knows it; the class below loads in 4 and 5
    every = {**configs, "tokenizer_config.json": {**settings, "tokenizer_class": "PreTrainedTokenizerFast"}}
    for name, value in every.items():
        (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    weights = {name: array.astype(mx.bfloat16) for name, array in tree_flatten(model.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})


def unseen_questions(seed: int, each: int, noted: bool = False) -> Iterator[Question]:
    """Fresh drawings: `each` of every scene, and as many pairs and triples. noted: with notes before the pictures."""
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it, and it must repeat
    scenes = every_scene()
    groups: list[Sequence[Scene]] = [(scene,) for scene in scenes for _ in range(each)]
    groups += [tuple(rng.choice(scenes) for _ in range(count)) for count in (2, 3) for _ in range(each * 12)]
    for group in groups:
        pictures = tuple(draw(scene, rng) for scene in group)
        for question in questions_for(group):
            notes = tuple(notes_for(len(group), rng)) if noted else ()
            yield Question(question, answer_to(question, group), pictures, before=rng.random() < 0.5, notes=notes)
    for text, answer in TEXT_ONLY.items():
        yield Question(text, answer)


def said_of(model: Any, processor: Any, prompt: str, pictures: Sequence[Image.Image]) -> str:
    """The greedy answer by mlx-vlm's own loop."""
    answer = generate(
        model,
        processor,
        prompt=prompt,
        image=list(pictures) or None,
        max_tokens=_ANSWER_TOKENS,
        temperature=0.0,
        verbose=False,
    )
    return str(answer.text)


def score(model: Any, processor: Any, questions: Iterable[Question]) -> dict[str, Score]:
    """Ask the model, as mlx_vlm.load gives it, greedily; by question. An answer is right word for word."""
    found: dict[str, list[tuple[bool, str]]] = {}
    for question in questions:
        said = said_of(model, processor, prompt_of(processor, question), question.pictures)
        found.setdefault(question.text, []).append((said == question.answer, f"{question.answer!r} but {said!r}"))
    return {
        text: Score(sum(right for right, _ in told), len(told), tuple(what for right, what in told if not right))
        for text, told in found.items()
    }


def prompt_of(processor: Any, question: Question) -> str:
    """As the model's own template writes it."""
    words = question.text if question.before else followed(question.text, question.notes)
    said = {"type": "text", "text": words}
    notes = question.notes or ("",) * len(question.pictures)
    pictures = [part for note in notes for part in ({"type": "text", "text": note}, {"type": "image"})]
    content = [*pictures, said] if question.before else [said, *pictures]
    return str(get_chat_template(processor, [{"role": "user", "content": content}], add_generation_prompt=True))
