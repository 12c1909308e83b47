"""From wishes to ways of loading: the built-in model, and drafts of every kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.builtin_model import builtin_model_folder
from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.lora_folder import find_adapter
from adapters.model_store.workspace import WorkspaceStore
from adapters.runtime_support.installed import InstalledLibraryInspector
from application.catalog.inspect_model import InspectModel
from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from application.inference.chat import Chat, Manner
from application.inference.load_plan import PlanLoad, PlanServedLoad
from application.serving.memory_gate import MemoryGate
from application.serving.model_pool import ModelPool
from application.serving.owners_settings import OwnersSettings
from application.serving.served_models import FirstModel
from domain.catalog import LocatedModel
from domain.errors import InsufficientMemory, InvalidRequest, ModelNotFound, ModelUnhealthy
from domain.inference import GenerationRequest, Message, Role
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import PLAIN_PLAN, LoadPlan
from domain.serving.load_wishes import PLAINLY, LoadWishes
from domain.serving.model_settings import Keeping, ModelSettings, ServingRules
from tests.support.fakes.memory import Machine
from tests.support.fakes.worker import FakeWorkerLauncher, Script
from tests.support.tiny_llama import TinyLlama

MIB = 1024**2


class House:
    """A workspace home with models in it, and all that plans need."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.stores = ModelStores(
            WorkspaceStore(home), HfCacheStore(home / "hub"), BuiltinStore(builtin_model_folder())
        )
        self.resolve = ResolveModel(self.stores)
        self.inspect = InspectModel(self.stores, InstalledLibraryInspector())
        self.plan = PlanLoad(self.resolve, self.inspect, find_adapter)
        self.demo = self.resolve.execute("demo")

    def options(self, **wishes: object) -> LoadOptions:
        return self.plan.execute(self.demo, LoadWishes(**wishes)).options  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_no_wishes_are_the_plain_way(house: House) -> None:
    assert house.plan.execute(house.demo, PLAINLY) == PLAIN_PLAN
    assert house.plan.execute(house.demo, LoadWishes(force=True)) == PLAIN_PLAN


def test_the_cpu_is_a_way_of_its_own_that_every_kind_of_model_takes(house: House) -> None:
    assert house.options(cpu=True) == LoadOptions(cpu=True)
    plain, alone = LoadOptions(), LoadOptions(cpu=True)
    assert len({plain.key, alone.key, replace(plain, task=Task.EMBED).key, replace(alone, task=Task.EMBED).key}) == 4


def test_a_draft_is_found_like_any_model_and_counted(house: House) -> None:
    TinyLlama().build(house.home / "small")
    plan = house.plan.execute(house.demo, LoadWishes(draft_model=str(house.home / "small"), draft_tokens=5))
    assert plan.options.draft is not None
    assert plan.options.draft.path == house.home / "small"
    assert plan.options.draft_tokens == 5
    assert plan.draft is not None
    assert plan.extra_bytes == plan.draft.size_bytes > 50_000


def test_a_draft_that_is_not_here_or_broken_is_refused(house: House) -> None:
    with pytest.raises(ModelNotFound, match="xyzzy"):
        house.options(draft_model="xyzzy")
    broken = TinyLlama().build(house.home / "broken")
    (broken / "model.safetensors").unlink()
    with pytest.raises(ModelUnhealthy, match="broken cannot be used"):
        house.options(draft_model=str(broken))


