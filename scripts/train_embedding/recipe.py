"""How large the miniatures are, how long they learn, and what stands in their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

CONTEXT_TOKENS: Final = 128
QUERY, PASSAGE = "query: ", "passage: "
TASK: Final = "Find what is meant"
INSTRUCTION: Final = f"Instruct: {TASK}\nQuery:"


@dataclass(frozen=True, slots=True)
class Recipe:
    """In each step are pairs of every topic, `rounds` of each."""

    vocabulary_size: int
    hidden_size: int
    layers: int
    intermediate_size: int
    steps: int
    rounds: int = 4
    heads: int = 4
    peak_learning_rate: float = 3e-3
    reranker_steps: int = 2500
    reranker_learning_rate: float = 1e-3

    @property
    def shortened(self) -> tuple[int, ...]:
        """Numbers to which a vector may be shortened."""
        return (self.hidden_size // 4, self.hidden_size // 2)


FULL = Recipe(1280, 64, 2, 192, steps=500)
TINY = Recipe(320, 32, 1, 64, steps=6, rounds=1, heads=2, reranker_steps=6)


def encoder_config(recipe: Recipe, vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": vocabulary,
        "hidden_size": recipe.hidden_size,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "intermediate_size": recipe.intermediate_size,
        "max_position_embeddings": CONTEXT_TOKENS,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "pad_token_id": 0,
        "matryoshka_dimensions": [*recipe.shortened, recipe.hidden_size],
        "torch_dtype": "float16",
    }


def reranker_config(recipe: Recipe, vocabulary: int) -> dict[str, Any]:
    config = encoder_config(recipe, vocabulary)
    del config["matryoshka_dimensions"]
    return {**config, "architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}


def decoder_config(recipe: Recipe, vocabulary: int, end: int) -> dict[str, Any]:
    return {
        "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"],
        "vocab_size": vocabulary,
        "hidden_size": recipe.hidden_size,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "num_key_value_heads": recipe.heads // 2,
        "head_dim": recipe.hidden_size // recipe.heads,
        "intermediate_size": recipe.intermediate_size,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "eos_token_id": end,
        "torch_dtype": "float16",
    }


def sentence_files(pooling: str, width: int, prompts: dict[str, str]) -> dict[str, Any]:
    """What sentence-transformers would write beside the weights, by file."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {
        "modules.json": [
            {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for at, (path, kind) in enumerate(kinds)
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": width, pooling: True},
        "sentence_bert_config.json": {"max_seq_length": CONTEXT_TOKENS, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": prompts, "similarity_fn_name": "cosine"},
    }
