"""Which model types the installed MLX libraries can load, as plain sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TypeTable:
    """One library's model types.

    modules: module names that hold a model class. renamed: model_type to module name, applied first. by_architecture:
    (model_type, architecture) to module name, applied before that. folds_case: the library lower-cases model_type.
    """

    modules: frozenset[str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    by_architecture: Mapping[tuple[str, str], str] = field(default_factory=dict)
    folds_case: bool = False

    def module_for(self, model_type: str, architectures: Sequence[str] = ()) -> str | None:
        """The module that would load this type; None when the library has none."""
        kind = model_type.lower() if self.folds_case else model_type
        for architecture in architectures:
            module = self.by_architecture.get((kind, architecture))
            if module is not None:
                return module if module in self.modules else None
        module = self.renamed.get(kind, kind)
        return module if module in self.modules else None


@dataclass(frozen=True, slots=True)
class InstalledLibraries:
    """What can run models here. A library that is not installed is None.

    hearing: of the types in `vision`, those that take sounds; None where that is not told. speech_to_text,
    text_to_speech: mlx-audio. embedders, rerankers: mlx-vlm's, of text; rerankers are classifiers.
    """

    text: TypeTable | None = None
    vision: TypeTable | None = None
    hearing: TypeTable | None = None
    embedders: TypeTable | None = None
    rerankers: TypeTable | None = None
    speech_to_text: TypeTable | None = None
    text_to_speech: TypeTable | None = None