def test_an_adapter_is_an_absolute_folder(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = house.home / "lora"
    folder.mkdir()
    monkeypatch.chdir(house.home)
    with pytest.raises(InvalidRequest, match=r"--adapter \./lora holds no adapter: adapter_config.json and adapters"):
        house.options(adapter="./lora")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapters.safetensors").write_bytes(b"")
    assert house.options(adapter="./lora").adapter == folder
    (folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(InvalidRequest, match="PEFT"):
        house.options(adapter="lora")
    with pytest.raises(InvalidRequest, match="--adapter nowhere: there is no such folder"):
        house.options(adapter="nowhere")


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"draft_model": "demo", "draft_ngram": 2}, "--draft-model and --draft-ngram exclude each other"),
        ({"draft_ngram": 2, "max_kv_size": 128}, "speculative decoding and --max-kv-size exclude each other"),
        ({"kv_bits": 4, "max_kv_size": 128}, "--kv-bits and --max-kv-size exclude each other"),
        ({"kv_bits": 5}, "--kv-bits must be one of 2, 3, 4, 6, 8, got 5"),
        ({"draft_ngram": 0}, "--draft-ngram must be at least 1, got 0"),
        ({"draft_tokens": 3}, "--draft-tokens without a draft does nothing"),
        ({"kv_group_size": 32}, "--kv-group-size without --kv-bits does nothing"),
        ({"draft_ngram": 2, "draft_tokens": 0}, "--draft-tokens must be from 1 to 16, got 0"),
        ({"kv_bits": 4, "kv_group_size": 0}, "--kv-group-size must be 32, 64 or 128, got 0"),
        ({"max_kv_size": 1}, "--max-kv-size must be at least 64 tokens, got 1"),
    ],
)
def test_what_excludes_one_another_or_does_nothing_is_refused_by_name(
    house: House, wishes: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        house.options(**wishes)
    assert refusal.value.message == words


def served(
    house: House, first: str | None, wishes: LoadWishes = PLAINLY, rules: ServingRules | None = None
) -> PlanServedLoad:
    rules = rules or ServingRules()
    first_model = FirstModel(house.resolve, first, rules)
    return PlanServedLoad(house.plan, OwnersSettings(rules, house.resolve, first_model, wishes, lambda: 0.0))


def test_a_servers_wishes_hold_for_its_first_model_alone_and_are_found_out_once(house: House) -> None:
    TinyLlama().build(house.home / "other")
    draft = TinyLlama().build(house.home / "draft")
    planned = served(house, "demo", LoadWishes(draft_model=str(draft), kv_bits=8))
    assert planned.execute(house.resolve.execute(str(house.home / "other")), PLAINLY) == PLAIN_PLAN
    plan = planned.execute(house.demo, PLAINLY)
    assert (plan.options.kv_bits, plan.draft is not None) == (8, True)
    (draft / "config.json").unlink()
    assert planned.execute(house.demo, PLAINLY) is plan
    assert served(house, None, LoadWishes(kv_bits=8)).execute(house.demo, PLAINLY) == PLAIN_PLAN


@pytest.mark.parametrize("spelling", ["other", "OTHER", "{home}/other", "oth", "nick", "NICK"])
def test_settings_are_the_models_however_its_owner_spelled_it(house: House, spelling: str) -> None:
    TinyLlama().build(house.home / "other")
    own = ModelSettings(LoadWishes(force=True, kv_bits=4), pinned=True, idle_seconds=5.0, max_tokens=7)
    rules = ServingRules({spelling.format(home=house.home): own}, {"nick": "other"}, idle_seconds=60)
    planned = served(house, None, rules=rules)
    plan = planned.execute(house.resolve.execute("other"), PLAINLY)
    assert (plan.options.kv_bits, plan.force, plan.max_tokens) == (4, True, 7)
    assert plan.keeping == Keeping(pinned=True, idle_seconds=5.0)
    usual = planned.execute(house.demo, PLAINLY)
    assert (usual.options, usual.keeping) == (LoadOptions(), Keeping(idle_seconds=60))


def test_flags_come_before_the_first_models_settings_and_say_nothing_of_the_rest(house: House) -> None:
    rules = ServingRules({"demo": ModelSettings(LoadWishes(kv_bits=4, draft_ngram=2), pinned=True)})
    plan = served(house, "demo", LoadWishes(kv_bits=8), rules).execute(house.demo, PLAINLY)
    assert (plan.options.kv_bits, plan.options.draft_ngram, plan.keeping.pinned) == (8, 2, True)


def test_chat_loads_the_planned_way_and_makes_room_for_the_draft(house: House) -> None:
    launcher = FakeWorkerLauncher(Script(answers={"hi": "hello"}))
    pool = ModelPool(launcher, 1000 * MIB)
    gate = MemoryGate(house.stores, Machine(1000 * MIB, 900 * MIB))
    chat = Chat(house.resolve, house.inspect, pool, gate, lambda: 0.0, Manner(house.plan.execute))
    request = GenerationRequest((Message(Role.USER, "hi"),))
    list(chat.execute("demo", request, loading=LoadWishes(draft_model="demo")).events)
    list(chat.execute("demo", request).events)
    assert [options.draft for options in launcher.options] == [house.demo, None]
    assert len(pool.loaded()) == 2
    pool.close()


def fits(house: House, room_bytes: int, plan: LoadPlan, tokens: int = 100_000) -> bool:
    report = house.inspect.execute(house.demo)
    gate = MemoryGate(house.stores, Machine(1000 * MIB, report.weights_bytes + room_bytes))
    try:
        gate.check(report, tokens, 0, force=False, plan=plan)
    except InsufficientMemory:
        return False
    return True


def planned(house: House, model: LocatedModel | None = None, **options: object) -> LoadPlan:
    draft = None if model is None else house.inspect.execute(model)
    return LoadPlan(LoadOptions(draft=model, **options), draft)  # type: ignore[arg-type]


def test_memory_counts_the_draft_and_what_the_cache_saves(house: House) -> None:
    """100,000 tokens of the built-in model's KV cache take several hundred MiB in 16 bits."""
    low, high = 0, 4000 * MIB
    while high - low > MIB:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(house, middle, PLAIN_PLAN) else (middle, high)
    assert high > 50 * MIB
    assert fits(house, high, PLAIN_PLAN)
    assert not fits(house, high, planned(house, house.demo))
    assert not fits(house, high // 2, PLAIN_PLAN)
    assert fits(house, high // 2, planned(house, kv_bits=4))
    assert fits(house, high // 100, planned(house, max_kv_size=128))
