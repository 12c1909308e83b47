"""The engine beside mlx-lm's own loops, and how it divides its time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.generate import BatchGenerator, generate_step
from mlx_lm.sample_utils import make_logits_processors

from adapters.inference.engine.pace import Bounds, Pace
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import GenerationFailed, InvalidRequest, ServerBusy
from domain.inference import FinishReason, Sampling, Urgency
from ports.text_engine import EngineRow, RowStep
from tests.support.engine_kit import PROMPTS, Follows, Network, hot, row, run, tokens

KV_BYTES = 2 * 2 * 400 * 32 * 4  # two layers, keys and values, 400 tokens of 32 numbers of 4 bytes


def alone(llama: Any, prompt: Sequence[int], max_tokens: int = 12, **processors: Any) -> list[int]:
    """What mlx-lm's own single-stream loop says."""
    made = make_logits_processors(**processors) if processors else None
    return [
        token
        for token, _ in generate_step(mx.array(list(prompt)), llama, max_tokens=max_tokens, logits_processors=made)
    ]


def in_mlx_lms_batch(llama: Any, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
    generator = BatchGenerator(llama, max_tokens=max_tokens)
    said: dict[int, list[int]] = {uid: [] for uid in generator.insert([list(prompt) for prompt in prompts])}
    running = set(said)
    while running:
        for response in generator.next_generated():
            said[response.uid].append(response.token)
            if response.finish_reason is not None:
                running.discard(response.uid)
    generator.close()
    return list(said.values())


def test_a_greedy_batch_says_what_mlx_lm_says(llama: Any, make_engine: Any) -> None:
    steps = run(make_engine(), *(row(at, prompt, 40) for at, prompt in enumerate(PROMPTS)))
    said = [tokens(steps[at]) for at in range(len(PROMPTS))]
    assert said == [alone(llama, prompt, 40) for prompt in PROMPTS]
    assert said == in_mlx_lms_batch(llama, PROMPTS, 40)


@pytest.mark.parametrize(("penalty", "context"), [(1.3, 20), (0.7, 6), (3.0, 1), (1.3, 2**20)])
def test_repetition_is_penalised_as_in_mlx_lm(llama: Any, make_engine: Any, penalty: float, context: int) -> None:
    sampling = Sampling(0.0, 1.0, 0, repetition_penalty=penalty, repetition_context_size=context)
    steps = run(make_engine(), *(row(at, prompt, 30, sampling) for at, prompt in enumerate(PROMPTS)), row(9))
    for at, prompt in enumerate(PROMPTS):
        wanted = alone(llama, prompt, 30, repetition_penalty=penalty, repetition_context_size=context)
        assert tokens(steps[at]) == wanted
    assert tokens(steps[1]) != alone(llama, PROMPTS[1], 30)
    assert tokens(steps[9]) == alone(llama, PROMPTS[0])


def test_presence_and_frequency_count_the_answers_tokens_alone(llama: Any, make_engine: Any) -> None:
    prompt = (257, 72, 105)
    sampling = Sampling(0.0, 1.0, 0, presence_penalty=1.5, frequency_penalty=0.75)
    said = tokens(run(make_engine(), row(1, prompt, 30, sampling), row(2, PROMPTS[1]))[1])
    for at, token in enumerate(said):
        logits = llama(mx.array([[*prompt, *said[:at]]]))[0, -1]
        counts = mx.array([said[:at].count(each) for each in range(logits.shape[0])])
        assert token == mx.argmax(logits - 0.75 * counts - 1.5 * (counts > 0)).item()
    assert len(set(said)) > len(set(alone(llama, prompt, 30)))
    assert tokens(run(make_engine(), row(1, prompt, 30, sampling))[1]) == said


def test_bias_is_added_to_the_logits(llama: Any, make_engine: Any) -> None:
    free = alone(llama, PROMPTS[0], 20)
    bias = {free[0]: -100.0, free[1]: -2.5, 61: 1.5}
    sampling = Sampling(0.0, 1.0, 0, logit_bias=tuple(sorted(bias.items())))
    steps = run(make_engine(), row(1, max_tokens=20, sampling=sampling), row(2, max_tokens=20))
    assert tokens(steps[1]) == alone(llama, PROMPTS[0], 20, logit_bias=bias)
    assert tokens(steps[1]) != tokens(steps[2]) == free


def test_a_bias_for_a_token_that_does_not_exist_is_refused_by_name(make_engine: Any) -> None:
    with pytest.raises(InvalidRequest, match="token 99999") as refused:
        make_engine().admit(row(1, sampling=Sampling(0.0, 1.0, 0, logit_bias=((5, 1.0), (99999, 1.0)))))
    assert refused.value.param == "logit_bias"


def test_scores_are_the_models_own_whatever_is_done_to_its_logits(llama: Any, make_engine: Any) -> None:
    sampling = hot(3, repetition_penalty=1.5, logit_bias=((70, 5.0),), top_k=20)
    steps = run(make_engine(), row(1, logprobs=4, sampling=sampling), row(2), row(3, PROMPTS[1], logprobs=1))[1]
    said = tokens(steps)
    for at, step in enumerate(steps):
        logits = llama(mx.array([[*PROMPTS[0], *said[:at]]]))[0, -1]
        logprobs = logits - mx.logsumexp(logits)
        assert step.score is not None
        assert step.score.logprob == pytest.approx(logprobs[said[at]].item(), abs=1e-4)
        best = mx.argsort(-logprobs)[:4].tolist()
        assert [token for token, _ in step.score.top] == best


def mixed_rows() -> list[EngineRow]:
    """One of each kind; made anew because constraints remember."""
    return [
        row(1, PROMPTS[0], 25),
        row(2, PROMPTS[1], 40, hot(1)),
        row(3, PROMPTS[2], 33, hot(2, top_p=1.0, repetition_penalty=1.2, presence_penalty=0.5)),
        row(4, PROMPTS[3], 9, hot(3, top_k=8, frequency_penalty=0.3)),
        row(5, PROMPTS[0], 30, constraint=Follows([{48, 49, 50}, {65, 66}, {97}, {48, 66}])),
        row(6, PROMPTS[1], 20, hot(4, min_p=0.05), constraint=Follows([range(48, 58)] * 12)),
        row(7, PROMPTS[2], 28, logprobs=2),
        row(8, PROMPTS[3], 16, Sampling(0.0, 1.0, 0, logit_bias=((80, 2.0), (81, -100.0)))),
        row(9, PROMPTS[1], 22, hot(5, xtc_probability=0.5, xtc_threshold=0.05), logprobs=1),
        row(10, PROMPTS[0], 12, hot(6), count_stops=True),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_every_kind_say_the_same_whoever_joins_leaves_or_is_cancelled(make_engine: Any, seed: int) -> None:
    engine = make_engine(stop_tokens=frozenset({58}))
    wanted = {each.row_id: tokens(run(engine, each)[each.row_id]) for each in mixed_rows()}
    chance = random.Random(seed)  # noqa: S311
    rows = mixed_rows()
    chance.shuffle(rows)
    disturbers = [row(100 + at, PROMPTS[at % 4], 50, hot(at)) for at in range(6)]
    said: dict[int, list[RowStep]] = {}
    while rows or engine.active_rows:
        if rows and chance.random() < 0.4:
            engine.admit(rows.pop())
        if disturbers and chance.random() < 0.3:
            engine.admit(disturbers.pop())
        if chance.random() < 0.2:
            engine.cancel(100 + chance.randrange(6))
        for step in engine.step():
            said.setdefault(step.row_id, []).append(step)
    assert {row_id: tokens(said[row_id]) for row_id in wanted} == wanted


def test_a_long_prompt_is_read_in_chunks_and_says_the_same(llama: Any, make_engine: Any, network: Network) -> None:
    prompt = (257, *(65 + at % 50 for at in range(40)))
    steps = run(make_engine(pace=Pace(chunk_tokens=16)), row(1, prompt, 16))
    assert tokens(steps[1]) == alone(llama, prompt, 16)
    assert network.shapes[:4] == [(1, 16), (1, 16), (1, 9), (1, 1)]


def test_a_long_last_chunk_is_read_without_the_logits_of_all_its_places(make_engine: Any, network: Network) -> None:
    run(make_engine(pace=Pace(chunk_tokens=512)), row(1, [65] * 800, 2))
    assert network.shapes == [(1, 512), (1, 287), (1, 1), (1, 1)]


def test_running_rows_decode_between_the_chunks_of_a_long_prompt(make_engine: Any) -> None:
    engine = make_engine(pace=Pace(step_seconds=0.0, chunk_tokens=4))
    engine.admit(row(1, PROMPTS[0], max_tokens=200))
    while not engine.step():
        pass
    engine.admit(row(2, tuple(range(65, 65 + 41))))
    seen: list[set[int]] = []
    while not any(2 in ids for ids in seen):
        seen.append({step.row_id for step in engine.step()})
    assert len(seen) == 11
    assert all(1 in ids for ids in seen)


def test_first_tokens_are_told_as_soon_as_their_own_prompt_is_read(make_engine: Any) -> None:
    engine = make_engine(pace=Pace(step_seconds=1e9))
    for at in range(3):
        engine.admit(row(at, (65,) * (5 + at)))
    assert [[step.row_id for step in engine.step()] for _ in range(2)] == [[0], [1]]
    assert [step.row_id for step in engine.step()] == [2], "and then all decode"
    assert {step.row_id for step in engine.step()} == {0, 1, 2}


def test_a_burst_after_a_pause_is_read_before_anyone_decodes(make_engine: Any, network: Network) -> None:
    now = 0.0
    engine = make_engine(pace=Pace(clock=lambda: now))
    now = 1000.0
    for at in range(3):
        engine.admit(row(at, (65,) * (5 + at)))
    for _ in range(3):
        engine.step()
    assert network.shapes == [(1, 5), (1, 6), (1, 7), (3, 1)]


def test_short_prompts_of_one_length_are_read_in_one_pass(llama: Any, make_engine: Any, network: Network) -> None:
    engine = make_engine()
    engine.learn()
    network.shapes.clear()
    prompts = [(65 + at, 70, 75 + at) for at in range(8)]
    for at, prompt in enumerate([*prompts, PROMPTS[1]]):
        engine.admit(row(at, prompt))
    steps: list[RowStep] = []
    while engine.active_rows:
        steps += engine.step()
    assert network.shapes[:2] == [(8, 3), (1, 41)]
    for at, prompt in enumerate(prompts):
        assert tokens(step for step in steps if step.row_id == at) == alone(llama, prompt)


def test_no_more_rows_decode_together_than_allowed_and_the_others_wait_their_turn(
    make_engine: Any, network: Network
) -> None:
    engine = make_engine(bounds=Bounds(max_rows=2))
    for row_id in range(5):
        engine.admit(row(row_id, (65,) * (4 + row_id), max_tokens=3 + row_id))
    widths: list[int] = []
    ended: list[int] = []
    while engine.active_rows:
        steps = engine.step()
        widths.append(len(steps))
        ended += [step.row_id for step in steps if step.finish is FinishReason.LENGTH]
    assert max(widths) == 2
    assert max(rows for rows, _ in network.shapes) == 2
    assert ended == [0, 1, 2, 3, 4]


def test_the_urgent_go_first_and_the_others_in_the_order_of_arrival(make_engine: Any) -> None:
    engine = make_engine(bounds=Bounds(max_rows=1))
    for at, priority in enumerate((0, 0, 5, 1, 5)):
        engine.admit(row(at, max_tokens=1, urgency=Urgency(priority=priority)))
    assert [step.row_id for _ in range(5) for step in engine.step()] == [2, 4, 3, 0, 1]


def test_a_full_queue_says_so(make_engine: Any) -> None:
    engine = make_engine(bounds=Bounds(max_waiting=2))
    engine.admit(row(1))
    engine.admit(row(2))
    with pytest.raises(ServerBusy, match="2 requests"):
        engine.admit(row(3))
    engine.cancel(1)
    engine.admit(row(4))
    assert engine.active_rows == 2


def test_a_deadline_counts_from_arrival_and_ends_a_row_wherever_it_is(make_engine: Any) -> None:
    now = 0.0
    engine: MlxTextEngine = make_engine(bounds=Bounds(max_rows=1), pace=Pace(clock=lambda: now))
    engine.admit(row(1, max_tokens=400, urgency=Urgency(deadline_seconds=10.0)))
    engine.admit(row(2, max_tokens=400, urgency=Urgency(deadline_seconds=5.0)))
    assert [step.error for step in (*engine.step(), *engine.step())] == [None, None]
    now = 5.0
    (late, running) = engine.step()
    assert (late.row_id, running.row_id) == (2, 1)
    assert isinstance(late.error, GenerationFailed)
    assert "deadline of 5 s" in late.error.message
    now = 10.0
    assert [step.row_id for step in engine.step()] == [1]
    assert engine.active_rows == 0


def test_a_row_ends_with_the_times_it_took(make_engine: Any) -> None:
    now = 0.0

    def clock() -> float:
        return now

    engine = make_engine(pace=Pace(clock=clock, chunk_tokens=32))
    engine.admit(row(1, PROMPTS[1], max_tokens=2))
    now = 1.0
    engine.step()
    now = 3.0
    engine.step()
    now = 7.0
    (last,) = engine.step()
    assert last.stats is not None
    assert (last.stats.waiting_seconds, last.stats.prefill_seconds, last.stats.decode_seconds) == (1.0, 2.0, 4.0)
    assert last.stats.peak_memory_bytes > 0


def test_no_pass_is_made_for_a_token_that_nobody_will_read(make_engine: Any, network: Network) -> None:
    run(make_engine(), row(1, max_tokens=5))
    assert network.shapes == [(1, 3)] + [(1, 1)] * 4


def test_a_cancelled_rows_memory_is_given_back(make_engine: Any) -> None:
    engine = make_engine()
    run(engine, row(1, max_tokens=3))
    before = mx.get_active_memory()
    engine.admit(row(2, tuple(range(65, 105)) * 10, max_tokens=300))
    for _ in range(20):
        engine.step()
    assert mx.get_active_memory() > before + KV_BYTES
    engine.cancel(2)
    mx.synchronize()
    assert mx.get_active_memory() + mx.get_cache_memory() < before + KV_BYTES / 10
