"""Several answers to one prompt: it is read once."""

from __future__ import annotations

from pathlib import Path

import mlx_lm
import pytest

from adapters.inference.prefix_cache.opening import open_prefixes
from adapters.inference.text_engine import MlxTextEngine
from domain.catalog import LocatedModel, ModelSource
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from tests.support.engine_kit import Network, hot, row, run, tokens
from tests.support.tiny_llama import TinyLlama


@pytest.mark.parametrize("length", [300, 700])
def test_the_first_reads_the_prompt_and_the_others_its_last_token(tmp_path: Path, length: int) -> None:
    folder = TinyLlama(context_length=2048).build(tmp_path / "tiny")
    network = Network(mlx_lm.load(str(folder))[0])
    budget = PrefixCacheBudget(1 << 30, 0, None)
    memory = open_prefixes(
        network, LocatedModel("tiny", folder, ModelSource.WORKSPACE), LoadOptions(prefix_cache=budget)
    )
    engine = MlxTextEngine(network, frozenset(), prefixes=memory)
    engine.learn()
    network.shapes.clear()
    prompt = tuple(65 + at % 50 for at in range(length))
    rows = [row(at, prompt, 4, hot(seed=at)) for at in range(4)]
    for each in rows:
        engine.admit(each)
    said: dict[int, list[int]] = {at: [] for at in range(4)}
    cached: dict[int, int] = {}
    while engine.active_rows:
        for step in engine.step():
            said[step.row_id] += tokens([step])
            if step.stats is not None:
                cached[step.row_id] = step.stats.cached_tokens
    assert sum(count * width for count, width in network.shapes if width > 1) <= length
    assert cached == {0: 0, 1: length - 1, 2: length - 1, 3: length - 1}
    for each in rows:
        alone = MlxTextEngine(network, frozenset())
        assert said[each.row_id] == tokens(run(alone, each)[each.row_id])
        alone.close()
    engine.close()
