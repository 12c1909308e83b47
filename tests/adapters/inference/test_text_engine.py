"""The MLX engine beside mlx-lm's own loop, and when things break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import mlx_lm
import pytest

from adapters.inference import prefill, text_engine
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import GenerationFailed
from domain.inference import FinishReason, Sampling
from ports.text_engine import EngineRow, RowStep
from tests.support.tiny_llama import TinyLlama

GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)
KV_BYTES = 2 * 2 * 400 * 32 * 4  # two layers, keys and values, 400 tokens of 32 numbers of 4 bytes
PROMPTS = ((257, 72, 105), (257, *range(65, 105)), (70,), (257, *range(97, 120), 258))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    model, tokenizer, *_ = mlx_lm.load(str(TinyLlama().build(tmp_path_factory.mktemp("engine") / "tiny")))
    return model, tokenizer


class Unreliable:
    """A model that fails when its input holds a certain token."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.fails_on: int | None = None
        self.calls: list[int] = []

    def __call__(self, tokens: mx.array, cache: Any) -> Any:
        self.calls.append(tokens.shape[1])
        if self.fails_on is not None and bool((tokens == self.fails_on).any()):
            raise RuntimeError("out of luck")
        return self._network(tokens, cache=cache)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


@pytest.fixture
def model(tiny: tuple[Any, Any]) -> Unreliable:
    return Unreliable(tiny[0])


@pytest.fixture
def make_engine(model: Unreliable) -> Iterator[Callable[..., MlxTextEngine]]:
    made: list[MlxTextEngine] = []

    def make(**settings: Any) -> MlxTextEngine:
        made.append(MlxTextEngine(model, frozenset(), **settings))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def row(row_id: int, prompt: tuple[int, ...], max_tokens: int = 16, sampling: Sampling = GREEDY) -> EngineRow:
    return EngineRow(row_id, prompt, max_tokens, sampling)


def drain(engine: MlxTextEngine) -> dict[int, list[RowStep]]:
    steps: dict[int, list[RowStep]] = {}
    while engine.active_rows:
        for step in engine.step():
            steps.setdefault(step.row_id, []).append(step)
    return steps


def tokens(steps: list[RowStep]) -> list[int]:
    return [step.token for step in steps if step.token is not None]


def alone(tiny: tuple[Any, Any], prompt: tuple[int, ...], max_tokens: int = 16) -> list[int]:
    """What mlx-lm's own single-stream loop says."""
    tokenizer = tiny[1]
    tokenizer.eos_token_ids = set()
    said = mlx_lm.stream_generate(tiny[0], tokenizer, list(prompt), max_tokens=max_tokens)
    return [response.token for response in said]


def test_a_greedy_batch_says_what_mlx_lm_says_alone(tiny: tuple[Any, Any], make_engine: Any) -> None:
    engine = make_engine()
    for at, prompt in enumerate(PROMPTS):
        engine.admit(row(at, prompt))
    steps = drain(engine)
    for at, prompt in enumerate(PROMPTS):
        assert tokens(steps[at]) == alone(tiny, prompt)


def test_a_long_prompt_is_read_in_chunks_and_says_the_same(
    tiny: tuple[Any, Any], make_engine: Any, model: Unreliable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefill, "CHUNK_TOKENS", 16)
    prompt = (257, *(65 + at % 50 for at in range(40)))
    engine = make_engine()
    engine.admit(row(1, prompt))
    assert tokens(drain(engine)[1]) == alone(tiny, prompt)
    assert model.calls[:3] == [16, 16, 8]


def test_running_rows_decode_between_the_chunks_of_a_long_prompt(
    make_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefill, "CHUNK_TOKENS", 4)
    monkeypatch.setattr(text_engine, "PREFILL_SECONDS_PER_STEP", 0.0)
    engine = make_engine()
    engine.admit(row(1, PROMPTS[0], max_tokens=200))
    while not engine.step():
        pass
    engine.admit(row(2, tuple(range(65, 65 + 41))))
    seen: list[set[int]] = []
    while not any(2 in ids for ids in seen):
        seen.append({step.row_id for step in engine.step()})
    assert len(seen) > 9
    assert all(1 in ids for ids in seen)


def test_no_more_rows_decode_together_than_allowed_and_the_others_wait_their_turn(
    make_engine: Any, model: Unreliable
) -> None:
    engine = make_engine(max_rows=2)
    for row_id in range(5):
        engine.admit(row(row_id, PROMPTS[0], max_tokens=3 + row_id))
    engine.step()
    assert [width for width in model.calls if width > 1] == [2, 2], "a prompt that must wait takes no memory yet"
    widths: list[int] = []
    ended: list[int] = []
    while engine.active_rows:
        steps = engine.step()
        widths.append(len(steps))
        ended += [step.row_id for step in steps if step.finish is FinishReason.LENGTH]
    assert max(widths) == 2
    assert ended == [0, 1, 2, 3, 4]


def test_a_prompt_that_breaks_the_model_fails_alone(tiny: tuple[Any, Any], make_engine: Any, model: Unreliable) -> None:
    model.fails_on = 200  # a byte that this model never says
    engine = make_engine()
    engine.admit(row(1, PROMPTS[1]))
    engine.admit(row(2, (257, 200, 65)))
    engine.admit(row(3, PROMPTS[3]))
    steps = drain(engine)
    (failure,) = steps[2]
    assert isinstance(failure.error, GenerationFailed)
    assert "out of luck" in failure.error.message
    model.fails_on = None
    assert tokens(steps[1]) == alone(tiny, PROMPTS[1])
    assert tokens(steps[3]) == alone(tiny, PROMPTS[3])


def test_a_fault_while_decoding_empties_the_engine_and_leaves_it_usable(
    tiny: tuple[Any, Any], make_engine: Any, model: Unreliable
) -> None:
    expected = alone(tiny, PROMPTS[0])
    model.fails_on = expected[5]
    engine = make_engine()
    engine.admit(row(1, PROMPTS[0]))
    engine.admit(row(2, PROMPTS[3]))
    with pytest.raises(GenerationFailed, match="out of luck"):
        drain(engine)
    assert engine.active_rows == 0
    model.fails_on = None
    engine.admit(row(3, PROMPTS[0]))
    assert tokens(drain(engine)[3]) == expected


def test_a_cancelled_rows_memory_is_given_back(make_engine: Any) -> None:
    engine = make_engine()
    engine.admit(row(1, PROMPTS[0], max_tokens=3))
    drain(engine)
    before = mx.get_active_memory()
    engine.admit(row(2, tuple(range(65, 105)) * 10, max_tokens=300))
    for _ in range(20):
        engine.step()
    assert mx.get_active_memory() > before + KV_BYTES
    engine.cancel(2)
    mx.synchronize()
    assert mx.get_active_memory() + mx.get_cache_memory() < before + KV_BYTES / 10
