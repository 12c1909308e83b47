"""The embedders and the reranker under tests/assets: trained, committed, and right about sentences they never saw.

`make models` trains them again and runs this.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapters.model_store.workspace import WorkspaceStore
from adapters.runtime_support.installed import InstalledLibraryInspector
from domain.catalog import LocatedModel, ModelSource
from domain.catalog.fitness import can_embed, can_rerank
from domain.catalog.judge import judge
from domain.inference.embedding import EmbeddingRequest, InputType, RerankRequest
from domain.serving.load_options import Task
from ports.vector_engine import LoadedVectors
from scripts.train_embedding.__main__ import main
from scripts.train_embedding.lexicon import PROOFS
from tests.support.vector_models import load

ASSETS = Path(__file__).parents[1] / "assets"
ENCODER, DECODER, RERANKER = "embedding-encoder", "embedding-decoder", "reranker"
QUESTIONS, ANSWERS = zip(*PROOFS, strict=True)
MARGIN = 0.2
MOST_BYTES = 1_500_000
Matrix = Callable[[str, int | None], np.ndarray]


def vectors(loaded: LoadedVectors, texts: tuple[str, ...], kind: InputType, dimensions: int | None) -> np.ndarray:
    request = EmbeddingRequest(texts, kind, dimensions=dimensions)
    loaded.codec.check(request)
    rows = loaded.codec.rows(request, 0, len(texts))
    return np.array([each.numbers() for each in loaded.engine.embed(rows, [dimensions] * len(rows))])


@pytest.fixture(scope="module")
def likeness() -> Matrix:
    """[question, answer]: the cosine of their vectors."""
    models: dict[str, LoadedVectors] = {}

    def of(name: str, dimensions: int | None) -> np.ndarray:
        if name not in models:
            models[name] = load(ASSETS / name)
        asked = vectors(models[name], QUESTIONS, InputType.QUERY, dimensions)
        told = vectors(models[name], ANSWERS, InputType.DOCUMENT, dimensions)
        assert np.abs(np.linalg.norm(np.concatenate([asked, told]), axis=1) - 1).max() < 1e-5
        found: np.ndarray = asked @ told.T
        return found

    return of


@pytest.mark.parametrize("dimensions", [None, 32, 16])
@pytest.mark.parametrize("name", [ENCODER, DECODER])
def test_each_question_is_nearest_to_its_answer_in_whichever_language(
    likeness: Matrix, name: str, dimensions: int | None
) -> None:
    found = likeness(name, dimensions)
    right = np.diag(found)
    others = np.where(np.eye(len(found), dtype=bool), -1, found)
    assert (right - others.max(axis=1)).min() > MARGIN
    assert (right - others.max(axis=0)).min() > MARGIN


def test_the_reranker_puts_each_answer_first() -> None:
    loaded = load(ASSETS / RERANKER, Task.RERANK)
    for at, question in enumerate(QUESTIONS):
        scores = loaded.engine.score(loaded.codec.pairs(RerankRequest(question, ANSWERS), 0, len(ANSWERS)))
        assert int(np.argmax(scores)) == at, question


@pytest.mark.parametrize(("name", "able"), [(ENCODER, can_embed), (DECODER, can_embed), (RERANKER, can_rerank)])
def test_they_are_known_for_what_they_are(name: str, able: Callable[..., bool]) -> None:
    location = LocatedModel(name, ASSETS / name, ModelSource.WORKSPACE)
    manifest = WorkspaceStore(ASSETS).read(location)
    assert able(judge(location, manifest, InstalledLibraryInspector().installed()))


def test_they_are_small() -> None:
    for name in (ENCODER, DECODER, RERANKER):
        assert sum(path.stat().st_size for path in (ASSETS / name).rglob("*") if path.is_file()) < MOST_BYTES


def test_the_script_that_makes_them_runs(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--tiny"]) == 0
    made = vectors(load(tmp_path / ENCODER), QUESTIONS, InputType.QUERY, None)
    assert made.shape == (len(QUESTIONS), 32)
    assert load(tmp_path / DECODER).codec is not None
    assert load(tmp_path / RERANKER, Task.RERANK).engine is not None
