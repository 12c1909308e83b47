"""What a conversion is asked to do, whether it may, and what it will take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.catalog.backend import Backend
from domain.catalog.manifest import ModelManifest, section
from domain.errors import InvalidRequest, ModelNotRunnable, UnsupportedMultimodal
from domain.workspace.shard_index import Tensor

BITS = (2, 3, 4, 6, 8)
AFFINE_GROUPS = (32, 64, 128)
DEFAULT_GROUP_SIZE = 64
DEFAULT_BITS = 4
# bits and group size that each of MLX's other quantisation modes fixes
FIXED_MODES = {"mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}
AFFINE = "affine"
DTYPES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}
VERIFIED_VISION = (
    "gemma3", "gemma4", "idefics2", "idefics3", "llava", "mimo", "mistral3", "mllama", "pixtral", "qwen2_vl",
)  # fmt: skip
SPEECH_TYPES = ("whisper", "vibevoice", "voxtral")


class ConvertMode(StrEnum):
    """The `mode` field of sentinel and JSON. TOKENIZER is the doctor's: only tokenizer.json is made."""

    REPAIR_INDEX = "repair-index"
    QUANTIZE = "quantize"
    DEQUANTIZE = "dequantize"
    CAST = "cast"
    TOKENIZER = "tokenizer"


@dataclass(frozen=True, slots=True)
class Quantization:
    """recipe: a named mix of low and high bits by layer; then bits are the low ones."""

    bits: int
    group_size: int
    mode: str = AFFINE
    recipe: str | None = None


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """dtype: of what stays unquantised; None keeps what config.json says."""

    mode: ConvertMode
    quantization: Quantization | None = None
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class ConversionWish:
    """The options as somebody gave them; None and False are "not given"."""

    repair_index: bool = False
    bits: int | None = None
    group_size: int | None = None
    q_mode: str | None = None
    recipe: str | None = None
    dequantize: bool = False
    dtype: str | None = None

    def plan(self, recipes: Sequence[str]) -> ConversionPlan:
        """recipes: those the installed library offers. Raises InvalidRequest for options that do not go together."""
        quantize = self.bits is not None or self.recipe is not None or self.q_mode is not None
        wished = [
            name
            for name, given in (
                ("--repair-index", self.repair_index), ("--quantize", quantize), ("--dequantize", self.dequantize),
            )
            if given
        ]  # fmt: skip
        if len(wished) > 1:
            raise _refused(f"{' and '.join(wished)} do not go together", "choose one of them")
        if self.dtype is not None and self.dtype not in DTYPES:
            raise _refused(f"--dtype {self.dtype} is unknown", f"choose one of {', '.join(DTYPES)}")
        if self.repair_index and self.dtype:
            raise _refused("--repair-index changes no weights, so --dtype means nothing", "leave one of them out")
        if self.group_size is not None and not quantize:
            raise _refused("--q-group-size needs --quantize", "say how many bits: --quantize 4")
        if self.repair_index:
            return ConversionPlan(ConvertMode.REPAIR_INDEX)
        if quantize:
            return ConversionPlan(ConvertMode.QUANTIZE, self._quantization(recipes), self.dtype)
        if self.dequantize:
            return ConversionPlan(ConvertMode.DEQUANTIZE, None, self.dtype)
        return ConversionPlan(ConvertMode.CAST, None, self.dtype)

    def _quantization(self, recipes: Sequence[str]) -> Quantization:
        mode = self.q_mode or AFFINE
        if mode in FIXED_MODES:
            bits, group = FIXED_MODES[mode]
            if self.recipe or self.bits not in (None, bits) or self.group_size not in (None, group):
                raise _refused(f"--q-mode {mode} means {bits} bits in groups of {group}", "leave the other options out")
            return Quantization(bits, group, mode)
        if mode != AFFINE:
            raise _refused(f"--q-mode {mode} is unknown", f"choose one of {', '.join((AFFINE, *FIXED_MODES))}")
        group = DEFAULT_GROUP_SIZE if self.group_size is None else self.group_size
        if group not in AFFINE_GROUPS:
            raise _refused(f"--q-group-size {group} is not possible", f"choose one of {_listed(AFFINE_GROUPS)}")
        if self.recipe is not None:
            return self._mixed(recipes, group)
        bits = DEFAULT_BITS if self.bits is None else self.bits
        if bits not in BITS:
            raise _refused(f"--quantize {bits} is not possible", f"choose one of {_listed(BITS)}")
        return Quantization(bits, group)

    def _mixed(self, recipes: Sequence[str], group: int) -> Quantization:
        recipe = self.recipe or ""
        if recipe not in recipes:
            raise _refused(f"there is no recipe {recipe!r}", f"the installed mlx-lm offers {', '.join(recipes)}")
        low = int(recipe.split("_")[1])
        if self.bits not in (None, low):
            raise _refused(f"--q-recipe {recipe} already says how many bits", "leave --quantize out")
        return Quantization(low, group, AFFINE, recipe)


