"""A llama with random weights and a byte-level tokenizer, built in a moment: real MLX without a real model.

Its favourite tokens are printable ASCII, so that what it babbles can be read and cut.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SPECIAL_TOKENS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['content'] == 'refuse me' %}{{ raise_exception('this model refuses that') }}{% endif %}"
    "<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True, slots=True)
class TinyLlama:
    """Sizes of the miniature. `chat_template` None: a model without one."""

    hidden: int = 32
    layers: int = 2
    heads: int = 2
    context_length: int = 512
    seed: int = 7
    chat_template: str | None = CHAT_TEMPLATE
    generation_config: dict[str, object] | None = None

    def build(self, folder: Path) -> Path:
        """Write the model into `folder` (made when missing) and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = byte_level_tokenizer()
        vocabulary = tokenizer.get_vocab()
        _write_json(folder / "config.json", self._config(len(vocabulary), vocabulary["<|end|>"]))
        tokenizer.save(str(folder / "tokenizer.json"))
        _write_json(
            folder / "tokenizer_config.json",
            {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"},
        )
        if self.chat_template is not None:
            (folder / "chat_template.jinja").write_text(self.chat_template, encoding="utf-8")
        if self.generation_config is not None:
            _write_json(folder / "generation_config.json", self.generation_config)
        mx.save_safetensors(str(folder / "model.safetensors"), self._weights(vocabulary), {"format": "mlx"})
        return folder

    def _config(self, vocabulary_size: int, end: int) -> dict[str, object]:
        return {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "intermediate_size": self.hidden * 2,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "vocab_size": vocabulary_size,
            "max_position_embeddings": self.context_length,
            "tie_word_embeddings": False,
            "eos_token_id": end,
        }

    def _weights(self, vocabulary: dict[str, int]) -> dict[str, mx.array]:
        size, wide = self.hidden, self.hidden * 2
        shapes = {"model.embed_tokens.weight": (len(vocabulary), size), "lm_head.weight": (len(vocabulary), size)}
        ones = {"model.norm.weight": mx.ones(size)}
        for layer in range(self.layers):
            name = f"model.layers.{layer}"
            shapes |= {f"{name}.self_attn.{part}_proj.weight": (size, size) for part in "qkvo"}
            shapes |= {f"{name}.mlp.{part}_proj.weight": (wide, size) for part in ("gate", "up")}
            shapes[f"{name}.mlp.down_proj.weight"] = (size, wide)
            ones |= {f"{name}.{norm}.weight": mx.ones(size) for norm in ("input_layernorm", "post_attention_layernorm")}
        keys = mx.random.split(mx.random.key(self.seed), len(shapes))
        weights = {
            name: mx.random.normal(shape, key=key) * (4.0 / size**0.5)
            for (name, shape), key in zip(shapes.items(), keys, strict=True)
        }
        printable = [1.0 if len(text) == 1 and text.isascii() else 0.0 for text in _by_id(vocabulary)]
        weights["lm_head.weight"] = weights["lm_head.weight"] * mx.array(printable)[:, None]
        return weights | ones


def byte_level_tokenizer() -> Tokenizer:
    """One token a byte, and the four special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={text: at for at, text in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL_TOKENS])
    return tokenizer


def _by_id(vocabulary: dict[str, int]) -> list[str]:
    return [text for text, _ in sorted(vocabulary.items(), key=lambda item: item[1])]


def _write_json(path: Path, value: dict[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
