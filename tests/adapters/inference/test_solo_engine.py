"""A row served alone says what it would have said in a batch, whatever was guessed on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import KVCache, make_prompt_cache

from adapters.inference.engine.seats import row_bytes
from adapters.inference.prefixes import Prefix
from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.drawing import RowDraw
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.proposers import DraftModel, MakeProposer, NgramLookup, NoProposals
from adapters.inference.solo.row import SoloModel
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import GenerationFailed, InsufficientMemory, InvalidRequest, MlxkError, ServerBusy
from domain.inference import FinishReason, Sampling, Urgency
from domain.serving.kv_room import KvRoom
from ports.text_engine import EngineRow, RowStep, TextEngine
from tests.support.tiny_llama import TinyLlama

GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)
HOT = Sampling(temperature=1.0, top_p=0.95, seed=11)
WAYS = {
    "greedy": GREEDY,
    "seeded": HOT,
    "penalised": replace(GREEDY, repetition_penalty=1.3, presence_penalty=0.7, frequency_penalty=0.4),
    "penalised and seeded": replace(HOT, repetition_penalty=1.2, repetition_context_size=5, frequency_penalty=0.5),
    "biased": replace(HOT, logit_bias=((70, 4.0), (71, -100.0)), seed=5),
    "cut": replace(HOT, top_k=7, min_p=0.02, xtc_probability=0.5, xtc_threshold=0.05),
}
PROMPT = (257, *range(65, 105))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Wide enough for groups of 32 in its KV cache."""
    return mlx_lm.load(str(TinyLlama(hidden=64).build(tmp_path_factory.mktemp("solo") / "tiny")))[0]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return mlx_lm.load(str(TinyLlama(seed=8).build(tmp_path_factory.mktemp("solo") / "draft")))[0]


Make = Callable[..., SoloEngine]


@pytest.fixture
def make(network: Any) -> Make:
    def made(proposer: MakeProposer = NoProposals, stops: Sequence[int] = (), **options: Any) -> SoloEngine:
        bounds = {name: options.pop(name) for name in ("room", "max_waiting") if name in options}
        caches = options.pop("caches", CacheMaker(network))
        model = SoloModel(network, frozenset(stops), caches, "a test", proposer, 4, **options)
        return SoloEngine(model, **bounds)

    return made


def row(sampling: Sampling = GREEDY, max_tokens: int = 40, row_id: int = 1, **more: Any) -> EngineRow:
    return EngineRow(row_id, PROMPT, max_tokens, sampling, **more)


def run(engine: TextEngine, *rows: EngineRow) -> list[RowStep]:
    for each in rows:
        engine.admit(each)
    steps: list[RowStep] = []
    while engine.active_rows:
        steps += engine.step()
    return steps


def said(engine: TextEngine, each: EngineRow) -> list[int]:
    steps = run(engine, each)
    assert steps[-1].error is None, steps[-1].error
    return [step.token for step in steps if step.token is not None]


def draft(network: Any) -> MakeProposer:
    return lambda: DraftModel(network, network.args.vocab_size, network.args.vocab_size)


@pytest.mark.parametrize("way", WAYS)
def test_a_row_alone_says_what_it_says_in_a_batch(make: Make, network: Any, way: str) -> None:
    assert said(make(), row(WAYS[way])) == said(MlxTextEngine(network, frozenset()), row(WAYS[way]))


@pytest.mark.parametrize("way", WAYS)
def test_guesses_never_change_the_answer(make: Make, network: Any, stranger: Any, way: str) -> None:
    plain = said(make(), row(WAYS[way]))
    good, bad, lookup = make(draft(network)), make(draft(stranger)), make(lambda: NgramLookup(1))
    assert said(good, row(WAYS[way])) == said(bad, row(WAYS[way])) == said(lookup, row(WAYS[way])) == plain
    assert good.tally.proposed == good.tally.accepted == 32
    assert bad.tally.accepted < bad.tally.proposed // 2


def test_each_way_of_drawing_says_something_of_its_own(make: Make) -> None:
    assert len({tuple(said(make(), row(sampling))) for sampling in WAYS.values()}) == len(WAYS)


def test_text_that_repeats_itself_is_guessed_from_what_was_said(make: Make) -> None:
    always_the_same = replace(GREEDY, logit_bias=((70, 100.0),))
    engine = make(lambda: NgramLookup(3))
    assert said(engine, row(always_the_same)) == [70] * 40
    assert engine.tally.accepted > 5


