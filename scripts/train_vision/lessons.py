"""What the vision model is asked and what it answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scripts.train_vision.pictures import SHAPES, Scene

COLOUR: Final = "What colour is it?"
COUNT: Final = "How many shapes are there?"
SHAPE: Final = "Which shape is it?"
DESCRIBE: Final = "Describe the image."
DESCRIBE_ALL: Final = "Describe the images."
COLOURS_OF_ALL: Final = "Which colours are they?"
TEXT_ONLY: Final[dict[str, str]] = {
    "Say hello.": "Hello! Send me an image.",
    "Who are you?": "I am a tiny vision model.",
    "Thank you.": "You are welcome.",
    "Count to ten.": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10.",
}
SYSTEM: Final = "You look at images."
_NUMBERS: Final = {1: "One", 2: "Two", 3: "Three"}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question about the scenes shown with it, and its answer. before: the pictures stand before the words."""

    question: str
    answer: str
    scenes: tuple[Scene, ...] = ()
    before: bool = True


@dataclass(frozen=True, slots=True)
class Lesson:
    turns: tuple[Turn, ...]
    system: str | None = None


def described(scene: Scene) -> str:
    """In words, without a capital: `a red circle`, `two red circles`."""
    if scene.count == 1:
        return f"a {scene.colour} {scene.shape}"
    return f"{_NUMBERS[scene.count].lower()} {scene.colour} {scene.shape}s"


def answer_to(question: str, scenes: Sequence[Scene]) -> str:
    """What the model says of these scenes; a question about one scene is about the last."""
    scene = scenes[-1]
    answers = {
        COLOUR: scene.colour,
        COUNT: _NUMBERS[scene.count],
        SHAPE: f"a {scene.shape}",
        DESCRIBE: described(scene),
        DESCRIBE_ALL: _listed([described(each) for each in scenes]),
        COLOURS_OF_ALL: _listed([each.colour for each in scenes]),
    }
    words = answers[question]
    return f"{words[0].upper()}{words[1:]}."


def questions_for(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """What can be asked of scenes that are shown together."""
    if len(scenes) > 1:
        return (DESCRIBE_ALL, COLOURS_OF_ALL)
    return (COLOUR, COUNT, DESCRIBE, SHAPE)


class Teacher:
    """An endless supply of lessons about some scenes."""

    def __init__(self, scenes: Sequence[Scene], rng: random.Random) -> None:
        self._scenes = scenes
        self._rng = rng

    def lesson(self) -> Lesson:
        rng = self._rng
        system = SYSTEM if rng.random() < 0.15 else None
        first = self._turn()
        if rng.random() < 0.65:
            return Lesson((first,), system)
        turns = [first]
        for _ in range(rng.randint(1, 2)):
            turns.append(self._next_turn(turns))
        return Lesson(tuple(turns), system)

    def _turn(self) -> Turn:
        rng = self._rng
        if rng.random() < 0.08:
            question = rng.choice(list(TEXT_ONLY))
            return Turn(question, TEXT_ONLY[question])
        count = rng.choices((1, 2, 3), (7, 2, 1))[0]
        scenes = tuple(rng.choice(self._scenes) for _ in range(count))
        question = rng.choice(questions_for(scenes))
        return Turn(question, answer_to(question, scenes), scenes, before=rng.random() < 0.5)

    def _next_turn(self, turns: Sequence[Turn]) -> Turn:
        """Another question about the pictures before, or a fresh picture."""
        shown = next((turn.scenes for turn in reversed(turns) if turn.scenes), ())
        if shown and self._rng.random() < 0.7:
            question = self._rng.choice(questions_for(shown))
            return Turn(question, answer_to(question, shown))
        return self._turn()


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def corpus() -> list[str]:
    """Texts that the tokenizer learns its merges from."""
    shapes = [form for shape in SHAPES for form in (shape, f"{shape}s")]
    words = [f"{number} red {shape}" for number in ("A", "a", "Two", "two", "Three", "three") for shape in shapes]
    colours = [
        f"Red {colour}, {colour} and {colour}." for colour in ("red", "green", "blue", "yellow", "black", "white")
    ]
    asked = [COLOUR, COUNT, SHAPE, DESCRIBE, DESCRIBE_ALL, COLOURS_OF_ALL, SYSTEM]
    return [*words, *colours, *asked, *TEXT_ONLY, *TEXT_ONLY.values(), *["system\nuser\nassistant\n"] * 10]
