"""What sentence-transformers wrote beside a model: modules.json and what it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from domain.errors import ModelNotRunnable
from domain.inference.vector_habits import Pooling, Prompts, pooling_of, stated_prompts
from domain.numbers import whole_number

MODULES, SETTINGS = "modules.json", "config_sentence_transformers.json"
LENGTHS = ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json")
ENDLESS = 1_000_000  # what a tokenizer calls its longest text when it has none
IDENTITY = "Identity"
ACTIVATIONS = (IDENTITY, "Tanh", "ReLU", "GELU", "Sigmoid")


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """folder: absolute. activation: one of ACTIVATIONS."""

    folder: Path
    activation: str


@dataclass(frozen=True, slots=True)
class SentenceFiles:
    """pooling, prompts: None where nothing is said. told: modules.json is there, and says whether `normalises`.
    pools_prompt: what goes before a text counts in its vector. max_tokens: the longest text, special tokens included.
    lowers: texts are read in small letters.
    """

    pooling: tuple[Pooling, ...] | None = None
    pools_prompt: bool = True
    dense: tuple[DenseLayer, ...] = ()
    told: bool = False
    normalises: bool = True
    prompts: Prompts | None = None
    max_tokens: int | None = None
    lowers: bool = False
    truncate_dimensions: int | None = None
    matryoshka: tuple[int, ...] = ()


def read_sentence_files(folder: Path, name: str) -> SentenceFiles:
    """name: the model's. Raises ModelNotRunnable for layers that nobody here knows, ValueError for files that make no
    sense.
    """
    settings = _object(folder / SETTINGS)
    lengths: dict[str, object] = {}
    for file in LENGTHS:
        lengths.update(_object(folder / file))
    prompts = settings.get("prompts")
    texts = {str(key): str(value) for key, value in prompts.items()} if isinstance(prompts, Mapping) else {}
    pooling, pools_prompt, dense, normalises = _layers(folder, name)
    return SentenceFiles(
        pooling=pooling,
        pools_prompt=pools_prompt,
        dense=dense,
        told=(folder / MODULES).is_file(),
        normalises=normalises,
        prompts=stated_prompts(texts) if any(texts.values()) else None,
        max_tokens=whole_number(lengths.get("max_seq_length")),
        lowers=lengths.get("do_lower_case") is True,
        truncate_dimensions=whole_number(settings.get("truncate_dim")),
        matryoshka=numbers_in(settings.get("matryoshka_dimensions")),
    )


def numbers_in(value: object) -> tuple[int, ...]:
    values = value if isinstance(value, list) else []
    return tuple(sorted({each for each in values if whole_number(each) is not None and each > 0}))


def _layers(folder: Path, name: str) -> tuple[tuple[Pooling, ...] | None, bool, tuple[DenseLayer, ...], bool]:
    """Pooling, whether it counts prompts, dense layers, and whether the vector is normalised in the end."""
    listed = _list(folder / MODULES)
    if not listed:
        lone = folder / "1_Pooling"
        stated = (lone / "config.json").is_file()
        config = _object(lone / "config.json")
        return (pooling_of(config) if stated else None), config.get("include_prompt") is not False, (), True
    pooling, pools_prompt, normalises = None, True, False
    dense: list[DenseLayer] = []
    for module in sorted(listed, key=lambda each: whole_number(each.get("idx")) or 0):
        kind, place = str(module.get("type", "")).rpartition(".")[2], str(module.get("path", ""))
        match kind:
            case "Transformer":
                pass
            case "Pooling":
                config = _pooling_config(folder, place)
                pooling, pools_prompt = pooling_of(config), config.get("include_prompt") is not False
            case "Dense":
                dense.append(_dense(_inside(folder, place), name))
            case "Normalize":
                normalises = True
            case other:
                raise ModelNotRunnable(
                    f"{name} has a layer {other or 'without a type'} ({MODULES}), which mlxk does not know",
                    hint="take a model of Transformer, Pooling, Dense and Normalize",
                    param="model",
                )
    return pooling, pools_prompt, tuple(dense), normalises


def _pooling_config(folder: Path, place: str) -> dict[str, object]:
    """Raises ValueError where it is missing: a conversion that copied only the model's own folder leaves it behind."""
    path = _inside(folder, place) / "config.json"
    if not path.is_file():
        raise ValueError(f"{MODULES} names {place}/config.json, which says how it pools, and there is no such file")
    return _object(path)


def _dense(folder: Path, name: str) -> DenseLayer:
    activation = str(_object(folder / "config.json").get("activation_function") or IDENTITY).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise ModelNotRunnable(f"{name} has a dense layer with {activation}, which mlxk does not know", param="model")
    return DenseLayer(folder, activation)


def _inside(folder: Path, place: str) -> Path:
    """Raises ValueError for a place outside the folder."""
    path = PurePosixPath(place)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{MODULES} names a folder outside the model's: {place!r}")
    return folder / place


def _object(path: Path) -> dict[str, object]:
    """{} for a file that is not there. Raises ValueError for one that holds no object."""
    value = _json(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return value


def _list(path: Path) -> list[dict[str, object]]:
    value = _json(path)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"{path.name} holds no list of modules")
    return value


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