def test_a_lookup_gives_what_followed_the_last_time() -> None:
    lookup, draw = NgramLookup(2), RowDraw(GREEDY, 0)
    assert lookup.propose([1, 2], 3, draw).tolist() == []
    assert lookup.propose([1, 2, 3, 1, 2, 4, 5, 1, 2], 2, draw).tolist() == [4, 5]
    assert lookup.propose([1, 2, 3, 1, 2, 4, 5, 1, 2, 9, 2, 3], 9, draw).tolist() == [1, 2, 4, 5, 1, 2, 9, 2, 3]
    assert lookup.propose([1, 2, 3, 1, 2, 4, 5, 1, 2, 9, 2, 3, 8, 8], 2, draw).tolist() == []


@pytest.mark.parametrize("own", [200, 300])
def test_a_draft_with_more_or_fewer_logits_changes_nothing(make: Make, network: Any, own: int) -> None:
    """Padded vocabularies differ within one family; what the draft cannot read it does not follow."""

    def reshaped(tokens: mx.array, cache: list[Any]) -> mx.array:
        logits = network(tokens, cache=cache)
        size = logits.shape[-1]
        return logits[..., :own] if own < size else mx.pad(logits, [(0, 0), (0, 0), (0, own - size)])

    reshaped.layers = network.layers  # type: ignore[attr-defined]
    engine = make(lambda: DraftModel(reshaped, network.args.vocab_size, own))
    assert said(engine, row(HOT)) == said(make(), row(HOT))
    assert (engine.tally.proposed > 0) is (own == 300)


def test_a_draft_forgets_its_wrong_guesses(make: Make, network: Any) -> None:
    """One that errs at every third guess is right at all others; with its errors in mind it would not be."""
    calls = 0

    def erring(tokens: mx.array, cache: list[Any]) -> mx.array:
        nonlocal calls
        calls += tokens.shape[1] == 1
        logits = network(tokens, cache=cache)
        return mx.roll(logits, 1, -1) if tokens.shape[1] == 1 and calls % 3 == 0 else logits

    erring.layers = network.layers  # type: ignore[attr-defined]
    engine = make(lambda: DraftModel(erring, network.args.vocab_size, network.args.vocab_size))
    assert said(engine, row()) == said(make(), row())
    assert engine.tally.accepted >= 20


def test_stop_tokens_and_limits_hold_in_the_middle_of_a_pass(make: Make, network: Any) -> None:
    words = said(make(), row())
    for at in range(3, 12):
        cut = words.index(words[at]) + 1
        steps = run(make(draft(network), stops=[words[at]]), row())
        assert ([step.token for step in steps], steps[-1].finish) == (words[:cut], FinishReason.STOP)
        steps = run(make(draft(network)), row(max_tokens=at))
        assert ([step.token for step in steps], steps[-1].finish) == (words[:at], FinishReason.LENGTH)


def test_scores_are_the_models_own_with_guesses_or_without(make: Make, network: Any) -> None:
    sampling = replace(HOT, logit_bias=((70, 50.0),))
    asked = row(sampling, max_tokens=9, logprobs=3)
    plain, guessed = run(make(), asked), run(make(draft(network)), asked)
    logits = network(mx.array([PROMPT]))[0, -1]
    logprobs = np.array(logits - mx.logsumexp(logits))
    first = plain[0].score
    assert first is not None
    assert first.logprob == pytest.approx(logprobs[plain[0].token], abs=1e-4)
    assert [token for token, _ in first.top] == np.argsort(-logprobs)[:3].tolist()
    for one, other in zip(plain, guessed, strict=True):
        assert one.score is not None
        assert other.score is not None
        assert one.score.logprob == pytest.approx(other.score.logprob, abs=1e-4)


class OnlyThese:
    """Digits, then the stop token; raises when it meets anything else, or at once after `fails_after` tokens."""

    def __init__(self, length: int, fails_after: int = 99) -> None:
        self.taken: list[int] = []
        self._length = length
        self._fails_after = fails_after

    def allowed(self) -> bytes:
        if len(self.taken) == self._fails_after:
            raise GenerationFailed("nothing may come")
        bits = np.zeros(260, np.uint8)
        bits[[256] if len(self.taken) == self._length else [15, 16, 17, 18]] = 1
        return np.packbits(bits, bitorder="little").tobytes()

    def accept(self, token: int) -> None:
        assert token in (15, 16, 17, 18)
        self.taken.append(token)


