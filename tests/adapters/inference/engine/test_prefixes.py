"""What the engine asks of the memory of prompts, and tells it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import RotatingKVCache, make_prompt_cache

from adapters.inference.engine.pace import Bounds, Pace
from adapters.inference.prefixes import HeldBytes, Prefix, Prefixes
from domain.serving.prompt_divergence import Loss, PromptDivergence, divergence
from tests.support.engine_kit import PROMPTS, Network, hot, row, run, tokens

PROMPT = tuple(65 + at % 50 for at in range(40))


@dataclass
class Remembers(Prefixes):
    """All it is told, whole, and nothing more."""

    kept: list[tuple[tuple[int, ...], list[Any], bool]] = field(default_factory=list)
    closed: int = 0

    @property
    def held(self) -> HeldBytes:
        return HeldBytes(len(self.kept), 0)

    def longest(self, tokens: Sequence[int]) -> Prefix | None:
        fitting = [one for one in self.kept if len(one[0]) < len(tokens) and tuple(tokens[: len(one[0])]) == one[0]]
        best = max(fitting, key=lambda one: len(one[0]), default=None)
        return None if best is None else Prefix(len(best[0]), copy.deepcopy(best[1]))

    def keep(self, tokens: Sequence[int], caches: list[Any], *, boundary: bool) -> None:
        assert all(cache.offset == len(tokens) for cache in caches), "the caches hold these tokens and no others"
        self.kept.append((tuple(tokens), copy.deepcopy(caches), boundary))

    def explain(self, tokens: Sequence[int]) -> PromptDivergence:
        return divergence(tuple(tokens), [kept for kept, _, _ in self.kept], 0, Loss.FORGOTTEN)

    def idle_check(self, network: Any) -> None:
        """Sound, by what `keep` asserts."""

    def close(self) -> None:
        self.closed += 1


def test_a_prompt_is_read_on_from_what_is_remembered_of_it_in_one_pass(make_engine: Any, network: Network) -> None:
    cold = run(make_engine(), row(1, PROMPT))[1]
    engine = make_engine(prefixes=Remembers(), pace=Pace(chunk_tokens=64))
    run(engine, row(1, PROMPT[:30], 1))
    network.shapes.clear()
    warm = run(engine, row(2, PROMPT))[2]
    assert network.shapes[0] == (1, 10)
    assert tokens(warm) == tokens(cold)
    assert warm[-1].stats is not None
    assert warm[-1].stats.cached_tokens == 30


def test_the_next_turn_finds_prompt_and_answer(make_engine: Any) -> None:
    engine = make_engine(prefixes=Remembers())
    said = tokens(run(engine, row(1, PROMPT, 9))[1])
    follow_up = (*PROMPT, *said, 70, 71)
    again = run(engine, row(2, follow_up))[2]
    assert again[-1].stats is not None
    assert again[-1].stats.cached_tokens == len(PROMPT) + 8, "the last token said was never read"
    assert tokens(again) == tokens(run(make_engine(), row(2, follow_up))[2])


def test_rows_that_end_in_company_are_remembered_each_for_itself(make_engine: Any) -> None:
    plain = make_engine()
    stop = tokens(run(plain, row(1, PROMPTS[1], 12))[1])[7]
    memory = Remembers()
    engine = make_engine(prefixes=memory, stop_tokens=frozenset({stop}))
    steps = run(
        engine, *(row(at, prompt, 12, hot(at) if at else hot(at, top_k=1)) for at, prompt in enumerate(PROMPTS))
    )
    ends = {kept for kept, _, boundary in memory.kept if boundary}
    for at, prompt in enumerate(PROMPTS):
        said = tokens(steps[at])
        whole = (*prompt, *said)
        assert whole in ends or whole[:-1] in ends
    for kept, _, _ in list(memory.kept):
        longer = (*kept, 80)
        assert tokens(run(engine, row(50, longer, 4))[50]) == tokens(run(plain, row(50, longer, 4))[50])


def test_cancelled_and_failed_rows_are_not_remembered(make_engine: Any, network: Network) -> None:
    memory = Remembers()
    engine = make_engine(prefixes=memory)
    engine.admit(row(1, PROMPT, 50))
    for _ in range(5):
        engine.step()
    engine.cancel(1)
    engine.step()
    assert [kept for kept, _, _ in memory.kept] == [PROMPT]


@pytest.mark.parametrize("full", [False, True])
def test_stop_tokens_that_were_only_counted_are_no_part_of_what_is_remembered(
    make_engine: Any, llama: Any, full: bool
) -> None:
    """full: a window that has moved on cannot be cut back."""
    plain = tokens(run(make_engine(), row(1, PROMPT, 12))[1])
    memory = Remembers()
    caches = (lambda: [RotatingKVCache(max_size=48) for _ in llama.layers]) if full else None
    engine = make_engine(prefixes=memory, stop_tokens=frozenset(range(65, 128)), make_caches=caches)
    steps = run(engine, row(1, PROMPT, 12, count_stops=True))[1]
    said = tokens(steps)
    assert steps[-1].stats is not None
    assert steps[-1].stats.stop_tokens >= 1
    assert said == plain[: len(said)]
    last = max((kept for kept, _, _ in memory.kept), key=len)
    assert last == (*PROMPT, *said)


@pytest.mark.parametrize("rotating", [False, True])
def test_only_caches_that_cannot_be_cut_short_are_shown_at_anchors(
    make_engine: Any, network: Network, llama: Any, rotating: bool
) -> None:
    memory = Remembers()
    caches = (lambda: [RotatingKVCache(max_size=64) for _ in llama.layers]) if rotating else None
    engine = make_engine(prefixes=memory, make_caches=caches, pace=Pace(chunk_tokens=32))
    network.shapes.clear()
    run(engine, row(1, PROMPT, 1, anchors=(7, 36)))
    boundaries = [len(kept) for kept, _, boundary in memory.kept if boundary and len(kept) < len(PROMPT)]
    assert boundaries == ([7, 36] if rotating else [])
    assert network.shapes == ([(1, 7), (1, 29), (1, 4)] if rotating else [(1, 32), (1, 8)])


def test_short_prompts_read_together_are_remembered_each_for_itself(make_engine: Any, network: Network) -> None:
    memory = Remembers()
    engine = make_engine(prefixes=memory)
    for at in range(3):
        engine.admit(row(at, (65 + at, 66, 67), 1))
    while engine.active_rows:
        engine.step()
    assert (3, 3) in network.shapes
    assert {kept for kept, _, _ in memory.kept} == {(65 + at, 66, 67) for at in range(3)}


@pytest.mark.parametrize(("common", "pass_of_three"), [(4, True), (30, False)])
def test_a_pass_of_several_prompts_is_worth_more_than_a_short_beginning_and_less_than_a_long_one(
    make_engine: Any, network: Network, common: int, pass_of_three: bool
) -> None:
    prompts = [(*PROMPT[:common], *(tail + at for at in range(40 - common))) for tail in (1, 2, 3)]
    cold = [tokens(run(make_engine(), row(1, prompt, 4))[1]) for prompt in prompts]
    engine = make_engine(prefixes=Remembers())
    run(engine, row(9, PROMPT[:common], 1))
    network.shapes.clear()
    answers: list[list[int | None]] = [[], [], []]
    for at, prompt in enumerate(prompts):
        engine.admit(row(at, prompt, 4))
    while engine.active_rows:
        for step in engine.step():
            answers[step.row_id].append(step.token)
    assert ((3, 40) in network.shapes) is pass_of_three
    assert ((1, 40 - common) in network.shapes) is not pass_of_three
    assert answers == cold


def test_closing_the_engine_closes_the_memory_once(make_engine: Any) -> None:
    memory = Remembers()
    engine = make_engine(prefixes=memory)
    engine.close()
    engine.close()
    assert memory.closed == 1


def test_waiting_rows_take_nothing_from_memory_before_their_turn(make_engine: Any, llama: Any) -> None:
    """Of many that begin alike, one begins: what it would hold is held by nobody who only waits."""

    class Remembers:
        taken = 0

        def longest(self, tokens: Any) -> Prefix:
            self.taken += 1
            caches = make_prompt_cache(llama)
            llama(mx.array([list(tokens[:-1])]), cache=caches)
            return Prefix(len(tokens) - 1, caches)

        def keep(self, tokens: Any, caches: Any, *, boundary: bool) -> None:
            """Nothing to do."""

        def close(self) -> None:
            """Nothing to do."""

    memory = Remembers()
    engine = make_engine(prefixes=memory, bounds=Bounds(max_rows=4))
    for at in range(30):
        engine.admit(row(at, (*range(70, 100), at), 50))
    for steps in range(1, 4):
        engine.step()
        assert memory.taken <= steps + 1
