"""Training: the ordinary Qwen2-VL of mlx-vlm, AdamW, only the assistant's tokens in the loss.

The vision tower goes to school first, with three heads that name colour, shape and number of what it sees: through a
language model alone it would learn colours and little else in this time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten
from mlx_vlm.models.qwen2_vl import Model, ModelConfig, TextConfig, VisionConfig
from transformers import PreTrainedTokenizerFast

from scripts.train_vision.encoding import Batch, Gallery, LessonCoder, Pixels
from scripts.train_vision.lessons import Lesson, Teacher
from scripts.train_vision.pictures import COLOURS, MOST, SHAPES, Scene, every_scene
from scripts.train_vision.recipe import Recipe, model_config

Progress = Callable[[int, float], None]
_REPORTED_EVERY = 50
_CHOICES: Final[tuple[tuple[object, ...], ...]] = (tuple(COLOURS), SHAPES, tuple(range(1, MOST + 1)))


def new_model(config: dict[str, Any]) -> Model:
    """With random weights, in float32."""
    made = ModelConfig.from_dict(dict(config))
    made.text_config = TextConfig.from_dict({name: value for name, value in config.items() if name != "vision_config"})
    made.vision_config = VisionConfig.from_dict(config["vision_config"])
    return Model(made)


def parameter_count(model: nn.Module) -> int:
    """How many numbers the model holds."""
    return sum(int(array.size) for _, array in tree_flatten(model.parameters()))


def train(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, seed: int, report: Progress) -> Model:
    """A trained float32 model. `report` is called with (steps so far, mean loss) now and then."""
    mx.random.seed(seed)
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it, and it must repeat
    gallery = Gallery(every_scene(), recipe.pool, rng)
    coder = LessonCoder(tokenizer, gallery, rng)
    model = new_model(model_config(recipe, tokenizer))
    mx.eval(model.parameters())

    def school() -> tuple[Gallery, list[Scene]]:
        return gallery, [rng.choice(every_scene()) for _ in range(recipe.school_batch)]

    def lessons_of(teacher: Teacher) -> Callable[[], tuple[Batch]]:
        return lambda: (coder.batch([_with_picture(teacher), *(teacher.lesson() for _ in range(recipe.batch - 1))]),)

    _learn(
        _School(model.vision_tower, recipe.hidden_size), _school_loss, school, Pace(recipe.school_steps, 2e-3), report
    )
    lessons = lessons_of(Teacher(every_scene(), rng))
    _learn(model, _loss, lessons, Pace(recipe.steps, recipe.learning_rate), report)
    noted = lessons_of(Teacher(every_scene(), rng, noted=True))
    _learn(model, _loss, noted, Pace(recipe.noted_steps, recipe.noted_rate), report)
    return model


@dataclass(frozen=True, slots=True)
class Pace:
    """steps: how many. peak: the highest learning rate."""

    steps: int
    peak: float

    def rate(self, step: int) -> float:
        """A short rise, then half a cosine down to a hundredth of the peak."""
        rise = max(1, self.steps // 30)
        if step < rise:
            return self.peak * (step + 1) / (rise + 1)
        progress = (step - rise) / max(1, self.steps - rise)
        return self.peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class _School(nn.Module):  # type: ignore[misc]  # mlx is untyped
    """The tower with a head for each of the three questions, over the mean of a picture's tokens."""

    def __init__(self, tower: nn.Module, size: int) -> None:
        super().__init__()
        self.tower = tower
        self.heads = [nn.Linear(size, len(choices)) for choices in _CHOICES]

    def __call__(self, pixels: Sequence[Pixels]) -> list[mx.array]:
        """A list by question of [pictures, choices]."""
        seen = self.tower(
            mx.array(np.concatenate([each.values for each in pixels])),
            mx.array(np.concatenate([each.grid for each in pixels])),
        )
        ends = np.cumsum([each.tokens for each in pixels])[:-1]
        means = mx.stack([part.mean(axis=0) for part in mx.split(seen, ends.tolist())])
        return [head(means) for head in self.heads]


def _school_loss(school: _School, gallery: Gallery, scenes: Sequence[Scene]) -> mx.array:
    asked = school([gallery.pick(scene) for scene in scenes])
    truths = [
        [choices.index(value) for value in values]
        for choices, values in zip(
            _CHOICES, zip(*((scene.colour, scene.shape, scene.count) for scene in scenes), strict=True), strict=True
        )
    ]
    losses = [nn.losses.cross_entropy(one, mx.array(truth)).mean() for one, truth in zip(asked, truths, strict=True)]
    return mx.stack(losses).sum()


def _learn(
    pupil: nn.Module,
    loss_of: Callable[..., mx.array],
    material: Callable[[], tuple[Any, ...]],
    pace: Pace,
    report: Progress,
) -> None:
    optimizer = optim.AdamW(learning_rate=0.0, betas=[0.9, 0.98], weight_decay=0.01)
    loss_and_gradients = nn.value_and_grad(pupil, loss_of)
    losses: list[float] = []
    for step in range(pace.steps):
        optimizer.learning_rate = mx.array(pace.rate(step))
        loss, gradients = loss_and_gradients(pupil, *material())
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        optimizer.update(pupil, gradients)
        mx.eval(pupil.parameters(), optimizer.state, loss)
        losses.append(loss.item())
        if (step + 1) % _REPORTED_EVERY == 0 or step + 1 == pace.steps:
            report(step + 1, sum(losses) / len(losses))
            losses = []


def _with_picture(teacher: Teacher) -> Lesson:
    """A batch without any picture has nothing for the vision tower."""
    while True:
        lesson = teacher.lesson()
        if any(turn.scenes for turn in lesson.turns):
            return lesson


def _loss(model: Model, batch: Batch) -> mx.array:
    """Mean cross-entropy of what is learned."""
    seen = model.get_input_embeddings(batch.tokens, batch.pixels, image_grid_thw=batch.grids, mask=batch.mask)
    out = model.language_model(batch.tokens, inputs_embeds=seen.inputs_embeds, position_ids=seen.position_ids)
    weights = batch.weights[:, 1:]
    losses = nn.losses.cross_entropy(out.logits[:, :-1], batch.tokens[:, 1:])
    mean: mx.array = (losses * weights).sum() / weights.sum()
    return mean