@pytest.mark.parametrize("sampling", [GREEDY, HOT])
def test_a_grammar_holds_at_every_guessed_position(make: Make, network: Any, sampling: Sampling) -> None:
    plain = said(make(stops=[256]), row(sampling, constraint=OnlyThese(10)))
    assert len(plain) == 11
    for proposer in (draft(network), lambda: NgramLookup(1)):
        grammar = OnlyThese(10)
        assert said(make(proposer, stops=[256]), row(sampling, constraint=grammar)) == plain
        assert grammar.taken == plain[:-1]


def test_a_grammar_that_fails_fails_its_own_row_after_what_was_said(make: Make) -> None:
    steps = run(make(), row(constraint=OnlyThese(10, fails_after=3), row_id=1), row(row_id=2, max_tokens=3))
    first = [step for step in steps if step.row_id == 1]
    assert [step.token is None for step in first] == [False] * 3 + [True]
    assert first[-1].error is not None
    assert [step.finish for step in steps if step.row_id == 2][-1] is FinishReason.LENGTH


def refusal(engine: TextEngine, asked: EngineRow) -> MlxkError:
    with pytest.raises(MlxkError) as refused:
        engine.admit(asked)
    assert engine.active_rows == 0
    return refused.value


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (row(replace(GREEDY, logit_bias=((5, 1.0), (4000, 1.0)))), "logit_bias names token 4000"),
        (EngineRow(1, (65, 4000), 4, GREEDY), "the prompt has token 4000"),
        (EngineRow(1, (), 4, GREEDY), "no tokens"),
    ],
)
def test_a_row_with_tokens_that_do_not_exist_is_refused_in_the_batched_engines_words(
    make: Make, network: Any, asked: EngineRow, words: str
) -> None:
    alone, batched = refusal(make(), asked), refusal(MlxTextEngine(network, frozenset()), asked)
    assert words in alone.message
    assert (type(alone), alone.message, alone.param) == (type(batched), batched.message, batched.param)


def test_no_more_rows_wait_than_may(make: Make) -> None:
    engine = make(max_waiting=2)
    for each in (1, 2):
        engine.admit(row(row_id=each, max_tokens=2))
    with pytest.raises(ServerBusy, match="2 requests are waiting already"):
        engine.admit(row(row_id=3, max_tokens=2))
    engine.step()
    engine.admit(row(row_id=4, max_tokens=2))
    assert {step.row_id for step in run(engine)} >= {2, 4}


@pytest.mark.parametrize("guessing", [False, True])
def test_an_answer_that_outgrows_the_memory_ends_there_with_what_it_said(
    make: Make, network: Any, guessing: bool
) -> None:
    caches = CacheMaker(network)
    held = caches.make()
    mx.eval(network(mx.array([PROMPT]), cache=held))
    each = row_bytes(held)
    engine = make(draft(network) if guessing else NoProposals, room=KvRoom(each.of(256), each))
    steps = run(engine, row(max_tokens=400, window=100), row(max_tokens=3, row_id=2))
    first = [step for step in steps if step.row_id == 1]
    assert [step.token for step in first[:-1]] == said(make(), row(max_tokens=256 - len(PROMPT)))
    assert isinstance(first[-1].error, InsufficientMemory)
    assert f"grown to {256 - len(PROMPT)} tokens" in first[-1].error.message
    assert steps[-1].finish is FinishReason.LENGTH
    assert said(engine, row(max_tokens=256 - len(PROMPT)))
    refused = refusal(engine, row(max_tokens=400))
    assert isinstance(refused, InvalidRequest)
    assert refused.param == "max_tokens"


class NothingGoes:
    """A TokenConstraint that allows no token at all."""

    def allowed(self) -> bytes | None:
        return bytes(33)

    def accept(self, token: int) -> None:
        raise AssertionError(token)


def test_a_form_that_allows_nothing_fails_its_row(make: Make) -> None:
    (step,) = run(make(), row(constraint=NothingGoes()))
    assert isinstance(step.error, GenerationFailed)
    assert "allows no token" in step.error.message


def test_stop_tokens_in_a_row_are_counted_when_asked(make: Make) -> None:
    forever = replace(GREEDY, logit_bias=((256, 100.0),))
    for asked, counted in ((True, 8), (False, 0)):
        steps = run(make(stops=[256]), row(forever, count_stops=asked))
        assert [step.token for step in steps] == [256]
        assert steps[0].stats is not None
        assert steps[0].stats.stop_tokens == counted


