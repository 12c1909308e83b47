"""Which models live tests run on, and which of them fit."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.builtin_model import builtin_model_folder
from domain.serving.memory_policy import DeviceMemory, portfolio_budget_bytes
from tests.show_portfolios import lines
from tests.support.portfolio import Kind, PortfolioModel, discovery, portfolio_of
from tests.support.portfolio.discovery import CannotList, discover, listed
from tests.support.portfolio.gates import needed_bytes, reason_to_skip
from tests.support.portfolio.miniatures import add_miniatures, miniatures, portfolio
from tests.support.portfolio.quantization import with_quantization
from tests.support.portfolio.sharded import NAME as SHARDED
from tests.support.portfolio.sharded import add_sharded

ROOT = Path(__file__).resolve().parents[2]
GIB = 1 << 30
MACHINE = DeviceMemory(total_bytes=32 * GIB, available_bytes=20 * GIB, device_limit_bytes=20 * GIB)
ENTRY: Mapping[str, Any] = {
    "name": "org/a", "size_bytes": 10, "cached": True, "framework": "MLX", "health": "healthy",
    "runtime_compatible": True, "model_type": "chat", "capabilities": ["text-generation", "chat"],
}  # fmt: skip


def entry(name: str = "org/a", **changes: Any) -> dict[str, Any]:
    return {**ENTRY, "name": name, **changes}


def names(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {
        kind.value: [each.name for each in models] for kind, models in portfolio_of(entries, None).items() if models
    }


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("text", {"capabilities": ["text-generation", "chat", "tools", "reasoning"]}),
        ("vision", {"capabilities": ["text-generation", "chat", "vision"]}),
        ("vision", {"capabilities": ["text-generation", "chat", "vision", "audio"]}),
        ("audio", {"model_type": "audio", "capabilities": ["audio", "audio-translate-en"]}),
        ("embedding", {"model_type": "embedding", "capabilities": ["embeddings"]}),
        ("embedding", {"model_type": "embedding", "capabilities": ["embeddings", "vision"]}),
    ],
)
def test_every_model_is_of_one_kind(kind: str, facts: dict[str, Any]) -> None:
    assert names([entry(**facts)]) == {kind: ["org/a"]}


@pytest.mark.parametrize(
    "facts",
    [
        {"cached": False},
        {"framework": "PyTorch"},
        {"health": "unhealthy"},
        {"runtime_compatible": False},
        {"model_type": "base", "capabilities": ["text-generation"]},
        {"model_type": "audio", "capabilities": ["speech"]},
        {"model_type": "embedding", "capabilities": ["rerank"]},
    ],
)
def test_what_does_not_run_or_is_of_no_kind_is_in_no_portfolio(facts: dict[str, Any]) -> None:
    assert names([entry(**facts)]) == {}


def test_keys_follow_the_names_whatever_the_order_of_the_list() -> None:
    entries = [entry(f"org/{letter}") for letter in "gbeacdf"]
    found = portfolio_of(entries, Path("/hf"))[Kind.TEXT]
    assert [(each.key, each.name) for each in found] == [(f"text_{n:02d}", f"org/{x}") for n, x in enumerate("abcdefg")]
    assert {each.home for each in found} == {Path("/hf")}


def model(kind: Kind, size: int, *, miniature: bool = False) -> PortfolioModel:
    return PortfolioModel(f"{kind}_00", "org/a", kind, size, None, miniature)


def test_a_text_model_needs_its_size_and_a_fifth_of_the_budget() -> None:
    budget = portfolio_budget_bytes(MACHINE.total_bytes)
    assert needed_bytes(model(Kind.TEXT, 100), MACHINE) == 120
    assert reason_to_skip(model(Kind.TEXT, budget * 5 // 6), MACHINE) is None
    told = reason_to_skip(model(Kind.TEXT, budget), MACHINE)
    assert told == f"Model requires {budget * 1.2 / 1e9:.1f} GB but only {budget / 1e9:.1f} GB available"


def test_a_vision_model_of_more_than_70_percent_of_ram_never_fits() -> None:
    most = MACHINE.total_bytes * 70 // 100
    assert reason_to_skip(model(Kind.VISION, most), MACHINE) is None
    assert math.isinf(needed_bytes(model(Kind.VISION, most + 2), MACHINE))
    assert reason_to_skip(model(Kind.VISION, most + 2), MACHINE) == "Vision model exceeds 70% threshold"


@pytest.mark.parametrize(("free", "fits"), [(4 * GIB, True), (4 * GIB - 1, False)])
def test_a_model_that_hears_wants_four_gibibytes_free(free: int, fits: bool) -> None:
    memory = DeviceMemory(32 * GIB, free, free)
    assert (reason_to_skip(model(Kind.AUDIO, 10), memory) is None) is fits


def test_where_memory_is_not_told_miniatures_alone_run() -> None:
    assert reason_to_skip(model(Kind.TEXT, 1), None) == "this machine does not tell how much memory it has"
    assert reason_to_skip(model(Kind.TEXT, 1, miniature=True), None) is None


SUITE = """
import pytest

@pytest.mark.live
def test_it(text_model_info): pass

@pytest.mark.live
def test_sees(vision_model_info): pass

