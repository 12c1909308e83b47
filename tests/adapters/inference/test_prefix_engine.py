"""The engine with a memory of prompts: it says the same as without, and reads less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlx_lm.utils import load_model

from adapters.inference.prefix_cache.opening import open_prefixes
from adapters.inference.prefixes import Prefixes
from adapters.inference.text_engine import MlxTextEngine
from adapters.inference.text_runtime import MlxTextRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.inference import Sampling
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from ports.text_engine import EngineRow, RowStats, TextEngine
from tests.support.miniatures import MINIATURES
from tests.support.prefix_networks import numbers
from tests.support.tiny_llama import TinyLlama

PLENTY = 1 << 30
CUTTABLE, EXACT = ("llama", "qwen3_moe"), ("gemma3_text", "lfm2", "falcon_h1")


@pytest.fixture(scope="module", params=[*CUTTABLE, *EXACT])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, LocatedModel]:
    folder = MINIATURES[request.param].build(tmp_path_factory.mktemp(request.param))
    network, _ = load_model(folder)
    return request.param, network, LocatedModel(request.param, folder, ModelSource.WORKSPACE)


def remembering(model: tuple[str, Any, LocatedModel], folder: Path) -> Prefixes:
    budget = PrefixCacheBudget(PLENTY, PLENTY, folder)
    return open_prefixes(model[1], model[2], LoadOptions(prefix_cache=budget))


def answers(engine: TextEngine, *prompts: tuple[int, ...]) -> list[tuple[list[int], RowStats]]:
    """Greedy, all at once, in the order of the prompts."""
    told: dict[int, list[int]] = {at: [] for at in range(len(prompts))}
    stats: dict[int, RowStats] = {}
    for at, prompt in enumerate(prompts):
        engine.admit(EngineRow(at, prompt, 12, Sampling(0.0, 1.0, 0), anchors=(len(prompt) - 1,)))
    while engine.active_rows:
        for step in engine.step():
            assert step.error is None
            if step.token is not None:
                told[step.row_id].append(step.token)
            if step.stats is not None:
                stats[step.row_id] = step.stats
    return [(told[at], stats[at]) for at in told]


def test_a_conversation_goes_on_from_memory_and_from_the_disk(
    model: tuple[str, Any, LocatedModel], tmp_path: Path
) -> None:
    _, network, _ = model
    opening = numbers(300)
    cold = MlxTextEngine(network, frozenset())
    ((first, _),) = answers(cold, opening)
    turn = (*opening, *first, *numbers(20, seed=1))
    ((second, read_all),) = answers(cold, turn)
    assert read_all.cached_tokens == 0
    warm = MlxTextEngine(network, frozenset(), prefixes=remembering(model, tmp_path))
    assert answers(warm, opening)[0][0] == first
    ((again, stats),) = answers(warm, turn)
    assert again == second
    assert stats.cached_tokens >= len(opening) - 1
    warm.close()
    restarted = MlxTextEngine(network, frozenset(), prefixes=remembering(model, tmp_path))
    ((later, stats),) = answers(restarted, turn)
    assert later == second
    assert stats.cached_tokens >= len(opening) - 1
    restarted.close()
    cold.close()


def test_prompts_that_equal_or_share_are_answered_as_without_memory(
    model: tuple[str, Any, LocatedModel], tmp_path: Path
) -> None:
    _, network, _ = model
    base = numbers(260)
    prompts = (base, base, (*base, 1, 2, 3), (*base[:100], *numbers(50, seed=2)), base[:40])
    cold = MlxTextEngine(network, frozenset())
    warm = MlxTextEngine(network, frozenset(), prefixes=remembering(model, tmp_path))
    answers(warm, base)
    expected = [answers(cold, prompt)[0][0] for prompt in prompts]
    found = answers(warm, *prompts)
    assert [told for told, _ in found] == expected
    assert found[0][1].cached_tokens == len(base) - 1
    cold.close()
    warm.close()


@pytest.mark.parametrize("way", [{}, {"kv_bits": 8, "kv_group_size": 32}, {"max_kv_size": 128}], ids=str)
def test_a_model_that_is_loaded_with_a_budget_remembers(tmp_path: Path, way: dict[str, Any]) -> None:
    folder = TinyLlama(hidden=64).build(tmp_path / "model")
    model = LocatedModel("tiny", folder, ModelSource.WORKSPACE)
    options = LoadOptions(prefix_cache=PrefixCacheBudget(PLENTY, PLENTY, tmp_path / "prompts"), **way)
    prompt = numbers(200)
    seen = []
    for _ in range(2):
        engine = MlxTextRuntime().load(model, options).engine
        seen += [stats.cached_tokens for _, stats in (*answers(engine, prompt), *answers(engine, prompt))]
        engine.close()
    assert seen == [0, 199, 199, 199]
