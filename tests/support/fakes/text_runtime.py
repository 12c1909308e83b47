"""A runtime that loads nothing and answers from a script."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.catalog import LocatedModel
from domain.errors import MlxkError, ModelLoadFailed
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel
from ports.text_runtime import LoadedText
from tests.support.fakes.codec import ByteCodec
from tests.support.fakes.engine import ScriptedEngine, says


@dataclass
class ScriptedRuntime:
    """TextRuntime around a scripted engine.

    Knobs: missing (a library is: what `warm` and `load` raise), refused (model names and what `load` raises for them).
    What happened: threads (that called in).
    """

    missing: ModelLoadFailed | None = None
    engine: ScriptedEngine = field(default_factory=lambda: ScriptedEngine(says("well met")))
    refused: Mapping[str, MlxkError] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def warm(self) -> None:
        self.threads.append(threading.current_thread())
        if self.missing is not None:
            raise self.missing

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedText:
        self.warm()
        if model.name in self.refused:
            raise self.refused[model.name]
        codec = ByteCodec()
        return LoadedText(self.engine, codec, LoadedModel(model.name, codec.context_length, os.getpid(), 1))
