"""Rows for engines, constraints that are easy to predict, and a model that can be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import GenerationFailed
from domain.inference import Sampling
from ports.text_engine import EngineRow, RowStep, TextEngine
from ports.token_constraint import TokenConstraint

GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)
PROMPTS = ((257, 72, 105), (257, *range(65, 105)), (70,), (257, *range(97, 120), 258))


def row(
    row_id: int,
    prompt: Sequence[int] = PROMPTS[0],
    max_tokens: int = 12,
    sampling: Sampling = GREEDY,
    **more: Any,
) -> EngineRow:
    return EngineRow(row_id, tuple(prompt), max_tokens, sampling, **more)


def hot(seed: int, **more: Any) -> Sampling:
    return Sampling(**{"temperature": 1.0, "top_p": 0.95, "seed": seed, **more})


def run(engine: TextEngine, *rows: EngineRow) -> dict[int, list[RowStep]]:
    """Admit these rows, one each step, and step until all is done."""
    waiting = list(rows)
    steps: dict[int, list[RowStep]] = {each.row_id: [] for each in rows}
    while waiting or engine.active_rows:
        if waiting:
            engine.admit(waiting.pop(0))
        for step in engine.step():
            steps[step.row_id].append(step)
    return steps


def tokens(steps: Iterable[RowStep]) -> list[int]:
    return [step.token for step in steps if step.token is not None]


def bits(allowed: Iterable[int], vocabulary: int = 264) -> bytes:
    """As ports.token_constraint describes them."""
    made = bytearray(vocabulary // 8)
    for token in allowed:
        made[token // 8] |= 1 << token % 8
    return bytes(made)


@dataclass
class Follows(TokenConstraint):
    """Allows the tokens of these sets, one set a place, and anything after them. heard: what was accepted."""

    places: Sequence[Iterable[int]]
    heard: list[int] = field(default_factory=list)

    def allowed(self) -> bytes | None:
        return bits(self.places[len(self.heard)]) if len(self.heard) < len(self.places) else None

    def accept(self, token: int) -> None:
        if len(self.heard) < len(self.places) and token not in self.places[len(self.heard)]:
            raise GenerationFailed(f"{token} is not allowed")
        self.heard.append(token)


@dataclass
class Breaks(TokenConstraint):
    """Allows anything and raises in `hook` once it has heard so many tokens."""

    hook: str
    after: int = 0
    heard: int = 0

    def allowed(self) -> bytes | None:
        self._break("allowed")
        return None

    def accept(self, token: int) -> None:
        self._break("accept")
        self.heard += 1

    def _break(self, hook: str) -> None:
        if hook == self.hook and self.heard >= self.after:
            raise ZeroDivisionError("the grammar is broken")


@dataclass
class Network:
    """A model that counts its calls and breaks when told to. broken: (tokens [rows, length]) -> whether to raise."""

    inner: Any
    broken: Callable[[Any], bool] = field(default=lambda _tokens: False)
    shapes: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, inputs: Any, cache: Any) -> Any:
        self.shapes.append(tuple(inputs.shape))
        if self.broken(inputs):
            raise RuntimeError("out of luck")
        return self.inner(inputs, cache=cache)

    @property
    def layers(self) -> Any:
        return self.inner.layers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
