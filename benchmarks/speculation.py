"""Tokens per second of one greedy row served alone: plain, and with guesses that cost nothing, of every quality.

python -m benchmarks.speculation

The model is the benchmark miniature with random weights. "all right" knows the answer, "all wrong" never guesses a
token: the most that speculation can win here, and the most that it can lose. "same model" is a draft as slow as the
model itself. Real drafts lie between.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm import load

from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.drawing import RowDraw
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.proposers import DraftModel, MakeProposer, NoProposals
from adapters.inference.solo.row import SoloModel
from domain.inference import Sampling
from ports.text_engine import EngineRow
from tests.support.tiny_llama import TinyLlama

MINIATURE = TinyLlama(hidden=192, layers=4, heads=6, context_length=4096)
PROMPT = tuple(range(40, 104))
TOKENS = 96
RUNS = 3


class Foretold:
    """Guesses the answer it was told, each token moved by `error`."""

    def __init__(self, answer: Sequence[int], error: int = 0) -> None:
        self._answer = [(token + error) % 256 for token in answer]

    def read(self, tokens: Sequence[int]) -> None:
        """Nothing to do."""

    def propose(self, context: Sequence[int], count: int, draw: RowDraw) -> mx.array:
        said = draw.position_after(context)
        return mx.array(self._answer[said : said + count], mx.int32)


def answer(network: Any, proposer: MakeProposer, draft_tokens: int) -> tuple[list[int], float]:
    """The tokens, and tokens a second from the first to the last."""
    engine = SoloEngine(SoloModel(network, frozenset(), CacheMaker(network), "benchmark", proposer, draft_tokens))
    engine.admit(EngineRow(1, PROMPT, TOKENS, Sampling(0.0, 1.0, 0)))
    said: list[int] = []
    begin, first = time.perf_counter(), 0
    while engine.active_rows:
        steps = engine.step()
        if steps and not said:
            begin, first = time.perf_counter(), len(steps)
        said += [step.token for step in steps if step.token is not None]
    return said, (len(said) - first) / (time.perf_counter() - begin)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        network = load(str(MINIATURE.build(Path(folder) / "model")))[0]
    size = network.args.vocab_size
    words, _ = answer(network, NoProposals, 0)
    ways: dict[str, tuple[MakeProposer, int]] = {"plain": (NoProposals, 0)}
    for count in (3, 8):
        ways[f"all right, {count} at once"] = (lambda: Foretold(words), count)
        ways[f"all wrong, {count} at once"] = (lambda: Foretold(words, error=1), count)
    ways["same model, 3 at once"] = (lambda: DraftModel(network, size, size), 3)
    for name, (proposer, count) in ways.items():
        runs = [answer(network, proposer, count) for _ in range(RUNS)]
        assert all(said == words for said, _ in runs), f"{name}: guesses changed the answer"
        print(f"{name:26} {statistics.median(speed for _, speed in runs):8.1f} tokens/s")


if __name__ == "__main__":
    main()
