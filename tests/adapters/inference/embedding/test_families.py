"""Networks of every family with random weights: as mlx-vlm's own loader has them, and a row alone as in company."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlx import nn
from mlx_vlm.embedding_loader import load_embedding_model

from domain.inference.embedding import EmbeddingRequest
from ports.vector_engine import LoadedVectors, TokenRow
from tests.support.vector_models import FAMILIES, HIDDEN, build_embedder, load, tokenizer

TEXTS = ("hello world", "the cat sat on a mat and a dog ran fast to see the world", "yes", "a dog ? no , a cat .")
# A row alone against the same row in company; 16 bits leave about three digits.
TOLERANCES = {mx.float32: 2e-6, mx.float16: 4e-3, mx.bfloat16: 3e-2}
Build = Callable[..., LoadedVectors]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    found: dict[tuple[str, mx.Dtype], LoadedVectors] = {}

    def one(family: str, dtype: mx.Dtype = mx.float32) -> LoadedVectors:
        if (family, dtype) not in found:
            folder = tmp_path_factory.mktemp("family") / family
            found[family, dtype] = load(build_embedder(folder, family, dtype=dtype))
        return found[family, dtype]

    return one


def vectors(loaded: LoadedVectors, rows: list[TokenRow]) -> np.ndarray:
    return np.array([each.numbers() for each in loaded.engine.embed(rows, [None] * len(rows))])


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_mlx_vlm_itself(family: str, tmp_path: Path) -> None:
    folder = build_embedder(tmp_path / family, family)
    loaded = load(folder)
    request = EmbeddingRequest(TEXTS)
    rows = list(loaded.codec.rows(request, 0, len(TEXTS)))
    found = vectors(loaded, rows)
    network = load_embedding_model(folder)
    if family == "modernbert":  # mlx-vlm approximates the GELU that these models were trained with
        for layer in network.layers:
            layer.mlp.act = nn.GELU()
    for row, vector in zip(rows, found, strict=True):
        tokens = mx.array([row.tokens])
        expected = np.array(network(tokens, attention_mask=mx.ones(tokens.shape)).text_embeds)[0]
        assert np.abs(vector - expected).max() < 2e-6
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    assert found.shape == (len(TEXTS), HIDDEN)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_row_alone_is_the_row_in_company(built: Build, family: str, dtype: mx.Dtype, data: st.DataObject) -> None:
    loaded = built(family, dtype)
    token = st.integers(5, len(tokenizer()) - 1)
    rows = data.draw(
        st.lists(st.lists(token, min_size=1, max_size=40).map(tuple).map(TokenRow), min_size=2, max_size=5)
    )
    together = vectors(loaded, rows)
    alone = np.concatenate([vectors(loaded, [row]) for row in rows])
    assert np.isfinite(together).all()
    assert np.abs(together - alone).max() < TOLERANCES[dtype]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_token_changes_its_own_text_and_no_other(built: Build, family: str) -> None:
    loaded = built(family)
    first, second, third = TokenRow((3, 6, 7, 8, 4)), TokenRow((3, 6, 9, 8, 4)), TokenRow((3, 10, 4))
    before, after = vectors(loaded, [first, third]), vectors(loaded, [second, third])
    assert np.abs(before[0] - after[0]).max() > 1e-3
    assert np.abs(before[1] - after[1]).max() < 1e-6


def test_gemma_s_near_sighted_layers_see_no_farther_than_half_a_window(tmp_path: Path) -> None:
    near = load(build_embedder(tmp_path / "gemma", "gemma3", sliding_window=4, sliding_window_pattern=3))
    row, other = TokenRow(tuple([6] * 10)), TokenRow((*[6] * 9, 9))
    hidden = [near.engine._network.hidden(mx.array([each.tokens]), mx.ones((1, 10))) for each in (row, other)]  # type: ignore[attr-defined]
    differ = np.abs(np.array(hidden[0] - hidden[1]))[0].max(axis=-1) > 1e-6
    assert differ.tolist() == [False] * 5 + [True] * 5


def test_modernbert_in_halves_stays_finite_behind_long_texts(built: Build) -> None:
    loaded = built("modernbert", mx.float16)
    found = vectors(loaded, [TokenRow(tuple([6] * 60)), TokenRow((7,))])
    assert np.isfinite(found).all()
