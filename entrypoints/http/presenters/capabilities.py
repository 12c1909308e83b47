"""What this server can do, as JSON."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass

from application.serving.describe_server import ServerFacts
from domain.inference.choices import MAX_ANSWERS, MAX_CHOICES
from domain.inference.picture_limits import (
    MOST_PICTURE_BYTES,
    MOST_PICTURES,
    MOST_PIXELS,
    MOST_SIDE,
    MOST_TOGETHER_BYTES,
)
from domain.inference.prompt_options import REASONING_EFFORTS
from domain.inference.request import MAX_STOP_STRINGS, MAX_TOP_LOGPROBS
from domain.inference.sampling import MAX_BIASES
from domain.inference.sound_limits import MOST_SOUND_BYTES
from domain.inference.tools import MAX_TOOLS, ToolMode
from domain.json_depth import MOST_LEVELS
from domain.serving.load_options import KV_BITS
from entrypoints.http.limits import HttpLimits
from entrypoints.http.schemas.data_urls import PICTURE_TYPES, VIDEO_TYPES
from entrypoints.http.schemas.embedding import MOST_INPUTS
from entrypoints.http.schemas.output_form import FORMATS
from entrypoints.http.schemas.parameters import BODIES, Body
from entrypoints.http.schemas.rerank import MOST_DOCUMENTS
from entrypoints.http.schemas.transcription import ResponseFormat
from mlxk import __version__

LIBRARIES = ("mlxk", "mlx", "mlx-lm", "mlx-vlm", "mlx-audio")


@dataclass(frozen=True, slots=True)
class Offer:
    """keyed: a key is demanded. share: models can be pulled from here. routes: (path, methods) of all there are."""

    keyed: bool
    share: bool
    routes: tuple[tuple[str, tuple[str, ...]], ...]


def present_capabilities(facts: ServerFacts, limits: HttpLimits, offer: Offer) -> dict[str, object]:
    """versions: null for what is not installed. memory: null where the system does not tell."""
    return {
        "object": "mlxk.capabilities",
        "version": __version__,
        "versions": {name: facts.environment.get(name) for name in LIBRARIES},
        "platform": _platform(facts),
        "memory": _memory(facts),
        "ffmpeg": facts.ffmpeg,
        "authentication": {"required": offer.keyed, "schemes": ["bearer", "x-api-key"]},
        "limits": _limits(limits),
        "features": _features(facts, offer),
        "aliases": facts.aliases,
        "endpoints": [{"path": path, "methods": list(methods)} for path, methods in offer.routes],
        "parameters": _parameters(BODIES),
    }


def _platform(facts: ServerFacts) -> dict[str, object]:
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": int(facts.environment.get("processors", "0")),
        "python": platform.python_version(),
    }


def _memory(facts: ServerFacts) -> dict[str, int] | None:
    """one_model_bytes: what one model may hold now; all_models_bytes: what all of them together may take."""
    memory = facts.memory
    if memory is None:
        return None
    return {
        "total_bytes": memory.total_bytes,
        "one_model_bytes": memory.device_limit_bytes,
        "all_models_bytes": facts.models_bytes,
    }


def _limits(limits: HttpLimits) -> dict[str, float | None]:
    """Bytes, seconds and counts; default_max_tokens null: half the model's context."""
    return {
        "threads": limits.threads,
        "open_answers": limits.open_answers,
        "connections": limits.connections,
        "body_bytes": limits.chat_body_bytes,
        "request_line_bytes": limits.request_line_bytes,
        "header_fields": limits.header_fields,
        "header_bytes": limits.header_bytes,
        "request_seconds": limits.request_seconds,
        "request_pause_seconds": limits.silence_seconds,
        "unread_answer_seconds": limits.send_seconds,
        "keep_alive_comment_seconds": limits.heartbeat_seconds,
        "default_max_tokens": limits.default_max_tokens,
        "picture_body_bytes": limits.picture_body_bytes,
        "pictures": MOST_PICTURES,
        "picture_bytes": MOST_PICTURE_BYTES,
        "pictures_bytes": MOST_TOGETHER_BYTES,
        "picture_pixels": MOST_PIXELS,
        "picture_side_pixels": MOST_SIDE,
        "sound_bytes": MOST_SOUND_BYTES,
        "json_levels": MOST_LEVELS,
        "n": MAX_ANSWERS,
        "choices": MAX_CHOICES,
        "stop_strings": MAX_STOP_STRINGS,
        "top_logprobs": MAX_TOP_LOGPROBS,
        "logit_biases": MAX_BIASES,
        "tools": MAX_TOOLS,
        "embedding_inputs": MOST_INPUTS,
        "rerank_documents": MOST_DOCUMENTS,
    }


def _features(facts: ServerFacts, offer: Offer) -> dict[str, object]:
    """What is there for models that can do it; what each can stands in its own `capabilities`."""
    remembered = facts.prompt_cache
    return {
        "streaming": True,
        "tools": [str(each) for each in ToolMode],
        "structured_output": [form for form in FORMATS if form != "text"],
        "reasoning_effort": list(REASONING_EFFORTS),
        "logprobs": True,
        "pictures": list(PICTURE_TYPES),
        "videos": list(VIDEO_TYPES),
        "transcription": [str(each) for each in ResponseFormat],
        "prompt_cache": {"ram_bytes": remembered.ram_bytes, "disk_bytes": remembered.disk_bytes},
        "drafts": ["model", "ngram"],
        "kv_bits": list(KV_BITS),
        "share": offer.share,
    }


def _parameters(bodies: Iterable[Body]) -> dict[str, dict[str, object]]:
    """By route; `refused` with the values that are taken all the same, because they ask for nothing."""
    return {
        route: {
            "honoured": list(body.honoured()),
            "refused": {name: list(values) for name, values in body.refused_paths().items()},
            "without_effect": list(body.without_effect),
        }
        for body in bodies
        for route in body.routes
    }
