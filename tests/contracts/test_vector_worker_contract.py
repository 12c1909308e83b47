"""What every ModelWorker does that embeds or reranks: the fake one and the one with a process and MLX in it."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.errors import ContextLengthExceeded, EngineDied, UnsupportedParameter
from domain.inference.embedding import EmbeddingRequest, Embeddings, InputType, RerankRequest
from domain.serving.load_options import LoadOptions, Task
from domain.serving.vitals import EngineVitals
from ports.model_worker import ModelWorker, WorkerLauncher
from tests.support.eventually import eventually
from tests.support.fakes.vectors import ALLOWED_DIMENSIONS
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script
from tests.support.vector_models import POSITIONS, build_classifier, build_embedder

TEXTS = ("the cat sat on a mat", "hello world", "a dog ran fast to see the world", "yes")
WAIT_SECONDS = 30


@dataclass(frozen=True)
class Case:
    """A launcher, an embedder and a reranker it can load, and the way its workers are killed."""

    launcher: WorkerLauncher
    embedder: LocatedModel
    reranker: LocatedModel
    kill: Callable[[ModelWorker], None]


def fake_case() -> Case:
    def kill(worker: ModelWorker) -> None:
        assert isinstance(worker, FakeWorker)
        worker.kill()

    embedder, reranker = (
        LocatedModel(name, PurePath("/nowhere") / name, ModelSource.CACHE) for name in ("org/embedder", "org/reranker")
    )
    return Case(FakeWorkerLauncher(Script(context_length=POSITIONS)), embedder, reranker, kill)


def process_case(folder: Path) -> Case:
    embedder = build_embedder(folder / "e5-tiny", "bert", matryoshka_dimensions=list(ALLOWED_DIMENSIONS))
    reranker = build_classifier(folder / "reranker", "bert")
    return Case(
        ProcessWorkerLauncher(dict(os.environ), keep_spare=True),
        LocatedModel("org/e5-tiny", embedder, ModelSource.WORKSPACE),
        LocatedModel("org/reranker", reranker, ModelSource.WORKSPACE),
        lambda worker: os.kill(worker.loaded.process_id, signal.SIGKILL),
    )


@pytest.fixture(scope="module", params=["fake", "process"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    made = fake_case() if request.param == "fake" else process_case(tmp_path_factory.mktemp("vectors"))
    yield made
    made.launcher.close()


@pytest.fixture(scope="module")
def embedder(case: Case) -> Iterator[ModelWorker]:
    worker = case.launcher.launch(case.embedder, LoadOptions(task=Task.EMBED))
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def reranker(case: Case) -> Iterator[ModelWorker]:
    worker = case.launcher.launch(case.reranker, LoadOptions(task=Task.RERANK))
    yield worker
    worker.close()


def embedded(worker: ModelWorker, *inputs: str | tuple[int, ...], **options: object) -> Embeddings:
    answer = worker.embed(EmbeddingRequest(inputs, **options)).within(WAIT_SECONDS)  # type: ignore[arg-type]
    assert answer is not None
    return answer


def as_array(embeddings: Embeddings) -> np.ndarray:
    return np.array([each.numbers() for each in embeddings.vectors])


def test_a_loaded_worker_says_how_long_a_text_may_be_and_where_it_computes(embedder: ModelWorker) -> None:
    assert embedder.loaded.context_length == POSITIONS
    assert embedder.loaded.device in ("cpu", "gpu")


def test_every_text_gets_a_vector_of_unit_length_in_its_place(embedder: ModelWorker) -> None:
    together = as_array(embedded(embedder, *TEXTS))
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    for at, text in enumerate(TEXTS):
        assert as_array(embedded(embedder, text))[0] == pytest.approx(together[at], abs=1e-5)


def test_what_was_read_is_counted(embedder: ModelWorker) -> None:
    once, twice = embedded(embedder, "yes").prompt_tokens, embedded(embedder, "yes", "yes").prompt_tokens
    assert once > 0 and twice == 2 * once


def test_a_question_is_read_otherwise_than_a_document(embedder: ModelWorker) -> None:
    plain, asked = embedded(embedder, "a cat"), embedded(embedder, "a cat", input_type=InputType.QUERY)
    assert asked.prompt_tokens > plain.prompt_tokens
    assert as_array(plain) != pytest.approx(as_array(asked), abs=1e-3)


def test_vectors_can_be_shortened_where_the_model_allows_it(embedder: ModelWorker) -> None:
    whole, short = as_array(embedded(embedder, "a cat"))[0], as_array(embedded(embedder, "a cat", dimensions=8))[0]
    assert short == pytest.approx(whole[:8] / np.linalg.norm(whole[:8]), abs=1e-3)
    with pytest.raises(UnsupportedParameter) as caught:
        embedded(embedder, "a cat", dimensions=7)
    assert caught.value.param == "dimensions"


def test_a_text_that_is_too_long_is_named(embedder: ModelWorker) -> None:
    with pytest.raises(ContextLengthExceeded, match=r"^input\.1 has"):
        embedded(embedder, "yes", "yes " * (POSITIONS + 1))
    assert embedder.alive


def test_requests_of_many_threads_are_each_answered_with_their_own(embedder: ModelWorker) -> None:
    expected = {text: as_array(embedded(embedder, text))[0] for text in TEXTS}
    asked = list(TEXTS) * 5
    with ThreadPoolExecutor(max_workers=8) as threads:
        found = list(threads.map(lambda text: as_array(embedded(embedder, text))[0], asked))
    for text, vector in zip(asked, found, strict=True):
        assert vector == pytest.approx(expected[text], abs=1e-5)


def test_a_waiting_consumer_may_look_up_now_and_then(embedder: ModelWorker) -> None:
    pending = embedder.embed(EmbeddingRequest(TEXTS * 200))
    while (answer := pending.within(0.001)) is None:
        pass
    assert len(answer.vectors) == len(TEXTS) * 200


def test_a_cancelled_request_leaves_nothing_behind(embedder: ModelWorker) -> None:
    pending = embedder.embed(EmbeddingRequest(TEXTS * 200))
    pending.cancel()
    pending.cancel()
    eventually(lambda: not embedder.busy, "nothing is asked any more")
    assert len(embedded(embedder, "yes").vectors) == 1


def test_vitals_are_told_beside_requests(embedder: ModelWorker) -> None:
    heard: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
    embedded(embedder, "yes")
    embedder.ask_vitals(heard.put)
    assert heard.get(timeout=WAIT_SECONDS).totals.prompt_tokens > 0


def test_documents_get_scores_in_their_order(reranker: ModelWorker) -> None:
    request = RerankRequest("the cat", ("a dog", "the cat sat", "hello world"))
    answer = reranker.rerank(request).within(WAIT_SECONDS)
    assert answer is not None
    assert len(answer.scores) == 3 and all(0 <= score <= 1 for score in answer.scores)
    turned = reranker.rerank(RerankRequest("the cat", request.documents[::-1])).within(WAIT_SECONDS)
    assert turned is not None
    assert turned.scores[::-1] == pytest.approx(answer.scores, abs=1e-5)
    assert turned.prompt_tokens == answer.prompt_tokens > 0


def test_a_document_that_is_too_long_is_named(reranker: ModelWorker) -> None:
    with pytest.raises(ContextLengthExceeded, match=r"^documents\.1 has"):
        reranker.rerank(RerankRequest("q", ("yes", "yes " * (POSITIONS + 1)))).within(WAIT_SECONDS)


def test_a_worker_that_is_killed_ends_what_waits_for_it(case: Case) -> None:
    worker = case.launcher.launch(case.embedder, LoadOptions(task=Task.EMBED))
    pending = worker.embed(EmbeddingRequest(TEXTS * 2000))
    case.kill(worker)
    with pytest.raises(EngineDied):
        pending.within(WAIT_SECONDS)
    with pytest.raises(EngineDied):
        worker.embed(EmbeddingRequest(("yes",)))
    worker.close()
