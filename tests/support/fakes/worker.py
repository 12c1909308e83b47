"""Workers without a process, for everything above the port. One token a word; nothing runs until events are read."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from application.inference.answer_text import AnswerFacts, AnswerText, TokenReader
from application.inference.prompt_echo import PromptEcho
from domain.catalog import LocatedModel
from domain.errors import EngineDied, MlxkError, ServerShutdown
from domain.inference import (
    PLAIN,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    OutputFormat,
    ToolCall,
    resolve_sampling,
)
from domain.inference.embedding import EmbeddingRequest, Embeddings, RerankRequest, RerankScores
from domain.inference.speech import SpeechEvent, SpeechRequest, Spoken
from domain.inference.transcript import AnswerStart, Transcript
from domain.inference.transcript_calls import CallRules
from domain.inference.transcription import HearingEvent, Transcription, TranscriptionRequest
from domain.serving.load_options import LoadOptions
from domain.serving.prompt_divergence import Loss, divergence
from domain.serving.prompt_explanation import PromptExplanation, explained
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from domain.serving.worker_death import DeathCause
from ports.model_worker import LoadedModel
from ports.text_codec import EncodedPrompt
from ports.text_engine import RowStats, RowStep, TokenScore
from tests.support.fakes.sounds import SoundScript, heard, spoken
from tests.support.fakes.vectors import FakePending, VectorScript, fake_embeddings, fake_scores

T = TypeVar("T")
E = TypeVar("E")
PROCESS_ID = 4711
PLAIN_LOAD = LoadOptions()


@dataclass
class Script:
    """What fake workers do; may be changed while they run (then call `FakeWorkerLauncher.changed()`).

    answers: last user message -> answer; any other message is answered with `default`. refuse: last user message -> the
    error its stream raises. hold_after: every stream waits after so many tokens until this is None again. die_after:
    the worker dies once a stream has had so many tokens; then this is None again, so that the next worker lives.
    fail_to_load: model name -> error. output_format: how answers mark thoughts and calls; a call is a JSON object
    between the marks. cached_tokens: said of every prompt. mute: workers say nothing of their vitals until this is
    False again. preparing_seconds: what they say of it. vectors: what becomes of questions for vectors and scores.
    sounds: of sounds.
    """

    answers: dict[str, str] = field(default_factory=dict)
    default: str = "This is the answer of a model that is not there."
    refuse: dict[str, MlxkError] = field(default_factory=dict)
    hold_after: int | None = None
    die_after: int | None = None
    fail_to_load: dict[str, MlxkError] = field(default_factory=dict)
    context_length: int = 512
    output_format: OutputFormat = PLAIN
    cached_tokens: int = 0
    mute: bool = False
    preparing_seconds: float = 0.0
    vectors: VectorScript = field(default_factory=VectorScript)
    sounds: SoundScript = field(default_factory=SoundScript)


class FakeWorkerLauncher:
    """WorkerLauncher. workers, options: every one it launched, in order, and how. prepared: it was told to be."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.workers: list[FakeWorker] = []
        self.options: list[LoadOptions] = []
        self.prepared = False
        self.closed = False
        self._news = threading.Condition()

    def prepare(self) -> None:
        self.prepared = True

    def launch(self, model: LocatedModel, options: LoadOptions = PLAIN_LOAD) -> FakeWorker:
        if self.closed:
            raise ServerShutdown("no more models are loaded")
        failure = self.script.fail_to_load.get(model.name)
        if failure is not None:
            raise failure
        worker = FakeWorker(model, self.script, PROCESS_ID + len(self.workers), self._news)
        self.workers.append(worker)
        self.options.append(options)
        return worker

    def close(self) -> None:
        self.closed = True

    def changed(self) -> None:
        """The script has changed: streams that wait look again, and so do those who asked for vitals."""
        with self._news:
            self._news.notify_all()
        for worker in self.workers:
            worker.answer_vitals()