@pytest.mark.live
def test_hears(audio_model_info): pass
"""
SMALL_MACHINE = """
pytest_plugins = ("tests.plugins.isolation", "tests.plugins.markers", "tests.plugins.portfolio")

class Probe:
    def read(self):
        from domain.serving.memory_policy import DeviceMemory
        return DeviceMemory(2_000_000, 1_000_000, 1_000_000)

def pytest_configure():
    from tests.plugins import portfolio
    portfolio.memory_probe_for = lambda platform: Probe()
"""


def test_a_live_test_of_a_model_that_does_not_fit_is_skipped_with_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(SMALL_MACHINE)
    (tmp_path / "test_it.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={ROOT}", "-c",
         str(ROOT / "pyproject.toml"), "-m", "live", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MLXK2_USER_HF_HOME": str(tmp_path / "none")},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = {line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("SKIPPED")}
    assert told == {
        "Model requires 0.0 GB but only 0.0 GB available",
        "Model requires 4.3 GB but only 0.0 GB available",
        "Vision model exceeds 70% threshold",
    }
    assert " passed" not in done.stdout


def test_quantization_is_told_by_the_name_else_by_the_files(tmp_path: Path) -> None:
    def told(name: str, config: str, dtype: str = "F16") -> str | None:
        snapshot = tmp_path / "hub" / f"models--org--{name}" / "snapshots" / "1"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(config)
        header = json.dumps({"__metadata__": {}, "w": {"dtype": dtype, "shape": [0], "data_offsets": [0, 0]}}).encode()
        (snapshot / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        return with_quantization(PortfolioModel("text_00", f"org/{name}", Kind.TEXT, 1, tmp_path)).quantization

    assert told("a-4bit", "{}") == "4bit"
    assert told("b", '{"quantization": {"bits": 3, "group_size": 64}}') == "3bit"
    assert told("c", '{"quantization": {"bits": 4, "mode": "mxfp4"}}') == "mxfp4"
    assert (told("d", "{}", "BF16"), told("e", "{}", "F32"), told("f", "{}", "I8")) == ("bf16", "fp32", None)
    for nowhere in (
        PortfolioModel("x", "org/none", Kind.TEXT, 1, tmp_path),
        PortfolioModel("x", "b", Kind.TEXT, 1, None),
    ):
        assert with_quantization(nowhere).quantization is None


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("small")
    add_miniatures(home / "hub")
    add_sharded(home / "hub")
    return home


def test_mlxk_takes_every_miniature_for_what_it_is(small: Path) -> None:
    found = portfolio_of(listed(small), small)
    told = {(each.name, kind) for kind, models in found.items() for each in models}
    assert told == {(each.name, each.kind) for each in miniatures()} | {(SHARDED, Kind.TEXT)}
    assert all(each.size_bytes > 0 for models in found.values() for each in models)


def test_the_keys_of_miniatures_are_known_before_they_are_made() -> None:
    """As many tests are collected as there are models, without one being made."""
    told = portfolio()
    assert [each.key for each in told[Kind.TEXT]] == ["text_00", "text_01"]
    assert [len(told[kind]) for kind in (Kind.VISION, Kind.AUDIO, Kind.EMBEDDING)] == [1, 1, 2]
    assert all(each.miniature and each.home is None for models in told.values() for each in models)


def test_the_users_models_come_first_and_miniatures_fill_the_kinds_that_are_missing(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "models--org--mine" / "snapshots" / ("2" * 40)
    shutil.copytree(builtin_model_folder(), snapshot)
    found = discover(tmp_path)
    assert [(each.key, each.name, each.miniature) for each in found[Kind.TEXT]] == [("text_00", "org/mine", False)]
    assert found[Kind.TEXT][0].home == tmp_path
    assert found[Kind.EMBEDDING] == portfolio()[Kind.EMBEDDING]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub"], "nothing is written beside it"


@pytest.mark.parametrize("home", [None, "none"])
def test_without_a_cache_that_may_be_read_all_are_miniatures(tmp_path: Path, home: str | None) -> None:
    assert discover(tmp_path / home if home else None) == portfolio()


def test_a_list_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('this is broken')")
    monkeypatch.setattr(discovery, "PROGRAM", broken)
    with pytest.raises(CannotList, match="mlxk list --json ended with 1: this is broken"):
        listed(tmp_path)


def test_the_portfolio_is_shown_with_what_each_model_needs() -> None:
    large = PortfolioModel("vision_00", "org/large", Kind.VISION, 30 * GIB, None)
    shown = list(lines({Kind.TEXT: (model(Kind.TEXT, 10**9),), Kind.VISION: (large,), Kind.AUDIO: (),
                        Kind.EMBEDDING: (model(Kind.EMBEDDING, 5, miniature=True),)}, MACHINE))  # fmt: skip
    assert shown == [
        "text_00            1.2 GB  run  org/a",
        "vision_00          inf GB  skip: Vision model exceeds 70% threshold  org/large",
        "audio: no model",
        "embedding_00     6e-09 GB  run  org/a (miniature)",
    ]


def test_the_script_shows_the_portfolio_of_a_cache(small: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.show_portfolios"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MLXK2_USER_HF_HOME": str(small)},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert told == ["text_00", "text_01", "text_02", "vision_00", "audio_00", "embedding_00", "embedding_01"]
