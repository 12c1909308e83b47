"""From a model's folder to what speaks."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import huggingface_hub
import mlx.core as mx
import mlx_audio.utils
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from mlx_audio.registry import model_type_from_config
from mlx_audio.tts.utils import MODEL_REMAPPING, load_model

from adapters.inference.speaking.codec import SpeechCodec
from adapters.inference.speaking.confining import Confined, confined
from adapters.inference.speaking.engine import SpeakingEngine
from adapters.inference.speaking.speaker import speaker_of
from adapters.inference.vision.sealing import replaced, sealed
from domain.catalog import LocatedModel
from domain.errors import DependencyMissing, ModelNotRunnable
from domain.inference.context_length import context_length
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel
from ports.sound_engine import LoadedSound

UNKNOWN = "not supported for tts"
# Packages that families ask for when they speak for the first time, to write a text as sounds.
SPELLERS: Mapping[str, tuple[str, ...]] = {
    "kokoro": ("misaki", "spacy", "en_core_web_sm"),
    "kitten_tts": ("phonemizer",),
    "melotts": ("g2p_en",),
}
PACKAGES = {"phonemizer": "phonemizer-fork"}


class _Elsewhere(Exception):
    """A family wants files of another repository, and they are not on this machine."""


def load_voice(model: LocatedModel, _options: LoadOptions) -> LoadedSound:
    """Raises ModelNotRunnable for a family that is not known or lacks files, DependencyMissing for a package that is
    not installed, ValueError and what the libraries raise for files that make no sense.
    """
    folder = Path(model.path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError("config.json holds no object")
    kind = str(model_type_from_config(config) or "").lower()
    family = MODEL_REMAPPING.get(kind, kind)
    _require_packages(model.name, family)
    with _translated(model.name, kind), _quiet():
        network = load_model(folder, model_name_parts=[], model_type=family)
        speaker = speaker_of(network, family, folder, model.name)
    gc.collect()
    gc.freeze()  # the model is no garbage either
    device = "cpu" if mx.default_device() == mx.cpu else "gpu"
    facts = LoadedModel(model.name, context_length(config), os.getpid(), mx.get_active_memory(), device)
    return LoadedSound(SpeakingEngine(speaker), SpeechCodec(speaker), facts)


def _require_packages(name: str, family: str) -> None:
    missing = [package for package in SPELLERS.get(family, ()) if find_spec(package) is None]
    if missing:
        wanted = " ".join(PACKAGES.get(package, package) for package in missing)
        raise DependencyMissing(
            f"{name} ({family}) cannot write words as sounds without {', '.join(missing)}",
            hint=f"install {wanted} beside mlxk, or take a model that reads text itself, such as Soprano or Qwen3-TTS",
        )


@contextmanager
def _translated(name: str, kind: str) -> Iterator[None]:
    try:
        yield
    except ImportError as fault:
        raise DependencyMissing(
            f"{name} ({kind}) needs the package {fault.name or 'of the library'}, which is not installed",
            hint=str(fault.__cause__ or fault).strip().splitlines()[0],
        ) from fault
    except (_Elsewhere, Confined) as fault:
        raise ModelNotRunnable(f"{name} ({kind}) cannot be loaded from its own folder: {fault}") from fault
    except ValueError as fault:
        if UNKNOWN in str(fault):
            raise ModelNotRunnable(f"{name} is of the family {kind!r}, which mlx-audio does not know") from fault
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """No code from the folder, no network, no pickles, and no guess at the family from the folder's name. Other
    repositories are read where they have been pulled; a family keeps the functions that it meets here.
    """
    with ExitStack() as stack:
        stack.enter_context(sealed())
        stack.enter_context(confined())
        for name in ("snapshot_download", "hf_hub_download"):
            plain = getattr(huggingface_hub, name)  # made when it is asked for
            setattr(huggingface_hub, name, plain)
            careful = _local(plain)
            for owner in (huggingface_hub, *_of_mlx_audio()):
                if vars(owner).get(name) is plain:
                    stack.enter_context(replaced(owner, name, careful))
        stack.enter_context(replaced(mlx_audio.utils, "load_weights", _tensors))
        yield


def _of_mlx_audio() -> list[ModuleType]:
    """Its modules that are imported already; later ones take what they find in huggingface_hub."""
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "mlx_audio"]


def _local(fetch: Callable[..., Any]) -> Callable[..., Any]:
    def fetch_local(*arguments: Any, **options: Any) -> Any:
        repository = options.get("repo_id") or (arguments[0] if arguments else "another repository")
        try:
            return fetch(*arguments, **{**options, "local_files_only": True, "force_download": False})
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, Confined) as fault:
            raise _Elsewhere(f"it needs files of {repository}; `mlxk pull {repository}` brings them") from fault

    return fetch_local


def _tensors(folder: Path) -> dict[str, mx.array]:
    """Of all safetensors files in the folder itself: some families have several, and no index that names them all."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".safetensors")
    if not paths:
        raise ValueError("its weights cannot be read: there is no *.safetensors in its folder")
    tensors: dict[str, mx.array] = {}
    for path in paths:
        found = mx.load(str(path), format="safetensors")
        if not isinstance(found, dict):
            raise TypeError(f"{path.name} holds no tensors by name")
        tensors.update(found)
    return tensors