class FakeWorker:
    """ModelWorker. requests: all it was asked; streams: all it gave; running: how many have not ended. What it was
    asked it remembers, to the word. vector_requests, pending: the same of vectors and scores. sound_requests:
    to hear and to speak.
    """

    def __init__(self, model: LocatedModel, script: Script, process_id: int, news: threading.Condition) -> None:
        self.script = script
        self.news = news
        self.requests: list[GenerationRequest] = []
        self.streams: list[FakeStream[Any]] = []
        self.sound_requests: list[TranscriptionRequest | SpeechRequest] = []
        self.vector_requests: list[EmbeddingRequest | RerankRequest] = []
        self.pending: list[FakePending[Any]] = []
        self._loaded = LoadedModel(model.name, script.context_length, process_id, memory_bytes=1_000_000)
        self._death: str | None = None
        self._cause: DeathCause | None = None
        self._vitals_wanted: list[Callable[[EngineVitals], None]] = []
        self._vocabulary: dict[str, int] = {}

    @property
    def loaded(self) -> LoadedModel:
        return self._loaded

    @property
    def alive(self) -> bool:
        return self._death is None

    @property
    def running(self) -> int:
        return sum(not each.over for each in self.streams) + sum(not each.over for each in self.pending)

    @property
    def busy(self) -> bool:
        return self.alive and self.running > 0

    @property
    def death(self) -> DeathCause | None:
        return self._cause

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        if self.alive:
            self._vitals_wanted.append(answer)
            self.answer_vitals()

    def answer_vitals(self) -> None:
        if self.script.mute or not self.alive:
            return
        wanted, self._vitals_wanted = self._vitals_wanted, []
        totals = EngineTotals(
            prompt_tokens=len(self.requests) + len(self.vector_requests), generated_tokens=10 * len(self.requests)
        )
        pulse = EnginePulse(running=self.running, active_bytes=1_000_000)
        for answer in wanted:
            answer(EngineVitals(pulse, totals, preparing_seconds=self.script.preparing_seconds))

    def generate(self, request: GenerationRequest) -> FakeStream[GenerationEvent]:
        self.raise_if_dead()
        self.requests.append(request)
        return self._stream(_answer(self.script, request))

    def transcribe(self, request: TranscriptionRequest) -> FakeStream[HearingEvent]:
        self.raise_if_dead()
        self.sound_requests.append(request)
        return self._stream(heard(self.script.sounds, request))

    def speak(self, request: SpeechRequest) -> FakeStream[SpeechEvent]:
        self.raise_if_dead()
        self.sound_requests.append(request)
        return self._stream(spoken(self.script.sounds, request))

    def _stream(self, events: Iterator[E]) -> FakeStream[E]:
        stream = FakeStream(self, events)
        self.streams.append(stream)
        return stream

    def explain(self, request: GenerationRequest) -> PromptExplanation:
        self.raise_if_dead()
        question = request.messages[-1].content
        if question in self.script.refuse:
            raise self.script.refuse[question]
        prompt, *remembered = _numbered([_prompt_words(each) for each in (request, *self.requests)], self._vocabulary)
        words = {token: word for word, token in self._vocabulary.items()}
        matched = divergence(prompt, remembered, 0, Loss.NONE).matched_tokens
        found = divergence(prompt, remembered, min(matched, len(prompt) - 1), Loss.NONE)
        return explained(found, lambda token: words[token].encode())

    def embed(self, request: EmbeddingRequest) -> FakePending[Embeddings]:
        return self._whole(request, lambda: fake_embeddings(request, self._loaded.context_length))

    def rerank(self, request: RerankRequest) -> FakePending[RerankScores]:
        return self._whole(request, lambda: fake_scores(request, self._loaded.context_length))

    def _whole(self, request: EmbeddingRequest | RerankRequest, make: Callable[[], T]) -> FakePending[T]:
        self.raise_if_dead()
        self.vector_requests.append(request)
        pending = FakePending(self.script.vectors, make, self.news, self)
        self.pending.append(pending)
        return pending

    def close(self) -> None:
        self._die("was closed")

    def kill(self, reason: str | None = None) -> None:
        """As the port says; without a reason, as kill -9 does."""
        if self.alive:
            self._cause = DeathCause.KILLED if reason is None else DeathCause.HUNG
            self._die("was killed by SIGKILL" if reason is None else f"was ended because it {reason}")

    def raise_if_dead(self) -> None:
        if self._death is not None:
            raise EngineDied(f"the engine process of {self._loaded.name} {self._death}", hint="ask again")

    def _die(self, how: str) -> None:
        with self.news:
            self._death = self._death or how
            self.news.notify_all()


class FakeStream(Generic[E]):
    """PatientEvents."""

    def __init__(self, worker: FakeWorker, events: Iterator[E]) -> None:
        self.over = False
        self._worker = worker
        self._events = events
        self._cancelled = False
        self._taken = 0

    def __iter__(self) -> FakeStream[E]:
        return self

    def __next__(self) -> E:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> E | None:
        if self.over:
            raise StopIteration
        try:
            if not self._its_turn_within(seconds):
                return None
            event = next(self._events)
        except BaseException:
            self.over = True
            raise
        self._taken += 1
        self.over = isinstance(event, Finished | Transcription | Spoken)
        return event

    def cancel(self) -> None:
        with self._worker.news:
            self._cancelled = self.over = True
            self._worker.news.notify_all()

    def _its_turn_within(self, seconds: float | None) -> bool:
        worker, script = self._worker, self._worker.script
        if script.die_after == self._taken:
            script.die_after = None
            worker.kill()
        with worker.news:
            come = worker.news.wait_for(
                lambda: self._cancelled or not worker.alive or script.hold_after != self._taken, seconds
            )
        if self._cancelled:
            raise StopIteration
        worker.raise_if_dead()
        return come


