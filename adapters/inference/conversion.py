"""Conversions by mlx-lm and mlx-vlm: load lazily, change, save shard by shard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.inference.vision_conversion import VisionConversion
from domain.catalog.backend import Backend
from domain.errors import InvalidRequest, MlxkError, ModelLoadFailed
from domain.workspace.conversion import ConversionPlan, ConvertMode, Quantization
from domain.workspace.disk_faults import disk_error
from domain.workspace.progress import OnWork, Stage, WorkProgress
from ports.converter import ConversionJob

QUANTIZATION_KEYS = ("quantization", "quantization_config")


def convert_model(job: ConversionJob, progress: OnWork) -> None:
    """The work of ports.converter.Converter, in the process that calls it. Raises its errors but for EngineDied."""
    library = VisionConversion() if job.library is Backend.MLX_VLM else TextConversion()
    source, target = Path(job.source), Path(job.target)
    if job.plan.mode is ConvertMode.TOKENIZER:
        with _faults(job, ModelLoadFailed):
            _derive_tokenizer(source, target)
        return
    progress(WorkProgress(Stage.LOADING))
    with _faults(job, ModelLoadFailed):
        model, config = library.load(source)
    progress(WorkProgress(Stage.CONVERTING))
    with _faults(job, InvalidRequest):
        model, config = _changed(library, model, config, job.plan)
    progress(WorkProgress(Stage.SAVING))
    with _faults(job, ModelLoadFailed):
        library.save(target, model)
        _write_config(target / "config.json", config)
        if not (target / "tokenizer.json").exists() and not (source / "tokenizer.json").exists():
            _derive_tokenizer(source, target)


class TextConversion:
    """mlx-lm's own steps. No remote code is ever run."""

    def load(self, source: Path) -> tuple[Any, dict[str, Any]]:
        from mlx_lm.utils import load_model

        model, config = load_model(source, lazy=True, trust_remote_code=False)
        return model, config

    def quantize(self, model: Any, config: dict[str, Any], asked: Quantization) -> tuple[Any, dict[str, Any]]:
        from mlx_lm.convert import mixed_quant_predicate_builder
        from mlx_lm.utils import quantize_model

        predicate = None
        if asked.recipe is not None:
            predicate = mixed_quant_predicate_builder(asked.recipe, model, asked.group_size)
        model, config = quantize_model(
            model, config, asked.group_size, asked.bits, mode=asked.mode, quant_predicate=predicate
        )
        return model, config

    def dequantize(self, model: Any) -> Any:
        from mlx_lm.utils import dequantize_model

        return dequantize_model(model)

    def save(self, target: Path, model: Any) -> None:
        from mlx_lm.utils import save_model

        save_model(target, model, donate_model=True)


Library = TextConversion | VisionConversion


def _changed(library: Library, model: Any, config: dict[str, Any], plan: ConversionPlan) -> tuple[Any, dict[str, Any]]:
    if plan.mode is ConvertMode.DEQUANTIZE:
        model = library.dequantize(model)
        config = {key: value for key, value in config.items() if key not in QUANTIZATION_KEYS}
    dtype = plan.dtype or _stated_dtype(config)
    if dtype is not None:
        _cast(model, dtype)
        for key in ("torch_dtype", "dtype"):
            if key in config:
                config[key] = dtype
    if plan.quantization is not None:
        if any(key in config for key in QUANTIZATION_KEYS):
            # From few bits to others: through the numbers that the old bits stand for.
            model = library.dequantize(model)
            config = {key: value for key, value in config.items() if key not in QUANTIZATION_KEYS}
        model, config = library.quantize(model, config, plan.quantization)
    return model, config


def _stated_dtype(config: dict[str, Any]) -> str | None:
    inner = config.get("text_config") if isinstance(config.get("text_config"), dict) else {}
    for place in (config, inner or {}):
        for key in ("torch_dtype", "dtype"):
            if place.get(key) in ("float16", "bfloat16", "float32"):
                return str(place[key])
    return None


def _cast(model: Any, name: str) -> None:
    import mlx.core as mx
    from mlx.utils import tree_map_with_path

    dtype = getattr(mx, name)
    wanted: Callable[[str], bool] = getattr(model, "cast_predicate", lambda _: True)

    def cast(path: str, value: Any) -> Any:
        return value.astype(dtype) if wanted(path) and mx.issubdtype(value.dtype, mx.floating) else value

    model.update(tree_map_with_path(cast, model.parameters()))


def _write_config(path: Path, config: dict[str, Any]) -> None:
    if "quantization" in config:
        config["quantization_config"] = config["quantization"]
    config.pop("_name_or_path", None)
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(dict(sorted(config.items())), indent=4) + "\n", encoding="utf-8")


def _derive_tokenizer(source: Path, target: Path) -> None:
    """A fast tokenizer's file from the older ones, which mlx-lm's users and our checks want."""
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True).save_pretrained(target)


@contextmanager
def _faults(job: ConversionJob, meaning: type[MlxkError]) -> Iterator[None]:
    """What a library raises, as `meaning`; what the disk says, as that."""
    try:
        yield
    except MlxkError:
        raise
    except OSError as fault:
        if fault.errno is not None:
            raise disk_error(job.target, fault) from fault
        raise _meant(job, meaning, fault) from fault
    except Exception as fault:
        raise _meant(job, meaning, fault) from fault


def _meant(job: ConversionJob, meaning: type[MlxkError], fault: Exception) -> MlxkError:
    words = " ".join(str(fault).split())[:500] or type(fault).__name__
    return meaning(f"{job.library.value} cannot {job.plan.mode.value} {job.source}: {words}", param="source")
