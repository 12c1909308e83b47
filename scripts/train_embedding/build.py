"""The three miniatures, from nothing to their folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_vlm.models import bert, qwen3_embedding

from scripts.train_embedding.checkpoint import save
from scripts.train_embedding.recipe import (
    INSTRUCTION,
    PASSAGE,
    QUERY,
    Recipe,
    decoder_config,
    encoder_config,
    reranker_config,
    sentence_files,
)
from scripts.train_embedding.sentences import repeatable
from scripts.train_embedding.tokenizers_of import byte_pairs, word_pieces
from scripts.train_embedding.training import Progress, parameter_count, train_scores, train_vectors

ENCODER, DECODER, RERANKER = "embedding-encoder", "embedding-decoder", "reranker"
Report = Callable[[str, int, float], None]


def build(out: Path, recipe: Recipe, seed: int, report: Report) -> dict[str, int]:
    """Into folders of `out`; how many parameters each has."""
    encoder = _encoder(out / ENCODER, recipe, seed, _named(report, ENCODER))
    return {
        ENCODER: parameter_count(encoder),
        DECODER: parameter_count(_decoder(out / DECODER, recipe, seed, _named(report, DECODER))),
        RERANKER: parameter_count(_reranker(out / RERANKER, recipe, encoder, seed, _named(report, RERANKER))),
    }


def _named(report: Report, name: str) -> Progress:
    return lambda step, loss: report(name, step, loss)


def _encoder(folder: Path, recipe: Recipe, seed: int, report: Progress) -> Any:
    """As BERT, the mean of its tokens; questions and documents have words before them."""
    tokenizer = word_pieces(recipe.vocabulary_size)
    config = encoder_config(recipe, len(tokenizer))
    mx.random.seed(seed)
    model = bert.Model(bert.ModelConfig.from_dict(config))
    _shrink(model)

    def asking(text: str) -> list[int]:
        return list(tokenizer(QUERY + text)["input_ids"])

    def telling(text: str) -> list[int]:
        return list(tokenizer(PASSAGE + text)["input_ids"])

    train_vectors(model, recipe, (asking, telling), repeatable(seed), report)
    prompts = {"query": QUERY, "document": PASSAGE}
    files = sentence_files("pooling_mode_mean_tokens", recipe.hidden_size, prompts)
    save(folder, model, tokenizer, {"config.json": config, **files})
    return model


def _decoder(folder: Path, recipe: Recipe, seed: int, report: Progress) -> Any:
    """As Qwen3-Embedding, its last token; a question has an instruction before it."""
    tokenizer = byte_pairs(recipe.vocabulary_size)
    end = tokenizer.eos_token_id
    config = decoder_config(recipe, len(tokenizer), end)
    mx.random.seed(seed)
    model = qwen3_embedding.Model(qwen3_embedding.ModelConfig.from_dict({**config, "model_type": "qwen3_embedding"}))
    _shrink(model)

    def asking(text: str) -> list[int]:
        return telling(INSTRUCTION + text)

    def telling(text: str) -> list[int]:
        return [*tokenizer(text)["input_ids"], end]

    train_vectors(model, recipe, (asking, telling), repeatable(seed), report)
    prompts = {"query": INSTRUCTION, "document": ""}
    save(
        folder, model, tokenizer,
        {"config.json": config, **sentence_files("pooling_mode_lasttoken", recipe.hidden_size, prompts)},
    )  # fmt: skip
    return model


def _reranker(folder: Path, recipe: Recipe, encoder: Any, seed: int, report: Progress) -> Any:
    """A cross-encoder that begins with what the encoder knows."""
    tokenizer = word_pieces(recipe.vocabulary_size)
    config = reranker_config(recipe, len(tokenizer))
    mx.random.seed(seed)
    model = bert.SequenceClassificationModel(bert.ModelConfig.from_dict({**config, "num_labels": 1}))
    _shrink(model)
    model.update({"embeddings": encoder.embeddings.parameters(), "encoder": encoder.encoder.parameters()})
    train_scores(model, recipe, tokenizer, repeatable(seed), report)
    save(folder, model, tokenizer, {"config.json": config})
    return model


def _shrink(model: nn.Module) -> None:
    """Embeddings begin small, as BERT's do."""

    def smaller(_: str, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            module.weight = module.weight * 0.2

    model.apply_to_modules(smaller)