def library_for(manifest: ModelManifest, operation: str) -> Backend:
    """The library that converts this model. Raises ModelNotRunnable for speech models, UnsupportedMultimodal for models
    with other senses than the verified types have.
    """
    config, kind = manifest.config, manifest.model_type
    if kind in VERIFIED_VISION:
        return Backend.MLX_VLM
    if kind in SPEECH_TYPES:
        raise ModelNotRunnable(
            f"{kind} models cannot be converted: MLX's tools have no {operation} for speech",
            hint="look for a converted one: `mlxk search`",
            param="source",
        )
    senses = [key for key in ("vision_config", "audio_config") if section(config, key)]
    if senses:
        raise UnsupportedMultimodal(
            f"{operation} is not verified for models of type {kind!r} with {' and '.join(senses)}",
            hint=f"verified are {', '.join(VERIFIED_VISION)}; see docs/workspaces.md",
            param="source",
            detail={"model_type": kind, "operation": operation, "verified_types": list(VERIFIED_VISION)},
        )
    return Backend.MLX_LM


def present_bits(config: Mapping[str, object]) -> int | None:
    """How many bits a quantised model has now; None when it is not quantised."""
    bits = (section(config, "quantization") or section(config, "quantization_config")).get("bits")
    return bits if isinstance(bits, int) else None


@dataclass(frozen=True, slots=True)
class Forecast:
    """disk_bytes: of the result's weights. memory_bytes: what the converting process will hold at its height."""

    disk_bytes: int
    memory_bytes: int


def forecast(tensors: Mapping[str, Tensor], plan: ConversionPlan, config: Mapping[str, object]) -> Forecast:
    """From the shapes alone; within a few percent for models of plain matrices."""
    quantized = section(config, "quantization")
    total, largest = 0, 0
    for name, tensor in tensors.items():
        size = _size_after(name, tensor, tensors, plan, quantized)
        total += size
        largest = max(largest, size, tensor.size_bytes)
    return Forecast(disk_bytes=total, memory_bytes=total + 2 * largest)


def _size_after(
    name: str, tensor: Tensor, tensors: Mapping[str, Tensor], plan: ConversionPlan, quantized: Mapping[str, object]
) -> int:
    wide = _BYTES.get(DTYPES.get(plan.dtype or "", tensor.dtype), 2)
    if plan.mode is ConvertMode.REPAIR_INDEX:
        return tensor.size_bytes
    stem, _, part = name.rpartition(".")
    if plan.mode is ConvertMode.DEQUANTIZE and f"{stem}.scales" in tensors:
        if part in ("scales", "biases"):
            return 0
        bits = quantized.get("bits")
        return tensor.elements * 32 // (bits if isinstance(bits, int) and bits else DEFAULT_BITS) * 2
    asked = plan.quantization
    if asked and part == "weight" and _quantizable(tensor, asked.group_size):
        groups = tensor.elements // asked.group_size
        beside = groups * (2 * wide if asked.mode == AFFINE else 1)
        return tensor.elements * asked.bits // 8 + beside
    return tensor.elements * wide if tensor.floating else tensor.size_bytes


def _quantizable(tensor: Tensor, group_size: int) -> bool:
    return tensor.floating and len(tensor.shape) >= 2 and not tensor.shape[-1] % group_size


_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 4}


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _refused(problem: str, hint: str) -> InvalidRequest:
    return InvalidRequest(problem, hint=hint)
