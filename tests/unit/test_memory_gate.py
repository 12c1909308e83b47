"""What may be loaded: the built-in model against machines of every size."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from adapters.builtin_model import builtin_model_folder
from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from adapters.runtime_support.installed import InstalledLibraryInspector
from application.catalog.inspect_model import InspectModel
from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from application.inference.chat import Chat
from application.serving.memory_gate import MemoryGate
from application.serving.model_pool import ModelPool
from application.serving.pool_values import Beside
from domain.catalog import ModelReport
from domain.errors import InsufficientMemory
from domain.inference import DefaultLength, GenerationRequest, Message, Role, TextDelta, TokenLimits
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import LoadPlan
from tests.support.fakes.memory import Machine
from tests.support.fakes.worker import FakeWorkerLauncher, Script

MIB = 1024**2


@pytest.fixture
def stores(tmp_path: Path) -> ModelStores:
    return ModelStores(WorkspaceStore(None), HfCacheStore(tmp_path / "hub"), BuiltinStore(builtin_model_folder()))


@pytest.fixture
def inspect(stores: ModelStores) -> InspectModel:
    return InspectModel(stores, InstalledLibraryInspector())


@pytest.fixture
def demo(stores: ModelStores, inspect: InspectModel) -> ModelReport:
    return inspect.execute(ResolveModel(stores).execute("demo"))


def test_a_model_that_fits_passes_in_silence(stores: ModelStores, demo: ModelReport) -> None:
    gate = MemoryGate(stores, Machine(1000 * MIB, 900 * MIB))
    assert gate.check(demo, None, 0, force=False) is None


def test_a_model_above_the_share_of_ram_is_warned_of_and_loaded(stores: ModelStores, demo: ModelReport) -> None:
    gate = MemoryGate(stores, Machine(demo.weights_bytes * 12 // 10, demo.weights_bytes * 12 // 10))
    warning = gate.check(demo, 1, 0, force=False)
    assert warning is not None
    assert "more than 70 % of" in warning


def test_weights_that_the_device_cannot_hold_are_refused(stores: ModelStores, demo: ModelReport) -> None:
    gate = MemoryGate(stores, Machine(1000 * MIB, 1 * MIB))
    with pytest.raises(InsufficientMemory, match="mlxk/demo: weights") as caught:
        gate.check(demo, None, 0, force=False)
    assert "--force" in (caught.value.hint or "")


def test_the_kv_cache_of_the_asked_length_counts(stores: ModelStores, demo: ModelReport) -> None:
    gate = MemoryGate(stores, Machine(1000 * MIB, demo.weights_bytes + 2 * MIB))
    assert gate.check(demo, 100, 0, force=False) is None
    with pytest.raises(InsufficientMemory, match="KV cache"):
        gate.check(demo, 100_000, 0, force=False)


def test_what_other_models_would_give_back_counts_up_to_the_whole_memory(
    stores: ModelStores, demo: ModelReport
) -> None:
    gate = MemoryGate(stores, Machine(1000 * MIB, 1 * MIB))
    assert gate.check(demo, None, 500 * MIB, force=False) is None
    small = MemoryGate(stores, Machine(2 * MIB, 1 * MIB))
    with pytest.raises(InsufficientMemory):
        small.check(demo, None, 500 * MIB, force=False)


@pytest.mark.parametrize(("of_the_gate", "of_the_call"), [(True, False), (False, True)])
def test_force_refuses_nothing(stores: ModelStores, demo: ModelReport, of_the_gate: bool, of_the_call: bool) -> None:
    gate = MemoryGate(stores, Machine(1000 * MIB, 1), force=of_the_gate)
    assert gate.check(demo, None, 0, force=of_the_call) is None


def test_a_machine_that_does_not_tell_refuses_nothing(stores: ModelStores, demo: ModelReport) -> None:
    assert MemoryGate(stores, Machine(None)).check(demo, 10**9, 0, force=False) is None


def test_a_chat_is_refused_before_anything_is_loaded_and_a_loaded_model_is_not_asked_about_again(
    stores: ModelStores, inspect: InspectModel
) -> None:
    launcher, machine = FakeWorkerLauncher(Script(default="yes")), Machine(1000 * MIB, 1)
    pool = ModelPool(launcher, 10**12)
    chat = Chat(ResolveModel(stores), inspect, pool, MemoryGate(stores, machine), lambda: 0.0)
    limits = TokenLimits(DefaultLength.FULL_CONTEXT)
    request = GenerationRequest(messages=(Message(Role.USER, "hello"),), limits=limits)
    with pytest.raises(InsufficientMemory):
        chat.execute("demo", request)
    with pytest.raises(InsufficientMemory):
        chat.prepare("demo")
    assert launcher.workers == []

    machine.limit = 500 * MIB
    assert [event for event in chat.execute("demo", request).events if isinstance(event, TextDelta)]
    asked = machine.asked
    machine.limit = 1
    assert (chat.at_hand("demo"), chat.at_hand("mlxk/demo"), chat.at_hand("other")) == (True, False, False)
    answer = chat.execute("mlxk/demo", request)
    assert chat.at_hand("mlxk/demo")
    assert (answer.model.path, machine.asked) == (PurePath(builtin_model_folder()), asked)
    answer.events.cancel()
    pool.close()
    assert not chat.at_hand("demo")


def test_what_a_model_may_take_counts_who_leaves_and_who_stays(stores: ModelStores) -> None:
    beside = Beside(leaving_bytes=300 * MIB, staying_bytes=200 * MIB)
    linux = MemoryGate(stores, Machine(4000 * MIB, 1000 * MIB))
    assert linux.allowance(beside, force=False) == 1300 * MIB
    mac = MemoryGate(stores, Machine(4000 * MIB, 1000 * MIB, counts_loaded=False))
    assert mac.allowance(beside, force=False) == 800 * MIB
    assert mac.allowance(beside, force=True) is None
    told = MemoryGate(stores, Machine(4000 * MIB, 1000 * MIB), limit_bytes=50 * MIB)
    assert told.allowance(beside, force=False) == 50 * MIB


SEEING = LoadPlan(LoadOptions(sees=True))


def test_a_model_that_sees_is_refused_above_the_share_of_ram_and_forced_with_a_warning(
    stores: ModelStores, demo: ModelReport
) -> None:
    room = demo.size_bytes * 10 // 7
    assert MemoryGate(stores, Machine(room + 10, 1000 * MIB)).check(demo, 1, 0, force=False, plan=SEEING) is None
    gate = MemoryGate(stores, Machine(room - 10, 1000 * MIB))
    with pytest.raises(InsufficientMemory, match="more than 70 % of") as caught:
        gate.check(demo, 1, 0, force=False, plan=SEEING)
    assert "--force" in (caught.value.hint or "")
    gate.check(demo, 1, 0, force=True, plan=SEEING)
    gate.check(demo, 1, 0, force=False)  # as a text model it is let in


GIB = 1024**3
HEARING, SPEAKING = (LoadPlan(LoadOptions(task=task)) for task in (Task.TRANSCRIBE, Task.SPEAK))


@pytest.mark.parametrize("plan", [HEARING, SPEAKING])
def test_what_hears_or_speaks_wants_four_gibibytes_free_unless_forced(
    stores: ModelStores, demo: ModelReport, plan: LoadPlan
) -> None:
    machine = Machine(16 * GIB, 4 * GIB)
    gate = MemoryGate(stores, machine)
    assert gate.check(demo, 1, 0, force=False, plan=plan) is None
    machine.limit -= 1
    with pytest.raises(InsufficientMemory, match=r"audio wants 4\.0 GiB of free memory") as caught:
        gate.check(demo, 1, 0, force=False, plan=plan)
    assert "--force" in (caught.value.hint or "")
    assert gate.check(demo, 1, 0, force=True, plan=plan) is None
    assert gate.check(demo, 1, 1, force=False, plan=plan) is None, "others would make room"
    assert gate.check(demo, 1, 0, force=False) is None, "a text model is let in"


def test_the_kv_cache_of_a_model_that_sees_counts_too(stores: ModelStores, demo: ModelReport) -> None:
    gate = MemoryGate(stores, Machine(1000 * MIB, demo.weights_bytes + 2 * MIB))
    with pytest.raises(InsufficientMemory, match="KV cache"):
        gate.check(demo, 100_000, 0, force=False, plan=SEEING)


def test_sounds_for_a_model_that_talks_want_four_gibibytes_free_unless_forced(
    stores: ModelStores, demo: ModelReport
) -> None:
    gate = MemoryGate(stores, Machine(64 * GIB, 3 * GIB))
    with pytest.raises(InsufficientMemory, match=r"audio wants 4\.0 GiB of free memory, 3\.0 GiB are free") as caught:
        gate.check_sounds(demo, 0, force=False)
    assert "--force" in (caught.value.hint or "")
    gate.check_sounds(demo, GIB, force=False)
    gate.check_sounds(demo, 0, force=True)
    MemoryGate(stores, Machine(64 * GIB, 3 * GIB), force=True).check_sounds(demo, 0, force=False)
