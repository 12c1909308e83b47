"""What is told of the server and its models."""

from __future__ import annotations

from application.serving.readiness import ServerState
from domain.serving.prompt_divergence import Divergence, Loss
from domain.serving.standing import ModelState
from entrypoints.http.openapi.json_shapes import (
    BOOLEAN,
    COUNT,
    INTEGER,
    NUMBER,
    STRING,
    STRINGS,
    Shape,
    array,
    component,
    constant,
    mapping,
    nullable,
    record,
)


def server_shapes() -> dict[str, Shape]:
    return {
        "Health": record({"status": constant("healthy"), "service": constant("mlxk"), "version": STRING}),
        "Readiness": record(
            {"ready": BOOLEAN, "state": constant(*(str(each) for each in ServerState)), "models": STRINGS},
            {"reason": STRING},
        ),
        "Model": _model(),
        "ModelList": record({"object": constant("list"), "data": array(component("Model"))}),
        "UnloadedModel": record({"object": constant("model.unloaded"), "id": STRING, "was_loaded": BOOLEAN}),
        "PromptExplanation": _explanation(),
        "Introduction": record(
            {
                "proof": nullable(STRING),
                "models": array(record({"name": STRING, "load": STRING, "need_bytes": nullable(COUNT)})),
                "requests": COUNT,
            }
        ),
        "Capabilities": _capabilities(),
    }


def _model() -> Shape:
    return record(
        {
            "id": STRING,
            "object": constant("model"),
            "created": {"type": "integer", "description": "When its files last changed, in Unix seconds."},
            "owned_by": constant("mlxk", "workspace", "mlxk-builtin"),
            "permission": {"type": "array", "maxItems": 0},
            "context_length": nullable(COUNT),
            "capabilities": STRINGS,
            "state": constant(*(str(each) for each in ModelState)),
            "size_bytes": COUNT,
            "loaded_bytes": nullable(COUNT),
            "pinned": BOOLEAN,
            "aliases": STRINGS,
        }
    )


def _explanation() -> Shape:
    side = nullable(record({"id": COUNT, "text": STRING, "following": STRING}))
    return record(
        {
            "object": constant("mlxk.prompt_explanation"),
            "model": STRING,
            "prompt_tokens": COUNT,
            "matched_tokens": COUNT,
            "reusable_tokens": COUNT,
            "kind": constant(*(str(each) for each in Divergence)),
            "loss": constant(*(str(each) for each in Loss)),
            "diverges_at": nullable(record({"index": COUNT, "prompt": side, "remembered": side})),
            "guard": record({"checks": COUNT, "differing": COUNT}),
            "message": STRING,
        }
    )


def _capabilities() -> Shape:
    memory = record({"total_bytes": COUNT, "one_model_bytes": COUNT, "all_models_bytes": COUNT})
    parameters = record({"honoured": STRINGS, "refused": mapping({"type": "array"}), "without_effect": STRINGS})
    return record(
        {
            "object": constant("mlxk.capabilities"),
            "version": STRING,
            "versions": mapping(nullable(STRING)),
            "platform": record({"system": STRING, "machine": STRING, "processors": COUNT, "python": STRING}),
            "memory": nullable(memory),
            "ffmpeg": BOOLEAN,
            "authentication": record({"required": BOOLEAN, "schemes": STRINGS}),
            "limits": mapping(nullable(NUMBER)),
            "features": mapping({}),
            "aliases": INTEGER,
            "endpoints": array(record({"path": STRING, "methods": STRINGS})),
            "parameters": mapping(parameters),
        },
        about="What this server can do, before anything is asked of it. What a model can do stands in GET /v1/models.",
    )
