"""What every TextRuntime does: the scripted one and the one on MLX."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest

from adapters.builtin_model import builtin_model_folder
from adapters.inference.text_runtime import MlxTextRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InvalidRequest, ModelLoadFailed
from domain.inference import GenerationRequest, Message, Role, Sampling
from domain.serving.load_options import LoadOptions
from ports.text_engine import EngineRow
from ports.text_runtime import LoadedText, TextRuntime
from tests.support.fakes.text_runtime import ScriptedRuntime
from tests.support.tiny_llama import TinyLlama


@dataclass(frozen=True)
class Case:
    """A runtime, a model it can load, one that is broken, and what can be wrong with the rest of the world.

    impossible: options that the good model cannot honour. without_library: from now on a library is missing.
    """

    runtime: TextRuntime
    model: LocatedModel
    broken: LocatedModel
    impossible: Callable[[], LoadOptions]
    without_library: Callable[[], None]


NO_ADAPTER = LoadOptions(adapter=PurePath("/nowhere"))


def located(name: str, folder: PurePath) -> LocatedModel:
    return LocatedModel(name, folder, ModelSource.WORKSPACE)


def scripted(_: Path, __: pytest.MonkeyPatch) -> Case:
    model, broken = located("org/good", PurePath("/nowhere")), located("org/broken", PurePath("/nowhere/else"))
    failure = ModelLoadFailed(f"cannot load {broken.name}: there is no config.json")
    runtime = ScriptedRuntime(refused={broken.name: failure})

    def impossible() -> LoadOptions:
        runtime.refused = {model.name: InvalidRequest(f"--adapter /nowhere does not fit {model.name}")}
        return NO_ADAPTER

    def without_library() -> None:
        runtime.missing = ModelLoadFailed("MLX cannot be imported")

    return Case(runtime, model, broken, impossible, without_library)


def mlx(model: LocatedModel, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    def without_library() -> None:
        monkeypatch.delitem(sys.modules, "adapters.inference.text_loading", raising=False)
        monkeypatch.setitem(sys.modules, "mlx_lm.utils", None)

    runtime = MlxTextRuntime()
    runtime.warm()
    return Case(runtime, model, located("org/broken", folder / "none"), lambda: NO_ADAPTER, without_library)


def tiny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    return mlx(located("org/tiny", TinyLlama().build(folder / "tiny")), folder, monkeypatch)


def demo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    return mlx(located("mlxk/demo", builtin_model_folder()), folder, monkeypatch)


@pytest.fixture(params=[scripted, tiny, demo], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Without a network: a connection is a failure."""

    def no_network(*_: object) -> None:
        raise AssertionError("loading must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    make: Callable[[Path, pytest.MonkeyPatch], Case] = request.param
    return make(tmp_path, monkeypatch)


def said(loaded: LoadedText) -> str:
    """What it answers to a greeting, at most six tokens."""
    prompt = loaded.codec.encode(GenerationRequest((Message(Role.USER, "hello"),))).tokens
    loaded.engine.admit(EngineRow(1, prompt, 6, Sampling(0.0, 1.0, 0)))
    decoder, text = loaded.codec.decoder(), ""
    while loaded.engine.active_rows:
        text += "".join(decoder.add(step.token) for step in loaded.engine.step() if step.token is not None)
    return text + decoder.finish()


def test_a_loaded_model_tells_its_facts_and_is_ready_to_answer(case: Case) -> None:
    loaded = case.runtime.load(case.model, LoadOptions())
    assert (loaded.facts.name, loaded.facts.process_id) == (case.model.name, os.getpid())
    assert loaded.facts.context_length == loaded.codec.context_length > 0
    assert loaded.facts.memory_bytes > 0
    assert said(loaded)
    loaded.engine.close()


def test_warming_up_changes_nothing_that_load_answers(case: Case) -> None:
    cold = case.runtime.load(case.model, LoadOptions())
    before = said(cold)
    cold.engine.close()
    case.runtime.warm()
    case.runtime.warm()
    loaded = case.runtime.load(case.model, LoadOptions())
    assert said(loaded) == before
    loaded.engine.close()


def test_a_broken_model_is_named_with_the_cause_and_the_next_one_loads(case: Case) -> None:
    with pytest.raises(ModelLoadFailed, match=rf"{case.broken.name}: \S") as refusal:
        case.runtime.load(case.broken, LoadOptions())
    assert "\n" not in refusal.value.message
    loaded = case.runtime.load(case.model, LoadOptions())
    assert said(loaded)
    loaded.engine.close()


def test_options_that_the_model_cannot_honour_are_an_invalid_request(case: Case) -> None:
    with pytest.raises(InvalidRequest, match="--adapter /nowhere"):
        case.runtime.load(case.model, case.impossible())


def test_a_missing_library_is_said_by_warm_and_by_load(case: Case) -> None:
    case.without_library()
    with pytest.raises(ModelLoadFailed):
        case.runtime.warm()
    with pytest.raises(ModelLoadFailed):
        case.runtime.load(case.model, LoadOptions())
