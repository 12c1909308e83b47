"""Lessons as tokens and pixels."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_vlm.models.qwen3_vl.processing_qwen3_vl import Qwen3VLImageProcessor
from transformers import PreTrainedTokenizerFast

from scripts.train_vision.lessons import Lesson, Turn, followed
from scripts.train_vision.pictures import Scene, draw
from scripts.train_vision.recipe import MERGE, PATCH, PIXELS
from scripts.train_vision.tokenizer import END, IMAGE, START, VISION_END, VISION_START


@dataclass(frozen=True, slots=True)
class Pixels:
    """values: [patches, numbers of a patch]. grid: frames, rows and columns of patches."""

    values: np.ndarray[Any, Any]
    grid: np.ndarray[Any, Any]

    @property
    def tokens(self) -> int:
        return int(self.grid.prod()) // MERGE**2


@dataclass(frozen=True, slots=True)
class Batch:
    """tokens, mask, weights: [rows, length]; weights of the tokens to be learned, 0 elsewhere. pixels: of all pictures
    in order, one after the other. grids: [pictures, 3].
    """

    tokens: mx.array
    mask: mx.array
    weights: mx.array
    pixels: mx.array
    grids: mx.array


class Gallery:
    """Drawings of every scene, ready as pixels."""

    def __init__(self, scenes: Sequence[Scene], each: int, rng: random.Random) -> None:
        self._processor = Qwen3VLImageProcessor(
            patch_size=PATCH, temporal_patch_size=2, merge_size=MERGE, min_pixels=PIXELS, max_pixels=PIXELS
        )
        self._rng = rng
        self._pool: Mapping[Scene, list[Pixels]] = {
            scene: [self._pixels(scene) for _ in range(each)] for scene in scenes
        }

    def pick(self, scene: Scene) -> Pixels:
        return self._rng.choice(self._pool[scene])

    def _pixels(self, scene: Scene) -> Pixels:
        made = self._processor(images=[draw(scene, self._rng)])
        return Pixels(np.array(made["pixel_values"]), np.array(made["image_grid_thw"]))


class LessonCoder:
    """Writes lessons as the chat template does."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, gallery: Gallery, rng: random.Random) -> None:
        self._tokenizer = tokenizer
        self._gallery = gallery
        self._rng = rng
        self._marks = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in (VISION_START, IMAGE, VISION_END)}

    def batch(self, lessons: Sequence[Lesson]) -> Batch:
        rows = [self._row(lesson) for lesson in lessons]
        length = max(len(tokens) for tokens, _, _ in rows)
        tokens, weights, mask = (np.zeros((len(rows), length), kind) for kind in (np.int32, np.float32, np.int32))
        for at, (row, learned, _) in enumerate(rows):
            tokens[at, : len(row)], weights[at, : len(row)], mask[at, : len(row)] = row, learned, 1
        shown = [pixels for _, _, pictures in rows for pixels in pictures]
        return Batch(
            mx.array(tokens),
            mx.array(mask),
            mx.array(weights),
            mx.array(np.concatenate([each.values for each in shown])),
            mx.array(np.concatenate([each.grid for each in shown])),
        )

    def _row(self, lesson: Lesson) -> tuple[list[int], list[float], list[Pixels]]:
        tokens: list[int] = []
        learned: list[float] = []
        pictures: list[Pixels] = []
        if lesson.system is not None:
            tokens += self._text(f"{START}system\n{lesson.system}{END}\n")
        for turn in lesson.turns:
            shown = [self._gallery.pick(scene) for scene in turn.scenes]
            tokens += self._asked(turn, shown)
            pictures += shown
            learned += [0.0] * (len(tokens) - len(learned))
            answer = self._text(f"{turn.answer}{END}")
            tokens += answer
            learned += [1.0] * len(answer)
            tokens += self._text("\n")
        return tokens, learned + [0.0] * (len(tokens) - len(learned)), pictures

    def _asked(self, turn: Turn, shown: Sequence[Pixels]) -> list[int]:
        notes = turn.notes or ("",) * len(shown)
        pictures = [part for pair in zip(notes, shown, strict=True) for part in pair]
        inside = [*pictures, turn.question] if turn.before else [followed(turn.question, notes), *pictures]
        return [*self._text(f"{START}user\n"), *self._mixed(inside), *self._text(f"{END}\n{START}assistant\n")]

    def _mixed(self, parts: Sequence[str | Pixels]) -> list[int]:
        """Texts that follow each other are read as one."""
        tokens: list[int] = []
        text = ""
        for part in parts:
            if isinstance(part, str):
                text += part
            else:
                tokens += [*self._text(text), *self._picture(part)]
                text = ""
        return tokens + self._text(text)

    def _picture(self, pixels: Pixels) -> list[int]:
        marks = self._marks
        return [marks[VISION_START], *[marks[IMAGE]] * pixels.tokens, marks[VISION_END]]

    def _text(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))