class _Words:
    """TokenDecoder whose token n is the answer's word n; the token after the last is the stop token."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def add(self, token: int) -> str:
        return self._words[token]

    def finish(self) -> str:
        return ""

    def spelled(self, token: int) -> bytes:
        return self._words[token].encode() if token < len(self._words) else b"<end>"


def _answer(script: Script, request: GenerationRequest) -> Iterator[GenerationEvent]:
    question, bare = _question(request), request.bare
    if question in script.refuse:
        raise script.refuse[question]
    words = _words(script.answers.get(question, script.default))
    prompt_tokens = sum(1 + len(_words(message.content)) for message in request.messages)
    prompt_tokens += 0 if bare is None else len(_words(question))
    allowed = request.limits.resolve(prompt_tokens, script.context_length)
    decoder = _Words(words)
    form = script.output_format if bare is None else PLAIN
    text = AnswerText(
        TokenReader(decoder, decoder.spelled),
        Transcript(form, request.stop_strings, _rules(request), AnswerStart(in_text=request.continues)),
        AnswerFacts(
            prompt_tokens, resolve_sampling(request.sampling, {}, fresh_seed=1), allowed, tells_stops=bool(bare)
        ),
        clock=lambda: 0.0,
        echo=_echo(request),
    )
    stats = RowStats(script.cached_tokens, stop_tokens=int(request.inspect))
    if request.progress:
        yield from text.add(RowStep(0, None, read=prompt_tokens))
    if bare is not None and bare.echo and request.logprobs is not None:
        scores = tuple(TokenScore(-0.5, ((at, -0.5),)) for at in range(1, prompt_tokens))
        yield from text.add(RowStep(0, None, prompt_scores=scores))
    if bare is not None and not bare.answers:
        yield from text.add(RowStep(0, None, FinishReason.LENGTH, stats=stats))
        return
    for at in range(allowed):
        finish = FinishReason.STOP if at == len(words) else FinishReason.LENGTH if at == allowed - 1 else None
        yield from text.add(RowStep(0, at, finish, score=_score(request, at, len(words)), stats=stats))
        if text.finished:
            return


def _question(request: GenerationRequest) -> str:
    if request.bare is None:
        return request.messages[-1].content
    return " ".join(map(str, request.bare.tokens)) if request.bare.text is None else request.bare.text


def _echo(request: GenerationRequest) -> PromptEcho | None:
    """Of a prompt whose tokens are its words."""
    if request.bare is None or not request.bare.echo:
        return None
    words = _Words(_words(_question(request)))
    reader = TokenReader(words, words.spelled)
    prompt = EncodedPrompt(tuple(range(len(_words(_question(request))))))
    return PromptEcho(prompt, request.bare.text, reader, scored=request.logprobs is not None)


def _rules(request: GenerationRequest) -> CallRules | None:
    tools = request.tools.shown
    numbers = itertools.count(1)
    offered = frozenset(tool.name for tool in tools)
    if not tools:
        return None
    return CallRules(_parsed, lambda: f"call_{next(numbers):024x}", offered, request.tools.parallel)


def _parsed(text: str) -> tuple[ToolCall, ...]:
    call = json.loads(text)
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError(f"no call: {text}")
    return (ToolCall("", call["name"], json.dumps(call.get("arguments", {}))),)


def _score(request: GenerationRequest, token: int, words: int) -> TokenScore | None:
    """The chosen word is the likeliest, then come those after it."""
    if request.logprobs is None:
        return None
    others = [(token + step) % (words + 1) for step in range(min(request.logprobs, words + 1))]
    return TokenScore(-0.25, tuple((other, -0.25 - step) for step, other in enumerate(others)))


def _prompt_words(request: GenerationRequest) -> list[str]:
    return [word for message in request.messages for word in (f"<{message.role}>", *_words(message.content))]


def _numbered(texts: list[list[str]], vocabulary: dict[str, int]) -> list[tuple[int, ...]]:
    """Words that are new get the next numbers."""
    return [tuple(vocabulary.setdefault(word, len(vocabulary)) for word in words) for words in texts]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)
