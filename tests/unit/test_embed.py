"""Embedding and reranking by a model's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from application.inference.embed import Embed
from application.inference.known_contents import KnownContents
from application.inference.vector_models import VectorModels
from domain.catalog import LocatedModel, ModelReport, ModelSource
from domain.catalog.fitness import can_embed, can_rerank, require_embed
from domain.errors import CapabilityMismatch, InvalidRequest, ModelLoadFailed, ModelNotRunnable, ModelUnhealthy
from domain.inference.embedding import EmbeddingRequest, RerankRequest
from domain.inference.fingerprint import system_fingerprint
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import LoadPlan
from domain.serving.model_settings import Keeping
from ports.model_worker import LoadedModel
from tests.support.fakes.http_services import FakeServices, served
from tests.support.fakes.vectors import FAKE_DIMENSIONS, fake_embeddings

VECTORS = served("org/vectors", capabilities=("embeddings",))
ORDER = served("org/order", capabilities=("rerank",))
BROKEN = served("org/broken", capabilities=("embeddings",), healthy=False, health_reason="a file is missing")
STRANGE = served("org/strange", capabilities=("embeddings",), runtime_compatible=False, reason="unknown family")
CHAT = served("org/chat")
REQUEST = EmbeddingRequest(("one two", "three"))


@pytest.fixture
def services() -> Iterator[FakeServices]:
    made = FakeServices(models=(VECTORS, ORDER, BROKEN, STRANGE, CHAT))
    yield made
    made.pool.close()
    made.watch.close()


def test_texts_come_back_as_vectors_of_the_model_that_was_named(services: FakeServices) -> None:
    answer = services.embed().execute("vectors", REQUEST)
    assert answer.model == VECTORS.location
    assert answer.embeddings == fake_embeddings(REQUEST, 512)
    assert (answer.dimensions, answer.device) == (FAKE_DIMENSIONS, "cpu")
    assert services.launcher.options == [LoadOptions(task=Task.EMBED)]


def test_documents_come_back_with_scores_in_their_order(services: FakeServices) -> None:
    answer = services.rerank().execute("order", RerankRequest("red cat", ("a dog", "the red cat", "a cat")))
    assert answer.scores.scores == (0.0, 1.0, 0.5)
    assert answer.model == ORDER.location
    assert services.launcher.options == [LoadOptions(task=Task.RERANK)]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("chat", CapabilityMismatch, "does not turn text into vectors; it is for: text-generation, chat"),
        ("order", CapabilityMismatch, "does not turn text into vectors; it is for: rerank"),
        ("broken", ModelUnhealthy, "a file is missing"),
        ("strange", ModelNotRunnable, "unknown family"),
    ],
)
def test_a_model_that_cannot_embed_is_refused_with_the_reason(
    services: FakeServices, name: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        services.embed().execute(name, REQUEST)
    assert services.launcher.workers == []


def test_an_embedder_does_not_rerank(services: FakeServices) -> None:
    with pytest.raises(CapabilityMismatch, match="does not rerank documents"):
        services.rerank().execute("vectors", RerankRequest("q", ("d",)))


def test_only_sound_models_that_run_here_can_embed_and_rerank() -> None:
    assert [can_embed(each) for each in (VECTORS, ORDER, BROKEN, STRANGE, CHAT)] == [True, False, False, False, False]
    assert [can_rerank(each) for each in (VECTORS, ORDER, replace(ORDER, healthy=False))] == [False, True, False]


def test_a_model_is_kept_as_its_owner_says_and_refuses_what_is_for_models_that_write(services: FakeServices) -> None:
    keeping = Keeping(pinned=True)
    plans = iter((LoadPlan(LoadOptions(memory_bytes=1), keeping=keeping), LoadPlan(LoadOptions(kv_bits=4))))
    embed = Embed(VectorModels(services._model_loads(), Task.EMBED, require_embed, lambda *_: next(plans)))
    prepared = embed.prepare("vectors")
    assert (prepared.model, prepared.context_length, prepared.sees) == (VECTORS.location, 512, False)
    assert [each.keeping for each in services.pool.loads()] == [keeping]
    with pytest.raises(InvalidRequest, match=r"--kv-bits cannot be used with org/vectors"):
        embed.execute("vectors", REQUEST)


def test_a_model_can_be_brought_in_and_pinned(services: FakeServices) -> None:
    services.rerank().bring_in("order", pinned=True)
    services.embed().bring_in("vectors")
    pinned = {each.model_identity: each.pinned for each in services.pool.standing()}
    assert pinned == {ORDER.location.identity: True, VECTORS.location.identity: False}


def test_after_a_failed_load_the_folder_is_looked_at_afresh(services: FakeServices) -> None:
    looked: list[str] = []
    loads = services._model_loads()
    resolve = loads._resolve

    class Counting:
        def execute(self, spec: str) -> LocatedModel:
            looked.append(spec)
            return resolve.execute(spec)

    loads._resolve = Counting()
    embed = Embed(VectorModels(loads, Task.EMBED, require_embed))
    services.launcher.script.fail_to_load = {"org/vectors": ModelLoadFailed("no weights")}
    for _ in range(2):
        with pytest.raises(ModelLoadFailed):
            embed.execute("vectors", REQUEST)
    assert looked == ["vectors", "vectors"]


def test_the_fingerprint_changes_with_model_revision_and_device_and_only_then() -> None:
    def cached(name: str, revision: str) -> LocatedModel:
        return LocatedModel(name, VECTORS.location.path, ModelSource.CACHE, revision)

    first = system_fingerprint(cached("a/b", "1" * 40), None, "cpu")
    assert first == system_fingerprint(cached("a/b", "1" * 40), "sha256:ff", "cpu")
    others = {
        system_fingerprint(cached("a/c", "1" * 40), None, "cpu"),
        system_fingerprint(cached("a/b", "2" * 40), None, "cpu"),
        system_fingerprint(cached("a/b", "1" * 40), None, "gpu"),
    }
    assert first not in others and len(others) == 3
    hash_, _, device = first.partition(".")
    assert (len(hash_), device) == (8, "cpu")


def test_a_workspace_is_known_by_its_content_hash_and_a_plain_folder_by_none() -> None:
    workspace = LocatedModel("mine", VECTORS.location.path, ModelSource.WORKSPACE)
    assert system_fingerprint(workspace, "sha256:0123456789abcdef", "gpu") == "01234567.gpu"
    assert system_fingerprint(workspace, None, "cpu") == "nohash.cpu"


def test_a_workspace_is_known_by_what_lay_there_when_its_worker_loaded_it() -> None:
    mine = replace(VECTORS, content_hash="sha256:stored")
    now = ["sha256:first000"]
    looked: list[str] = []

    def complete(report: ModelReport) -> ModelReport:
        looked.append(report.name)
        return replace(report, content_hash=now[0])

    contents = KnownContents(complete)
    worker, next_worker = LoadedModel("mine", 512, 1, 0), LoadedModel("mine", 512, 2, 0)
    assert contents.hash_of(mine, worker) == "sha256:first000"
    now[0] = "sha256:changed0"
    assert contents.hash_of(mine, worker) == "sha256:first000"
    assert contents.hash_of(mine, next_worker) == "sha256:changed0"
    assert looked == [mine.name] * 2
    assert KnownContents(complete).hash_of(VECTORS, worker) is None
