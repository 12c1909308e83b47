"""What the vision model is asked and what it answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from domain.inference import PictureFacts
from domain.inference.picture_words import picture_lines
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
_CAMERAS: Final = ("Acme X1", "Canon EOS R5", "Apple iPhone 15", "NIKON D850", "FUJIFILM X-T5", "Pixel 8 Pro")
_NUMBERS: Final = {1: "One", 2: "Two", 3: "Three"}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question about the scenes shown with it, and its answer. before: the pictures stand before the words. notes:
    what is written before each picture; () for nothing.
    """

    question: str
    answer: str
    scenes: tuple[Scene, ...] = ()
    before: bool = True
    notes: tuple[str, ...] = ()


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
    """An endless supply of lessons about some scenes. noted: in two of three, the pictures have before them what mlxk
    writes there, and more often there are several.
    """

    def __init__(self, scenes: Sequence[Scene], rng: random.Random, noted: bool = False) -> None:
        self._scenes = scenes
        self._rng = rng
        self._noted = noted

    def lesson(self) -> Lesson:
        lesson = self._lesson()
        if not self._noted or self._rng.random() < 1 / 3:
            return lesson
        notes = iter(notes_for(sum(len(turn.scenes) for turn in lesson.turns), self._rng))
        turns = (replace(turn, notes=tuple(next(notes) for _ in turn.scenes)) for turn in lesson.turns)
        return replace(lesson, turns=tuple(turns))

    def _lesson(self) -> Lesson:
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
        count = rng.choices((1, 2, 3), (5, 4, 3) if self._noted else (7, 2, 1))[0]
        scenes = tuple(rng.choice(self._scenes) for _ in range(count))
        question = rng.choice(self._questions(scenes))
        return Turn(question, answer_to(question, scenes), scenes, before=rng.random() < 0.5)

    def _questions(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """One picture may be all there are: the last group of a chunk is asked what all were asked."""
        asked_of_all = self._noted and len(scenes) == 1 and self._rng.random() < 0.2
        return (DESCRIBE_ALL, COLOURS_OF_ALL) if asked_of_all else questions_for(scenes)

    def _next_turn(self, turns: Sequence[Turn]) -> Turn:
        """Another question about the pictures before, or a fresh picture."""
        shown = next((turn.scenes for turn in reversed(turns) if turn.scenes), ())
        if shown and self._rng.random() < 0.7:
            question = self._rng.choice(self._questions(shown))
            return Turn(question, answer_to(question, shown))
        return self._turn()


def followed(question: str, notes: Sequence[str]) -> str:
    """The question where the pictures come after it: a note begins a line."""
    return f"{question}\n" if notes and notes[0] else question


def notes_for(pictures: int, rng: random.Random) -> list[str]:
    """What is written before each of so many pictures: numbers where there are several, and what files might tell."""
    return [picture_lines(number, _facts(rng), several=pictures > 1) for number in range(1, pictures + 1)]


def _facts(rng: random.Random) -> PictureFacts:
    nothing = PictureFacts("", "JPEG", 1, 1)
    if rng.random() < 0.6:
        return nothing
    told = nothing
    if rng.random() < 0.6:
        told = replace(told, latitude=rng.uniform(-90, 90), longitude=rng.uniform(-180, 180))
    if rng.random() < 0.6:
        taken = datetime(2000, 1, 1) + timedelta(seconds=rng.randrange(900_000_000))
        told = replace(told, taken=taken.isoformat())
    return replace(told, camera=rng.choice(_CAMERAS)) if rng.random() < 0.6 else told


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
