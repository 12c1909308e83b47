"""LibraryInspector over the packages that this interpreter would import."""

from __future__ import annotations

import os
import sys
import threading
from hashlib import blake2b
from importlib.machinery import PathFinder
from pathlib import Path

from adapters.runtime_support.source_tables import demanded_packages, offers, read_constant, read_source
from domain.catalog.libraries import InstalledLibraries, TypeTable

_LIBRARIES = ("mlx_lm", "mlx_vlm", "mlx_audio")
# What decides an answer: the folders of model modules and the files that hold the tables of names.
_DECISIVE = {
    "mlx_lm": ("models", "utils.py"),
    "mlx_vlm": ("models", "utils.py", "embedding_loader.py"),
    "mlx_audio": ("stt/models", "stt/utils.py", "tts/models", "tts/utils.py"),
}
_TEXT_EMBEDDERS = frozenset({"bert", "modernbert", "xlm_roberta", "llama_bidirec"})
_EMBEDDER, _SEES = "_embedding", "_vl_"
_NO_TOWER = frozenset({"gemma4_unified"})  # it takes sounds without a network of their own
_CLASSIFIER = "SequenceClassificationModel"


class InstalledLibraryInspector:
    """Thread-safe; looks once and remembers. search_path: where packages lie; None means sys.path."""

    def __init__(self, search_path: list[str] | None = None) -> None:
        self._search_path = search_path
        self._guard = threading.Lock()
        self._folders: dict[str, Path] | None = None
        self._installed: InstalledLibraries | None = None

    def fingerprint(self) -> str:
        facts: list[str] = []
        for library, folder in self._locate().items():
            for part in _DECISIVE[library]:
                path = folder / part
                try:
                    found = path.stat()
                except OSError:
                    continue
                facts.append(f"{path} {found.st_size} {found.st_mtime_ns}")
        return blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()

    def installed(self) -> InstalledLibraries:
        folders = self._locate()
        with self._guard:
            if self._installed is None:
                self._installed = _look(folders)
            return self._installed

    def _locate(self) -> dict[str, Path]:
        with self._guard:
            if self._folders is None:
                specs = {name: PathFinder.find_spec(name, self._search_path) for name in _LIBRARIES}
                self._folders = {
                    name: Path(spec.origin).parent for name, spec in specs.items() if spec is not None and spec.origin
                }
            return self._folders


def _look(folders: dict[str, Path]) -> InstalledLibraries:
    text, vision, audio = folders.get("mlx_lm"), folders.get("mlx_vlm"), folders.get("mlx_audio")
    vision_families = _families(vision / "models") if vision else frozenset()
    return InstalledLibraries(
        text=_text_table(text) if text else None,
        vision=_vision_table(vision, vision_families) if vision else None,
        hearing=_vision_table(vision, _listeners(vision / "models", vision_families)) if vision else None,
        embedders=_embedder_table(vision, vision_families) if vision else None,
        rerankers=_reranker_table(vision, vision_families) if vision else None,
        speech_to_text=_audio_table(audio / "stt") if audio else None,
        text_to_speech=_audio_table(audio / "tts") if audio else None,
    )


def _text_table(folder: Path) -> TypeTable:
    models = folder / "models"
    modules = [name.removesuffix(".py") for name in _names_in(models) if name.endswith(".py")]
    by_architecture = read_constant(folder / "utils.py", "MODEL_ARCHITECTURE_REMAPPING")
    return TypeTable(
        modules=frozenset(name for name in modules if _loadable(read_source(models / f"{name}.py"))),
        renamed=_names(read_constant(folder / "utils.py", "MODEL_REMAPPING")),
        by_architecture={
            key: value
            for key, value in (by_architecture if isinstance(by_architecture, dict) else {}).items()
            if isinstance(key, tuple) and isinstance(value, str)
        },
    )


def _loadable(source: str) -> bool:
    """A module with a model class whose packages are all here; the library's own were found already."""
    if not offers(source, "Model"):
        return False
    foreign = demanded_packages(source) - sys.stdlib_module_names - {"mlx", *_LIBRARIES}
    return all(PathFinder.find_spec(name) is not None for name in foreign)


def _vision_table(folder: Path, families: frozenset[str]) -> TypeTable:
    return TypeTable(
        modules=families,
        renamed=_names(read_constant(folder / "utils.py", "MODEL_REMAPPING")),
        folds_case=True,
    )


def _listeners(folder: Path, families: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in families if name in _NO_TOWER or (folder / name / "audio.py").is_file())


def _embedder_table(folder: Path, families: frozenset[str]) -> TypeTable:
    """mlx-vlm's embedding loader renames decoders to their embedding module before the ordinary look-up."""
    renamed = _names(read_constant(folder / "embedding_loader.py", "EMBEDDING_MODEL_REMAPPING"))
    embedders = {
        name for name in families if name in _TEXT_EMBEDDERS or (name.endswith(_EMBEDDER) and _SEES not in name)
    }
    return TypeTable(
        modules=frozenset(embedders | (set(renamed.values()) & families)), renamed=renamed, folds_case=True
    )


def _reranker_table(folder: Path, families: frozenset[str]) -> TypeTable:
    renamed = _names(read_constant(folder / "embedding_loader.py", "EMBEDDING_MODEL_REMAPPING"))
    classifiers = {
        name for name in families if offers(read_source(folder / "models" / name / "__init__.py"), _CLASSIFIER)
    }
    return TypeTable(modules=frozenset(classifiers), renamed=renamed, folds_case=True)


def _audio_table(folder: Path) -> TypeTable:
    return TypeTable(
        modules=_families(folder / "models"), renamed=_names(read_constant(folder / "utils.py", "MODEL_REMAPPING"))
    )


def _families(folder: Path) -> frozenset[str]:
    """Packages whose __init__ offers a Model class."""
    return frozenset(
        name
        for name in _names_in(folder)
        if "." not in name and offers(read_source(folder / name / "__init__.py"), "Model")
    )


def _names_in(folder: Path) -> list[str]:
    """Public names only."""
    try:
        return [entry.name for entry in os.scandir(folder) if not entry.name.startswith("_")]
    except OSError:
        return []


def _names(table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        return {}
    return {key: value for key, value in table.items() if isinstance(key, str) and isinstance(value, str)}
