"""One model loaded in every way there is: what each does, and what it cannot be combined with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_lm
import pytest
from mlx_lm.models.cache import ArraysCache, ChunkedKVCache, KVCache, RotatingKVCache

from adapters.inference.solo.caches import CacheMaker, require_forgetful, require_quantisable
from adapters.inference.solo.choice import SoloLoader, why_alone
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.text_engine import MlxTextEngine
from adapters.inference.text_runtime import MlxTextRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InvalidRequest, ModelLoadFailed
from domain.inference import Sampling
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from ports.text_engine import EngineRow, RowStats, RowStep
from ports.text_runtime import LoadedText
from tests.support.tiny_adapter import tiny_adapter
from tests.support.tiny_llama import TinyLlama

PROMPT = (257, *range(72, 105), 258)
PLAIN = LoadOptions()


def located(folder: Path, name: str = "org/tiny") -> LocatedModel:
    return LocatedModel(name, folder, ModelSource.WORKSPACE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TinyLlama(hidden=64).build(tmp_path_factory.mktemp("ways") / "tiny")


@pytest.fixture
def load(folder: Path) -> Callable[[LoadOptions], LoadedText]:
    return lambda options: MlxTextRuntime().load(located(folder), options)


def said(loaded: LoadedText) -> tuple[list[int], RowStats | None]:
    loaded.engine.admit(EngineRow(1, PROMPT, 30, Sampling(0.0, 1.0, 0)))
    steps: list[RowStep] = []
    while loaded.engine.active_rows:
        steps += loaded.engine.step()
    return [step.token for step in steps if step.token is not None], steps[-1].stats


def test_without_options_rows_share_a_batch(load: Callable[[LoadOptions], LoadedText]) -> None:
    assert isinstance(load(PLAIN).engine, MlxTextEngine)


@pytest.mark.parametrize("seed", [7, 8])
def test_a_draft_model_guesses_and_the_answer_stays(
    load: Callable[[LoadOptions], LoadedText], folder: Path, tmp_path: Path, seed: int
) -> None:
    draft = TinyLlama(hidden=64 if seed == 7 else 32, seed=seed).build(tmp_path / "draft")
    loaded = load(LoadOptions(draft=located(draft, "org/draft"), draft_tokens=5))
    tokens, stats = said(loaded)
    assert tokens == said(load(PLAIN))[0]
    assert stats is not None
    assert stats.alone == "speculative decoding"
    assert isinstance(loaded.engine, SoloEngine)
    assert (loaded.engine.tally.accepted == loaded.engine.tally.proposed) is (seed == 7)
    both = sum((each / "model.safetensors").stat().st_size for each in (folder, draft))
    assert loaded.facts.memory_bytes > both * 0.9


def test_lookup_and_quantisation_go_together(load: Callable[[LoadOptions], LoadedText]) -> None:
    quantised = said(load(LoadOptions(kv_bits=4, kv_group_size=32)))
    both = said(load(LoadOptions(kv_bits=4, kv_group_size=32, draft_ngram=1)))
    assert quantised[0] == both[0]
    assert quantised[1] is not None
    assert both[1] is not None
    assert quantised[1].alone == "quantised KV cache"
    assert both[1].alone == "speculative decoding, quantised KV cache"


@pytest.mark.parametrize(
    ("way", "reused"),
    [
        ({}, True),
        ({"draft_ngram": 1}, True),
        ({"kv_bits": 4, "kv_group_size": 32}, True),
        ({"max_kv_size": 64}, False),
    ],
)
def test_a_prompt_is_read_once_where_its_caches_can_be_remembered(
    load: Callable[[LoadOptions], LoadedText], way: dict[str, Any], reused: bool
) -> None:
    loaded = load(LoadOptions(prefix_cache=PrefixCacheBudget(ram_bytes=2**24), **way))
    (first, cold), (second, warm) = said(loaded), said(loaded)
    assert first == second
    assert cold is not None
    assert warm is not None
    assert cold.cached_tokens == 0
    assert (warm.cached_tokens > 0) is reused
    loaded.engine.close()


def test_a_bounded_cache_is_served_alone(load: Callable[[LoadOptions], LoadedText]) -> None:
    stats = said(load(LoadOptions(max_kv_size=64)))[1]
    assert stats is not None
    assert stats.alone == "bounded KV cache"


def test_a_draft_with_another_tokenizer_is_refused_by_name(
    load: Callable[[LoadOptions], LoadedText], tmp_path: Path
) -> None:
    draft = TinyLlama().build(tmp_path / "draft")
    words = json.loads((draft / "tokenizer.json").read_text())
    vocabulary = words["model"]["vocab"]
    vocabulary["A"], vocabulary["B"] = vocabulary["B"], vocabulary["A"]
    (draft / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(
        InvalidRequest, match=r"--draft-model org/draft has another tokenizer than org/tiny: 'B' is 32 in one and 33"
    ):
        load(LoadOptions(draft=located(draft, "org/draft")))


def test_a_draft_that_is_broken_is_said_to_be_the_draft(
    load: Callable[[LoadOptions], LoadedText], tmp_path: Path
) -> None:
    draft = TinyLlama().build(tmp_path / "draft")
    (draft / "model.safetensors").unlink()
    with pytest.raises(ModelLoadFailed, match="cannot load the draft model org/draft"):
        load(LoadOptions(draft=located(draft, "org/draft")))


def test_a_group_that_does_not_divide_the_heads_is_refused(load: Callable[[LoadOptions], LoadedText]) -> None:
    with pytest.raises(InvalidRequest, match="--kv-bits 4 with --kv-group-size 128 cannot be used with org/tiny"):
        load(LoadOptions(kv_bits=4, kv_group_size=128))


class WithCaches:
    """A network of which only the caches are looked at."""

    def __init__(self, *caches: Any) -> None:
        self._caches = caches

    def make_cache(self) -> list[Any]:
        return list(self._caches)


SLIDING = WithCaches(KVCache(), RotatingKVCache(8))
HYBRID = WithCaches(KVCache(), ArraysCache(2))


def test_guesses_need_caches_that_can_take_a_token_back() -> None:
    for network, name in ((SLIDING, "RotatingKVCache"), (HYBRID, "ArraysCache")):
        options = LoadOptions(draft_ngram=2)
        loader = SoloLoader(located(Path("/x")), network, {})
        with pytest.raises(InvalidRequest, match=f"--draft-ngram cannot be used with org/tiny: .* its {name}"):
            loader.engine(options, frozenset(), "test", None)  # type: ignore[arg-type]


def test_rotating_caches_cannot_be_quantised_and_bounded_ones_not_bounded_again() -> None:
    with pytest.raises(InvalidRequest, match="--kv-bits 4 cannot be used with x: there is no quantised RotatingKVC"):
        require_quantisable("x", CacheMaker(SLIDING, kv_bits=4))
    with pytest.raises(InvalidRequest, match="--kv-bits 4 cannot be used with x"):
        require_quantisable("x", CacheMaker(WithCaches(ArraysCache(2)), kv_bits=4))
    with pytest.raises(InvalidRequest, match="--max-kv-size 64 cannot be used with x: its caches are bounded already"):
        require_forgetful("x", CacheMaker(WithCaches(RotatingKVCache(8)), max_kv_size=64))
    with pytest.raises(InvalidRequest, match="nothing bounds its ChunkedKVCache"):
        require_forgetful("x", CacheMaker(WithCaches(ChunkedKVCache(8)), max_kv_size=64))
    bounded = CacheMaker(HYBRID, max_kv_size=64)
    require_forgetful("x", bounded)
    assert [type(each) for each in bounded.make()] == [RotatingKVCache, ArraysCache]


def test_a_cache_class_without_a_batched_form_is_served_alone() -> None:
    assert why_alone(WithCaches(KVCache(), ChunkedKVCache(8)), PLAIN) == "no batched ChunkedKVCache"
    assert why_alone(SLIDING, PLAIN) is None


def test_an_adapter_changes_what_the_model_says_as_mlx_lm_does(
    load: Callable[[LoadOptions], LoadedText], folder: Path, tmp_path: Path
) -> None:
    adapter = tiny_adapter(tmp_path / "lora", hidden=64)
    network = mlx_lm.load(str(folder), adapter_path=str(adapter))[0]
    context = list(PROMPT)
    for _ in range(30):
        context.append(int(mx.argmax(network(mx.array([context]))[0, -1]).item()))  # type: ignore[arg-type]
    tokens = said(load(LoadOptions(adapter=adapter)))[0]
    assert tokens == context[len(PROMPT) :]
    assert tokens != said(load(PLAIN))[0]


def spoil_config(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text('{"num_layers": 1}')


def spoil_weights(adapter: Path) -> None:
    (adapter / "adapters.safetensors").write_bytes(b"PK\x03\x04 a pickle, perhaps")


def empty_weights(adapter: Path) -> None:
    mx.save_safetensors(str(adapter / "adapters.safetensors"), {})


def foreign(adapter: Path) -> None:
    tiny_adapter(adapter, hidden=32)


def other_layer(adapter: Path) -> None:
    tiny_adapter(adapter, hidden=64, layer=5)


def no_weights(adapter: Path) -> None:
    (adapter / "adapters.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_config, "does not fit org/tiny"),
        (spoil_weights, "cannot be read"),
        (empty_weights, "holds no adapter"),
        (foreign, "does not fit org/tiny: .*does not match"),
        (other_layer, r"does not fit org/tiny: .*layers\.5"),
        (no_weights, "cannot be read"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_by_name(
    load: Callable[[LoadOptions], LoadedText], tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    adapter = tiny_adapter(tmp_path / "lora", hidden=64)
    spoil(adapter)
    with pytest.raises(InvalidRequest, match=rf"--adapter {adapter} {words}"):
        load(LoadOptions(adapter=adapter))
