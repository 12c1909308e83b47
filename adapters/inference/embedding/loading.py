"""A model folder to an engine and a codec for vectors or scores."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from transformers import AutoTokenizer

from adapters.inference.embedding.codec import EmbeddingCodec, JudgeCodec, PairCodec, Reading, special_tokens
from adapters.inference.embedding.dense import Dense
from adapters.inference.embedding.engine import EmbeddingEngine, RerankEngine, Shape
from adapters.inference.embedding.judge import load_judge
from adapters.inference.embedding.network import TextNetwork, family_of, load_classifier, load_embedder
from adapters.inference.embedding.sentence_files import ENDLESS, SentenceFiles, numbers_in, read_sentence_files
from adapters.inference.solo.choice import SAFE_TOKENIZER
from adapters.inference.stop_ids import named_ids
from adapters.inference.vision.sealing import sealed
from domain.catalog import LocatedModel
from domain.catalog.embedding import CLASSIFIES
from domain.inference.context_length import context_length
from domain.inference.vector_habits import Lengths, Pooling, known_pooling, known_prompts
from domain.numbers import whole_number
from domain.serving.load_options import LoadOptions, Task
from ports.model_worker import LoadedModel
from ports.vector_engine import LoadedVectors, TokenRow, VectorCodec, VectorEngine

QWEN = "qwen3_embedding"
GEMMA_LENGTHS = (128, 256, 512)  # of EmbeddingGemma's 768, by its model card
GEMMA_WIDTH = 768


def load_vectors(model: LocatedModel, options: LoadOptions) -> LoadedVectors:
    """Raises whatever mlx-vlm, mlx-lm and transformers raise, ValueError for files that make no sense,
    ModelNotRunnable for what nobody here knows.
    """
    folder = Path(model.path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError("config.json holds no object")
    with sealed():
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **SAFE_TOKENIZER)
    load = _embedder if options.task is Task.EMBED else _reranker
    engine, codec, reading = load(folder, model.name, config, tokenizer)
    gc.collect()
    gc.freeze()  # the model is no garbage either
    device = "cpu" if mx.default_device() == mx.cpu else "gpu"
    facts = LoadedModel(model.name, reading.max_tokens, os.getpid(), mx.get_active_memory(), device)
    return LoadedVectors(engine, codec, facts)


def _embedder(
    folder: Path, name: str, config: dict[str, Any], tokenizer: Any
) -> tuple[VectorEngine, VectorCodec, Reading]:
    files = read_sentence_files(folder, name)
    network = load_embedder(folder, config, name)
    qwen = network.family == QWEN
    poolings = files.pooling or (_usual_pooling(network, name),)
    shape = Shape(poolings, files.normalises, tuple(Dense(layer) for layer in files.dense), files.truncate_dimensions)
    reading = _reading(config, tokenizer, files)
    if Pooling.LAST in poolings and not special_tokens(tokenizer)[1]:
        named = sorted(named_ids(config)) or [tokenizer.eos_token_id]
        reading = replace(reading, ends=tuple(each for each in named if isinstance(each, int)))
    full = _width(EmbeddingEngine(network, replace(shape, usual=None)))
    if shape.usual is not None and shape.usual >= full:
        shape = replace(shape, usual=None)
    prompts = files.prompts or known_prompts(name, decoder=qwen)
    codec = EmbeddingCodec(
        tokenizer, reading, prompts, _lengths(network, config, files, full), pools_prompt=files.pools_prompt
    )
    return EmbeddingEngine(network, shape), codec, reading


def _reranker(
    folder: Path, name: str, config: dict[str, Any], tokenizer: Any
) -> tuple[VectorEngine, VectorCodec, Reading]:
    reading = _reading(config, tokenizer, read_sentence_files(folder, name))
    if any(str(each).endswith(CLASSIFIES) for each in config.get("architectures") or ()):
        return RerankEngine(load_classifier(folder, config, name)), PairCodec(tokenizer, reading), reading
    return RerankEngine(load_judge(folder, tokenizer, name)), JudgeCodec(tokenizer, reading), reading


def _usual_pooling(network: TextNetwork, name: str) -> Pooling:
    if network.family == "lfm2_embedding":
        return Pooling.CLS
    return known_pooling(name, decoder=network.family == QWEN)


def _width(engine: EmbeddingEngine) -> int:
    """Numbers in a vector; by one short pass, which shows that the network works."""
    (vector,) = engine.embed([TokenRow((0,))], [None])
    return vector.dimensions


def _lengths(network: TextNetwork, config: Mapping[str, Any], files: SentenceFiles, full: int) -> Lengths:
    stated = {*numbers_in(config.get("matryoshka_dimensions")), *files.matryoshka}
    if files.truncate_dimensions is not None:
        stated.add(files.truncate_dimensions)
    if network.family == "gemma3_embedding" and full == GEMMA_WIDTH:
        stated.update(GEMMA_LENGTHS)
    allowed = tuple(sorted(each for each in stated if each < full))
    return Lengths(full, allowed, any=network.family == QWEN and not allowed, usual=files.truncate_dimensions)


def _reading(config: Mapping[str, Any], tokenizer: Any, files: SentenceFiles) -> Reading:
    limits = [_positions(config), files.max_tokens, tokenizer.model_max_length]
    most = min(int(each) for each in limits if each is not None and 0 < each < ENDLESS)
    vocabulary = whole_number(config.get("vocab_size")) or len(tokenizer)
    return Reading(most, vocabulary, lowers=files.lowers)


def _positions(config: Mapping[str, Any]) -> int:
    """XLM-RoBERTa counts places from behind its padding token on."""
    most = context_length(config)
    if family_of(config) != "xlm_roberta":
        return most
    padding = whole_number(config.get("pad_token_id"))
    return most - 1 - (1 if padding is None else padding)
