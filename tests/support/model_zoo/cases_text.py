"""Frameworks, and text models up to the gate of mlx-lm."""

from __future__ import annotations

from tests.support.model_zoo.case import BASE, TEXT, Case, Place
from tests.support.model_zoo.content import (
    CHATML,
    gguf,
    llama_config,
    mlx_safetensors,
    readme,
    safetensors,
    text_model,
    without,
)

PLAIN = llama_config(quantization=None)
THINKS = CHATML + "{% if enable_thinking %}<think>{% endif %}"
CALLS = "{% if tools %}{{ tools }}{% endif %}" + CHATML

FRAMEWORK_CASES = (
    Case("mlx_by_card", {**text_model(PLAIN), "model.safetensors": safetensors()}, name="private-org/by-card"),
    Case(
        "mlx_by_library_name",
        {**text_model(PLAIN), "model.safetensors": safetensors(), "README.md": readme(tags=("llama",), library="mlx")},
        name="private-org/by-library",
    ),
    Case(
        "mlx_by_quantization",
        {**text_model(card=False), "model.safetensors": safetensors()},
        name="private-org/by-config",
    ),
    Case("mlx_by_weights_unquantised", text_model(PLAIN, card=False), name="private-org/by-weights"),
    Case("mlx_unquantised_workspace", text_model(PLAIN, card=False), place=Place.WORKSPACE),
    Case(
        "card_with_inline_list",
        {**text_model(PLAIN), "model.safetensors": safetensors(), "README.md": "---\ntags: [a, mlx]\n---\n"},
        name="private-org/inline-tags",
    ),
    Case(
        "card_with_merge_bomb",
        {
            **text_model(PLAIN),
            "model.safetensors": safetensors(),
            "README.md": "---\ntags: &a [x]\n<<: *a\nlibrary_name: mlx\n---\n",
        },
        name="private-org/merge-keys",
    ),
    Case(
        "card_bad_yaml",
        {
            **text_model(PLAIN),
            "model.safetensors": safetensors(),
            "README.md": "---\ntags: [mlx\nlibrary_name: }\n---\n",
        },
        name="private-org/bad-card",
        framework="PyTorch",
        why_not="Incompatible framework: PyTorch",
        findings="no valid YAML",
    ),
    Case(
        "pytorch_safetensors",
        {**text_model(PLAIN, card=False), "model.safetensors": safetensors(metadata={"format": "pt"})},
        name="someone/torch",
        framework="PyTorch",
        why_not="Incompatible framework: PyTorch",
    ),
    Case(
        "pytorch_bin",
        {**without(text_model(PLAIN, card=False), "model.safetensors"), "pytorch_model.bin": b"PK" + bytes(300)},
        name="someone/torch-bin",
        framework="PyTorch",
        why_not="Incompatible framework: PyTorch",
    ),
    Case(
        "gguf_only",
        {"config.json": PLAIN, "model-q4.gguf": gguf()},
        name="someone/llama-gguf",
        framework="GGUF",
        label="base",
        capabilities=BASE,
        why_not="Incompatible framework: GGUF",
    ),
    Case(
        "gguf_broken",
        {"config.json": PLAIN, "model-q4.gguf": b"GGML" + bytes(300)},
        name="someone/bad-gguf",
        framework="GGUF",
        label="base",
        capabilities=BASE,
        health="Damaged weight file header: model-q4.gguf",
        why_not="health",
    ),
    Case(
        "unknown_framework",
        {"config.json": PLAIN, "adapter.bin": bytes(300)},
        name="someone/odd",
        framework="Unknown",
        label="base",
        capabilities=BASE,
        why_not="Incompatible framework: Unknown",
    ),
    Case(
        "managed_workspace",
        {
            **text_model(PLAIN),
            ".mlxk_workspace.json": {
                "managed": True,
                "source_repo": "mlx-community/Origin",
                "content_hash": "sha256:" + "0" * 64,
            },
        },
        place=Place.WORKSPACE,
    ),
)

TEXT_CASES = (
    Case("base_model", text_model(template=None), label="base", capabilities=BASE),
    Case("chat_by_name", text_model(template=None), name="mlx-community/Llama-Instruct-4bit"),
    Case("chat_by_jinja_file", {**text_model(template=None), "chat_template.jinja": CHATML}),
    Case("chat_by_json_file", {**text_model(template=None), "chat_template.json": {"chat_template": CHATML}}),
    Case(
        "chat_by_tokenizer_json",
        {**text_model(template=None), "tokenizer.json": {"model": {}, "chat_template": CHATML}},
    ),
    Case("empty_template", text_model(template=""), label="base", capabilities=BASE),
    Case(
        "named_templates",
        {
            **text_model(),
            "tokenizer_config.json": {
                "chat_template": [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": CALLS}]
            },
        },
        capabilities=(*TEXT, "tools"),
    ),
    Case("tools", text_model(template=CALLS), capabilities=(*TEXT, "tools")),
    Case("reasoning", text_model(template=THINKS), capabilities=(*TEXT, "reasoning")),
    Case("remapped_type", text_model(llama_config(model_type="mistral"))),
    Case(
        "unknown_type",
        text_model(llama_config(model_type="notyet")),
        why_not="model_type 'notyet' not supported by mlx-lm",
    ),
    Case(
        "helper_module_is_no_type",
        text_model(llama_config(model_type="rope_utils")),
        why_not="model_type 'rope_utils' not supported by mlx-lm",
    ),
    Case("no_model_type", text_model(llama_config(model_type=None)), why_not="config.json missing model_type field"),
    Case(
        "legacy_weights",
        {**without(text_model(), "model.safetensors"), "weights.00.safetensors": mlx_safetensors()},
        why_not="Legacy format not supported by mlx-lm",
    ),
    Case(
        "legacy_npz",
        {**without(text_model(), "model.safetensors"), "weights.npz": b"PK\x03\x04" + bytes(300)},
        name="someone/early-mlx",
        why_not="Legacy format not supported by mlx-lm",
    ),
    Case(
        "own_code",
        text_model(llama_config(model_file="model.py")),
        why_not="config.json asks to run the model's own code (model_file), which mlxk never does",
    ),
    Case(
        "context_in_text_config",
        text_model(llama_config(max_position_embeddings=None, text_config={"max_position_embeddings": 777})),
        context_length=777,
    ),
)
