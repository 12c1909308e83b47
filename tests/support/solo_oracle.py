"""What a model says when nobody else is there: the truth that a batch is held to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_lm
from mlx_lm.generate import generate_step

from adapters.inference.text_runtime import MlxTextRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.inference import FinishReason, Sampling
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from ports.text_engine import EngineRow, RowStep, TextEngine

GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)


@dataclass(frozen=True, slots=True)
class Greedy:
    """tokens: the likeliest, one after the other. margin: the smallest lead, in nats, of one of them over the next."""

    tokens: tuple[int, ...]
    margin: float


@dataclass
class SoloOracle:
    """One model folder, loaded once for mlx-lm's own loop and once for the engine under test. ram_bytes: what that may
    spend on remembering prompts.
    """

    folder: Path
    ram_bytes: int = 0
    _network: Any = None
    _engine: TextEngine | None = None
    _greedy: dict[tuple[tuple[int, ...], int], Greedy] = field(default_factory=dict)
    _alone: dict[EngineRow, tuple[int, ...]] = field(default_factory=dict)

    @property
    def stops(self) -> frozenset[int]:
        """What generation_config.json names."""
        named = json.loads((self.folder / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"]
        return frozenset(named if isinstance(named, list) else [named])

    @property
    def engine(self) -> TextEngine:
        """Of the runtime; a fresh one when the last was left with rows in it."""
        if self._engine is None or self._engine.active_rows:
            self.close()
            model = LocatedModel("org/mini", self.folder, ModelSource.WORKSPACE)
            self._engine = (
                MlxTextRuntime().load(model, LoadOptions(prefix_cache=PrefixCacheBudget(self.ram_bytes))).engine
            )
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def greedy(self, prompt: Sequence[int], count: int) -> Greedy:
        """By mlx-lm's generate_step, stop tokens and all."""
        asked = (tuple(prompt), count)
        if asked not in self._greedy:
            if self._network is None:
                self._network = mlx_lm.load(str(self.folder))[0]
            tokens: list[int] = []
            margin = float("inf")
            for token, logprobs in generate_step(mx.array(list(prompt)), self._network, max_tokens=count):
                two: Any = mx.topk(logprobs, 2).tolist()
                margin = min(margin, abs(two[1] - two[0]))
                tokens.append(token)
            self._greedy[asked] = Greedy(tuple(tokens), margin)
        return self._greedy[asked]

    def alone(self, row: EngineRow) -> tuple[int, ...]:
        """What the engine under test says to this row when it is the only one."""
        if row not in self._alone:
            steps = drain(self.engine, row)[row.row_id]
            self._alone[row] = tokens_of(steps)
        return self._alone[row]


def drain(engine: TextEngine, *rows: EngineRow) -> dict[int, list[RowStep]]:
    """Admit these rows, one before each step, and step until all is done."""
    waiting = list(rows)
    steps: dict[int, list[RowStep]] = {row.row_id: [] for row in rows}
    while waiting or engine.active_rows:
        if waiting:
            engine.admit(waiting.pop(0))
        for step in engine.step():
            steps[step.row_id].append(step)
    return steps


def tokens_of(steps: Sequence[RowStep]) -> tuple[int, ...]:
    """Raises the row's error, if it has one."""
    for step in steps:
        if step.error is not None:
            raise step.error
    return tuple(step.token for step in steps if step.token is not None)


def cut_short(tokens: Sequence[int], most: int, stops: frozenset[int]) -> tuple[tuple[int, ...], FinishReason]:
    """The same answer with at most so many tokens, ended by the first stop token, which still belongs to it."""
    for at, token in enumerate(tokens[:most]):
        if token in stops:
            return tuple(tokens[: at + 1]), FinishReason.STOP
    return tuple(tokens[:most]), FinishReason.LENGTH
