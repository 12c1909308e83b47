"""From nothing to a folder with a model that has been asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.train_demo.checkpoint import Question, Score, save, score
from scripts.train_demo.conversations import (
    FALLBACK,
    FOLLOW_UPS,
    HELD_OUT,
    MULTI_TURN,
    OFF_TOPIC,
    OFF_TOPIC_HELD_OUT,
    PAIRS,
    PARAPHRASES,
    REPEAT_REQUESTS,
    SYSTEM_PROMPTS,
    TOPICS,
    Topic,
    dialogue,
)
from scripts.train_demo.model_card import model_card
from scripts.train_demo.tokenizer import train_tokenizer
from scripts.train_demo.training import FULL, TINY, Progress, model_config, parameter_count, train

_TINY_QUESTIONS: Final = ("Who are you?", "What can you do?", "How do I list models?", "Count to ten.", "Hello!")
TINY_TOPICS: Final[tuple[Topic, ...]] = tuple(topic for topic in TOPICS if topic.question in _TINY_QUESTIONS)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The size of the model, and how it answered each kind of question."""

    parameters: int
    scores: Mapping[str, Score]


def single(pairs: Sequence[tuple[str, str]], system: str | None = None) -> list[Question]:
    """Each question as a chat of its own, and its answer."""
    return [([*dialogue(system=system), {"role": "user", "content": question}], answer) for question, answer in pairs]


def _repeats() -> list[Question]:
    short = [pair for pair in PAIRS if len(pair[1]) < 150]
    return [
        ([*dialogue(pair), {"role": "user", "content": REPEAT_REQUESTS[index % len(REPEAT_REQUESTS)]}], pair[1])
        for index, pair in enumerate(short)
    ]


def questions_for(tiny: bool) -> dict[str, Sequence[Question]]:
    """What the finished model is asked, by kind."""
    if tiny:
        return {"questions": single([(topic.question, topic.answer) for topic in TINY_TOPICS])}
    serving = dialogue(("How do I serve a model?", dict(PAIRS)["How do I serve a model?"]))
    return {
        "questions": single(PAIRS),
        "questions after a system prompt": single(PAIRS, SYSTEM_PROMPTS[0]),
        "trained paraphrases": single(PARAPHRASES),
        "unseen paraphrases": single(HELD_OUT),
        "follow-ups": [([*serving, *messages], answer) for messages, answer in single(FOLLOW_UPS)],
        "requests to repeat": _repeats(),
        "conversations": MULTI_TURN,
        "off topic": single([(question, FALLBACK) for question in OFF_TOPIC]),
        "unseen off topic": single([(question, FALLBACK) for question in OFF_TOPIC_HELD_OUT]),
    }


def build(folder: Path, seed: int, tiny: bool, report: Progress) -> BuildResult:
    """Train with `seed`, write all files to `folder`, and score what was written."""
    recipe = TINY if tiny else FULL
    topics = TINY_TOPICS if tiny else TOPICS
    tokenizer = train_tokenizer(topics, recipe.vocabulary_size)
    model = train(recipe, topics, tokenizer, seed, report)
    save(folder, model, model_config(recipe, tokenizer), tokenizer)
    scores = {name: score(folder, questions) for name, questions in questions_for(tiny).items()}
    parameters = parameter_count(model)
    (folder / "README.md").write_text(model_card(parameters, seed, scores), encoding="utf-8")
    return BuildResult(parameters, scores)
