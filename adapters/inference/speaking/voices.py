"""Which voices a loaded model has, by the places where mlx-audio's families keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

READ_AS = ".safetensors"  # voices that are pickles (.pt) are none


def voices_of(model: Any, family: str, folder: Path) -> tuple[str, ...]:
    """Names, sorted where the model has no order of its own; () for a model with one voice, or none to choose."""
    return tuple(dict.fromkeys(str(name) for name in _PLACES.get(family, _none)(model, folder)))


def _none(_model: Any, _folder: Path) -> Iterable[str]:
    return ()


def _files(*places: str) -> Callable[[Any, Path], Iterable[str]]:
    def names(_model: Any, folder: Path) -> Iterable[str]:
        return (path.stem for place in places for path in sorted((folder / place).glob(f"*{READ_AS}")))

    return names


def _pocket(model: Any, folder: Path) -> Iterable[str]:
    if (folder / f"default-voice{READ_AS}").is_file():
        yield "default"
    yield from (name.lower() for name in _files("voices", "embeddings")(model, folder))


def _kitten(model: Any, _folder: Path) -> Iterable[str]:
    return sorted({*model.voices, *model.voice_aliases})


def _qwen3(model: Any, _folder: Path) -> Iterable[str]:
    return model.get_supported_speakers() or ()


def _melo(model: Any, _folder: Path) -> Iterable[str]:
    known = getattr(model.config, "spk2id", None)
    return sorted(known) if isinstance(known, Mapping) else ()


def _rumik(model: Any, _folder: Path) -> Iterable[str]:
    return getattr(model.config, "speakers", None) or ()


_PLACES: Mapping[str, Callable[[Any, Path], Iterable[str]]] = {
    "kokoro": _files("voices"),
    "vibevoice": _files("voices"),
    "voxtral_tts": _files("voice_embedding"),
    "pocket_tts": _pocket,
    "kitten_tts": _kitten,
    "qwen3_tts": _qwen3,
    "melotts": _melo,
    "rumik_oss": _rumik,
}
