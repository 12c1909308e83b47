"""From a folder to vectors: what its files say of pooling, prompts, lengths; what is refused and by which name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from domain.errors import (
    CapabilityMismatch,
    ContextLengthExceeded,
    InvalidRequest,
    ModelLoadFailed,
    ModelNotRunnable,
    UnsupportedParameter,
)
from domain.inference.embedding import EmbeddingRequest, InputType, RerankRequest
from domain.inference.vector_habits import RETRIEVAL
from domain.serving.load_options import Task
from ports.vector_engine import LoadedVectors
from tests.support.vector_models import HIDDEN, POSITIONS, build_classifier, build_embedder, load, tokenizer

CLS, SEP = 3, 4
POOL = {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
TRANSFORMER = {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}
NORMALIZE = {"idx": 3, "path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}
DENSE = {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"}


def modules(*listed: dict[str, Any], **pooling: Any) -> dict[str, Any]:
    return {"modules.json": list(listed), "1_Pooling/config.json": pooling or {"pooling_mode_mean_tokens": True}}


def embed(loaded: LoadedVectors, *inputs: str | tuple[int, ...], **options: Any) -> np.ndarray:
    request = EmbeddingRequest(inputs, **options)
    loaded.codec.check(request)
    rows = loaded.codec.rows(request, 0, len(inputs))
    made = loaded.engine.embed(rows, [request.dimensions] * len(rows))
    return np.array([vector.numbers() for vector in made])


def hidden(loaded: LoadedVectors, tokens: tuple[int, ...]) -> np.ndarray:
    network = loaded.engine._network  # type: ignore[attr-defined]
    states: np.ndarray = np.array(network.hidden(mx.array([tokens]), mx.ones((1, len(tokens)))))[0]
    return states


def unit(vector: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vector / np.linalg.norm(vector)
    return scaled


@pytest.mark.parametrize(
    ("key", "pool"),
    [
        ("pooling_mode_cls_token", lambda states: states[0]),
        ("pooling_mode_lasttoken", lambda states: states[-1]),
        ("pooling_mode_mean_tokens", lambda states: states.mean(axis=0)),
        ("pooling_mode_max_tokens", lambda states: states.max(axis=0)),
    ],
)
def test_pooling_is_what_the_model_s_files_say(tmp_path: Path, key: str, pool: Any) -> None:
    files = modules(TRANSFORMER, POOL, NORMALIZE, **{key: True})
    loaded = load(build_embedder(tmp_path / "bert", "bert", files=files))
    (row,) = loaded.codec.rows(EmbeddingRequest(("the cat sat",)), 0, 1)
    assert embed(loaded, "the cat sat")[0] == pytest.approx(unit(pool(hidden(loaded, row.tokens))), abs=1e-6)


def test_a_model_whose_files_do_not_normalise_is_not_normalised(tmp_path: Path) -> None:
    loaded = load(build_embedder(tmp_path / "bert", "bert", files=modules(TRANSFORMER, POOL)))
    (row,) = loaded.codec.rows(EmbeddingRequest(("a cat",)), 0, 1)
    found = embed(loaded, "a cat")[0]
    assert found == pytest.approx(hidden(loaded, row.tokens).mean(axis=0), abs=1e-5)
    assert abs(np.linalg.norm(found) - 1) > 0.1


def test_dense_layers_lie_between_pooling_and_the_end(tmp_path: Path) -> None:
    files = {
        **modules(TRANSFORMER, POOL, DENSE, NORMALIZE),
        "2_Dense/config.json": {"activation_function": "torch.nn.modules.activation.Tanh"},
    }
    folder = build_embedder(tmp_path / "bert", "bert", files=files)
    weight, bias = mx.random.normal((8, HIDDEN)), mx.random.normal((8,))
    mx.save_safetensors(str(folder / "2_Dense/model.safetensors"), {"linear.weight": weight, "linear.bias": bias})
    loaded = load(folder)
    (row,) = loaded.codec.rows(EmbeddingRequest(("a dog",)), 0, 1)
    expected = np.tanh(hidden(loaded, row.tokens).mean(axis=0) @ np.array(weight).T + np.array(bias))
    assert embed(loaded, "a dog")[0] == pytest.approx(unit(expected), abs=1e-5)


def test_without_such_files_a_family_s_habits_hold(tmp_path: Path) -> None:
    loaded = load(build_embedder(tmp_path / "bert", "bert"), name="org/bge-tiny-en")
    asked, told = (loaded.codec.rows(EmbeddingRequest(("cat",), kind), 0, 1)[0] for kind in InputType)
    assert asked.tokens == tuple(tokenizer()(RETRIEVAL + "cat")["input_ids"])
    assert told.tokens == tuple(tokenizer()("cat")["input_ids"])
    assert embed(loaded, "cat")[0] == pytest.approx(unit(hidden(loaded, told.tokens)[0]), abs=1e-6)


def test_prompts_of_the_files_come_before_texts_and_may_be_left_out_of_the_vector(tmp_path: Path) -> None:
    files = {
        **modules(TRANSFORMER, POOL, NORMALIZE, pooling_mode_mean_tokens=True, include_prompt=False),
        "config_sentence_transformers.json": {"prompts": {"query": "query : ", "passage": "passage : "}},
    }
    loaded = load(build_embedder(tmp_path / "bert", "bert", files=files))
    (row,) = loaded.codec.rows(EmbeddingRequest(("cat",), InputType.QUERY), 0, 1)
    assert row.tokens == tuple(tokenizer()("query : cat")["input_ids"])
    expected = hidden(loaded, row.tokens)[3:].mean(axis=0)
    assert embed(loaded, "cat", input_type=InputType.QUERY)[0] == pytest.approx(unit(expected), abs=1e-6)
    assert loaded.codec.rows(EmbeddingRequest(("cat",)), 0, 1)[0].unpooled == 0


def test_a_decoder_s_text_ends_with_its_end_token_once(tmp_path: Path) -> None:
    folder = build_embedder(tmp_path / "qwen3-embedding", "qwen3", eos_token_id=5)
    plain = tokenizer().backend_tokenizer.from_str(tokenizer().backend_tokenizer.to_str())
    body = json.loads(plain.to_str())
    body["post_processor"] = None
    (folder / "tokenizer.json").write_text(json.dumps(body))
    loaded = load(folder)
    word = tokenizer().convert_tokens_to_ids("cat")
    rows = loaded.codec.rows(EmbeddingRequest(("cat", (word,), (word, 5))), 0, 3)
    assert [row.tokens for row in rows] == [(word, 5)] * 3
    assert embed(loaded, "cat")[0] == pytest.approx(unit(hidden(loaded, (word, 5))[-1]), abs=1e-6)


def test_tokens_of_the_client_s_get_the_special_ones_that_are_missing(tmp_path: Path) -> None:
    loaded = load(build_embedder(tmp_path / "bert", "bert"), name="e5-tiny")
    rows = loaded.codec.rows(EmbeddingRequest(((7, 8), (CLS, 7, 8, SEP), (CLS, 7, 8))), 0, 3)
    assert {row.tokens for row in rows} == {(CLS, 7, 8, SEP)}
    (asked,) = loaded.codec.rows(EmbeddingRequest(((7, 8),), InputType.QUERY), 0, 1)
    opening = tuple(tokenizer()("query: ", add_special_tokens=False)["input_ids"])
    assert asked.tokens == (CLS, *opening, 7, 8, SEP)


def test_tokens_that_the_model_does_not_have_are_refused_by_place(tmp_path: Path) -> None:
    loaded = load(build_embedder(tmp_path / "bert", "bert"))
    with pytest.raises(InvalidRequest, match=r"input\.1 has token 9999"):
        loaded.codec.rows(EmbeddingRequest(("a", (9999,))), 0, 2)
    with pytest.raises(InvalidRequest, match=r"input\.4 has token -1"):
        loaded.codec.rows(EmbeddingRequest(("a", "a", "a", "a", (-1,))), 4, 5)


@pytest.mark.parametrize(
    ("family", "files", "expected"),
    [
        ("bert", {}, POSITIONS),
        ("xlm-roberta", {}, POSITIONS - 2),
        ("bert", {"sentence_bert_config.json": {"max_seq_length": 12}}, 12),
        ("modernbert", {}, POSITIONS),
    ],
)
def test_a_text_may_be_as_long_as_the_model_reads_and_no_longer(
    tmp_path: Path, family: str, files: dict[str, Any], expected: int
) -> None:
    loaded = load(build_embedder(tmp_path / family, family, files=files))
    assert loaded.facts.context_length == expected
    assert np.isfinite(embed(loaded, "cat " * (expected - 2))).all()
    with pytest.raises(ContextLengthExceeded, match=rf"input\.1 has {expected + 1} tokens .* reads {expected} "):
        embed(loaded, "cat", "cat " * (expected - 1))


def test_vectors_are_shortened_where_the_model_was_made_for_it_and_have_unit_length_again(tmp_path: Path) -> None:
    nested = load(build_embedder(tmp_path / "bert", "bert", matryoshka_dimensions=[8, HIDDEN]))
    free = load(build_embedder(tmp_path / "qwen3-embedding", "qwen3"))
    for loaded, wanted in ((nested, 8), (free, 5)):
        whole, short = embed(loaded, "a cat")[0], embed(loaded, "a cat", dimensions=wanted)[0]
        assert short == pytest.approx(unit(whole[:wanted]), abs=1e-6)
        assert embed(loaded, "a cat", dimensions=HIDDEN)[0] == pytest.approx(whole, abs=1e-6)
    for loaded, wanted in ((nested, 9), (free, HIDDEN + 1)):
        with pytest.raises(UnsupportedParameter, match=f"dimensions {wanted}"):
            embed(loaded, "a", dimensions=wanted)


def test_files_that_shorten_unasked_are_obeyed(tmp_path: Path) -> None:
    files = {"config_sentence_transformers.json": {"truncate_dim": 8}}
    loaded = load(build_embedder(tmp_path / "bert", "bert", files=files))
    assert embed(loaded, "a cat").shape == (1, 8)
    assert embed(loaded, "a cat", dimensions=HIDDEN).shape == (1, HIDDEN)


def test_checkpoints_as_transformers_saved_them_at_any_time_load_alike(tmp_path: Path) -> None:
    today = load(build_embedder(tmp_path / "today", "bert"))

    def long_ago(name: str) -> str:
        return "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    more = {
        "bert.pooler.dense.weight": mx.zeros((HIDDEN, HIDDEN)),
        "bert.pooler.dense.bias": mx.zeros((HIDDEN,)),
        "bert.embeddings.position_ids": mx.arange(POSITIONS)[None],
        "cls.predictions.bias": mx.zeros((4,)),
    }
    old = load(build_embedder(tmp_path / "old", "bert", rename=long_ago, more_weights=more))
    assert embed(old, "the cat") == pytest.approx(embed(today, "the cat"), abs=1e-6)


def test_quantised_weights_are_read(tmp_path: Path) -> None:
    from mlx import nn
    from mlx.utils import tree_flatten

    folder = build_embedder(tmp_path / "qwen3-embedding", "qwen3")
    plain = load(folder)
    network = plain.engine._network.network  # type: ignore[attr-defined]
    before = embed(plain, "the cat sat")
    nn.quantize(network, group_size=32, bits=8)
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(network.parameters())))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization": {"group_size": 32, "bits": 8}}))
    assert float((embed(load(folder), "the cat sat") @ before.T)[0, 0]) > 0.99


def test_the_words_of_transformers_5_mean_the_same(tmp_path: Path) -> None:
    old = load(build_embedder(tmp_path / "old", "modernbert", global_rope_theta=500.0, local_rope_theta=50.0))
    folder = build_embedder(tmp_path / "new", "modernbert", global_rope_theta=500.0, local_rope_theta=50.0)
    config = json.loads((folder / "config.json").read_text())
    del config["global_rope_theta"], config["local_rope_theta"]
    config["rope_parameters"] = {
        "full_attention": {"rope_theta": 500.0}, "sliding_attention": {"rope_theta": 50.0}
    }  # fmt: skip
    config["layer_types"] = ["full_attention", "sliding_attention"]
    (folder / "config.json").write_text(json.dumps(config))
    assert embed(load(folder), "the cat sat") == pytest.approx(embed(old, "the cat sat"), abs=1e-6)


@pytest.mark.parametrize(
    ("family", "config", "files", "error", "words"),
    [
        ("bert", {"hidden_act": "relu"}, {}, ModelNotRunnable, "hidden_act 'relu'"),
        ("bert", {"position_embedding_type": "relative_key"}, {}, ModelNotRunnable, "relative_key"),
        ("bert", {"model_type": "nomic_bert"}, {}, ModelNotRunnable, "no models of type 'nomic_bert'"),
        ("bert", {"model_file": "evil.py"}, {}, ModelLoadFailed, "its own code"),
        ("bert", {}, modules({"idx": 0, "path": "", "type": "x.LSTM"}), ModelNotRunnable, "layer LSTM"),
        ("bert", {}, modules({**POOL, "path": "../outside"}), ModelLoadFailed, "outside the model's"),
        ("bert", {}, modules(TRANSFORMER, POOL, pooling_mode="best"), ModelLoadFailed, "best"),
        (
            "bert",
            {},
            {"modules.json": modules(TRANSFORMER, POOL)["modules.json"]},
            ModelLoadFailed,
            r"1_Pooling/config\.json, which says how it pools",
        ),
        ("bert", {"num_hidden_layers": 3}, {}, ModelLoadFailed, "Missing"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_the_reason(
    tmp_path: Path, family: str, config: dict[str, Any], files: dict[str, Any], error: type[Exception], words: str
) -> None:
    folder = build_embedder(tmp_path / "model", family, files=files)
    body = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**body, **config}))
    with pytest.raises(error, match=words):
        load(folder)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    folder = build_embedder(tmp_path / "bert", "bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="is a pickle, which is never read"):
        load(folder)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert"])
def test_a_cross_encoder_scores_each_pair_as_mlx_vlm_s_own_does_alone_and_in_company(
    tmp_path: Path, family: str
) -> None:
    from mlx_vlm.reranker_loader import load_sequence_classification_model

    folder = build_classifier(tmp_path / family, family)
    loaded = load(folder, Task.RERANK)
    request = RerankRequest("the cat", ("a dog ran fast to see the world", "cat", "hello ."))
    loaded.codec.check_pairs(request)
    rows = loaded.codec.pairs(request, 0, 3)
    scores = loaded.engine.score(rows)
    own = load_sequence_classification_model(folder)
    for row, score in zip(rows, scores, strict=True):
        kinds = {"token_type_ids": mx.array([[0] * (len(row) - row.second) + [1] * row.second])}
        logits = own(mx.array([row.tokens]), **(kinds if family == "bert" else {})).logits
        assert score == pytest.approx(mx.sigmoid(logits).item(), abs=2e-3 if family == "modernbert" else 1e-6)
        assert loaded.engine.score([row])[0] == pytest.approx(score, abs=1e-6)
    assert len(set(scores)) == 3
    assert rows[1].second == 2 and rows[1].tokens[:4] == (CLS, *tokenizer()("the cat")["input_ids"][1:3], SEP)


def test_a_classifier_of_several_classes_is_no_reranker(tmp_path: Path) -> None:
    folder = build_classifier(tmp_path / "bert", "bert", id2label={"0": "BAD", "1": "GOOD"})
    with pytest.raises(ModelNotRunnable, match="2 classes"):
        load(folder, Task.RERANK)


def test_a_cross_encoder_takes_no_task_makes_no_vectors_and_names_the_document_that_is_too_long(tmp_path: Path) -> None:
    codec = load(build_classifier(tmp_path / "bert", "bert"), Task.RERANK).codec
    with pytest.raises(UnsupportedParameter):
        codec.check_pairs(RerankRequest("q", ("d",), instruct="sort"))
    with pytest.raises(CapabilityMismatch):
        codec.check(EmbeddingRequest(("a",)))
    with pytest.raises(ContextLengthExceeded, match=r"documents\.1 has \d+ tokens with the query"):
        codec.pairs(RerankRequest("cat", ("d", "cat " * POSITIONS)), 0, 2)
    embedder = load(build_embedder(tmp_path / "embedder", "bert")).codec
    with pytest.raises(CapabilityMismatch):
        embedder.check_pairs(RerankRequest("q", ("d",)))


def test_a_reranker_that_writes_says_how_much_likelier_yes_is_than_no(tmp_path: Path) -> None:
    from adapters.inference.network_loading import load_network

    folder = build_embedder(tmp_path / "Qwen3-Reranker", "qwen3", max_position_embeddings=400)
    loaded = load(folder, Task.RERANK)
    request = RerankRequest("the cat", ("a dog ran fast to see the world", "cat"), instruct="see the cat")
    loaded.codec.check_pairs(request)
    rows = loaded.codec.pairs(request, 0, 2)
    scores = loaded.engine.score(rows)
    network, _ = load_network(folder)
    yes, no = tokenizer().convert_tokens_to_ids(["yes", "no"])
    for row, score in zip(rows, scores, strict=True):
        logits = network(mx.array([row.tokens]))[0, -1]
        assert score == pytest.approx(mx.sigmoid(logits[yes] - logits[no]).item(), abs=1e-5)
    words = tokenizer().decode(rows[1].tokens)
    assert words.index("see the cat") < words.index("cat", words.index("see the cat") + 11)
    plain = loaded.codec.pairs(RerankRequest("the cat", ("cat",)), 0, 1)
    assert plain[0].tokens != rows[1].tokens