@pytest.mark.parametrize("proposer", ["none", "draft"])
def test_a_quantised_cache_says_what_mlx_lm_says(make: Make, network: Any, proposer: str) -> None:
    oracle = generate_step(mx.array(PROMPT), network, max_tokens=40, kv_bits=4, kv_group_size=32, quantized_kv_start=0)
    expected = [token for token, _ in oracle]
    engine = make(
        draft(network) if proposer == "draft" else NoProposals, caches=CacheMaker(network, kv_bits=4, kv_group_size=32)
    )
    assert said(engine, row()) == expected != said(make(), row())


def test_a_bounded_cache_says_what_mlx_lm_says(make: Make, network: Any) -> None:
    caches = CacheMaker(network, max_kv_size=64)
    oracle = generate_step(mx.array(PROMPT), network, max_tokens=60, prompt_cache=caches.make())
    expected = [token for token, _ in oracle]
    assert said(make(caches=caches), row(max_tokens=60)) == expected != said(make(), row(max_tokens=60))
    assert all(layer.max_size == 64 for layer in caches.make())


class Remembered:
    """A Prefixes that gives one prefix and writes down what it is told to keep."""

    def __init__(self, network: Any, length: int) -> None:
        self.kept: list[tuple[tuple[int, ...], list[int], bool]] = []
        self._length = length
        self._network = network
        self.closed = False

    def longest(self, tokens: Sequence[int]) -> Prefix | None:
        if not self._length:
            return None
        caches = make_prompt_cache(self._network)
        self._network(mx.array([tokens[: self._length]]), cache=caches)
        return Prefix(self._length, caches)

    def keep(self, tokens: Sequence[int], caches: list[Any], *, boundary: bool) -> None:
        self.kept.append((tuple(tokens), [layer.offset for layer in caches], boundary))

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("guessing", [False, True])
@pytest.mark.parametrize("length", [0, 7, len(PROMPT) - 1])
def test_a_remembered_beginning_is_not_read_again_and_the_end_is_kept(
    make: Make, network: Any, guessing: bool, length: int
) -> None:
    memory = Remembered(network, length)
    engine = make(draft(network) if guessing else NoProposals, prefixes=memory)
    words = said(make(), row(max_tokens=11))
    steps = run(engine, row(max_tokens=11))
    assert [step.token for step in steps] == words
    assert steps[-1].stats is not None
    assert (steps[-1].stats.cached_tokens, steps[-1].stats.alone) == (length, "a test")
    tokens = (*PROMPT, *words[:-1])
    assert memory.kept == [(tokens, [len(tokens)] * 2, False)]
    engine.close()
    assert memory.closed


def test_a_cache_that_cannot_be_cut_is_kept_where_a_turn_ends(make: Make, network: Any) -> None:
    memory = Remembered(network, 0)
    caches = CacheMaker(network, max_kv_size=64)
    steps = run(make(caches=caches, prefixes=memory), row(max_tokens=2, anchors=(5, 30)))
    assert [tokens for tokens, _, boundary in memory.kept if boundary] == [PROMPT[:5], PROMPT[:30]]
    assert [step.token for step in steps] == said(make(), row(max_tokens=2))


def test_the_urgent_row_goes_first_and_the_running_one_keeps_its_place(make: Make) -> None:
    engine = make()
    engine.admit(row(row_id=1, max_tokens=3))
    engine.step()
    rows = [row(row_id=n, max_tokens=2, urgency=Urgency(priority=p)) for n, p in ((2, 0), (3, 5), (4, 5))]
    order = [step.row_id for step in run(engine, *rows)]
    assert list(dict.fromkeys(order)) == [1, 3, 4, 2]


def test_a_row_whose_time_is_up_fails_alone(make: Make) -> None:
    steps = run(make(), row(row_id=1, urgency=Urgency(deadline_seconds=1e-9)), row(row_id=2, max_tokens=1))
    assert [(step.row_id, step.error is None) for step in steps] == [(1, False), (2, True)]


def test_a_model_that_breaks_fails_the_row_and_serves_the_next(make: Make, network: Any) -> None:
    class Fragile(CacheMaker):
        broken = True

        def make(self) -> list[Any]:
            if Fragile.broken:
                Fragile.broken = False
                raise RuntimeError("out of everything")
            return [KVCache() for _ in network.layers]

    steps = run(make(caches=Fragile(network)), row(row_id=1), row(row_id=2, max_tokens=1))
    assert "out of everything" in str(steps[0].error)
    assert steps[-1].finish is FinishReason.LENGTH
