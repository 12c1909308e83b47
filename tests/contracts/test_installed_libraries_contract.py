"""What every LibraryInspector does, whatever lies where the libraries should be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from adapters.runtime_support.installed import InstalledLibraryInspector
from domain.catalog.libraries import InstalledLibraries
from ports.installed_libraries import LibraryInspector

TRAP = "raise SystemExit('this was imported')\n"


@dataclass(frozen=True)
class Case:
    """open: an inspector of the same place, as another run has it. loads: a text model type that can be loaded there;
    None where nothing can.
    """

    open: Callable[[], LibraryInspector]
    loads: str | None


def library(site: Path, **sources: str) -> None:
    """An mlx_lm that ends the process that imports it. sources: its models, and utils."""
    models = site / "mlx_lm" / "models"
    models.mkdir(parents=True)
    (site / "mlx_lm" / "__init__.py").write_text(TRAP, encoding="utf-8")
    utils = sources.pop("utils", 'MODEL_REMAPPING = {"new": "old"}\n')
    (site / "mlx_lm" / "utils.py").write_text(TRAP + utils, encoding="utf-8")
    for name, source in sources.items():
        (models / f"{name}.py").write_text(TRAP + source, encoding="utf-8")


def at(site: Path) -> Callable[[], LibraryInspector]:
    return lambda: InstalledLibraryInspector([str(site)])


def environment(_: Path) -> Case:
    return Case(InstalledLibraryInspector, "llama")


def text_only(site: Path) -> Case:
    library(site, old="class Model:\n    pass\n", helper="def rope(): ...\n")
    return Case(at(site), "new")


def nothing(site: Path) -> Case:
    return Case(at(site), None)


def nowhere(site: Path) -> Case:
    return Case(at(site / "gone"), None)


def nonsense(site: Path) -> Case:
    library(site, old="class Mod\0\ufffd(((", utils="MODEL_REMAPPING = {\n")
    return Case(at(site), None)


def hollow(site: Path) -> Case:
    """Folders where files should be, files where folders should be, and nothing else."""
    for path in (site / "mlx_lm" / "utils.py", site / "mlx_vlm" / "utils.py", site / "mlx_audio" / "stt" / "utils.py"):
        path.mkdir(parents=True)
    for name in ("mlx_lm", "mlx_vlm", "mlx_audio"):
        (site / name / "__init__.py").touch()
        (site / name / "models").touch()
    return Case(at(site), None)


@pytest.fixture(params=[environment, text_only, nothing, nowhere, nonsense, hollow], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], Case] = request.param
    return make(tmp_path)


def loadable(installed: InstalledLibraries) -> set[str]:
    tables = (getattr(installed, each.name) for each in fields(installed))
    return {name for table in tables if table is not None for name in table.modules}


def test_it_says_what_can_be_loaded_and_nothing_is_never_an_error(case: Case) -> None:
    installed = case.open().installed()
    if case.loads is None:
        assert loadable(installed) == set()
    else:
        assert installed.text is not None
        assert installed.text.module_for(case.loads)
        assert installed.text.module_for("no_such_model") is None


def test_a_library_that_is_absent_is_none(tmp_path: Path) -> None:
    assert at(tmp_path)().installed() == InstalledLibraries()
    library(tmp_path)
    installed = at(tmp_path)().installed()
    assert installed == InstalledLibraries(text=installed.text)
    assert installed.text is not None


def test_the_same_libraries_give_the_same_answers_in_every_run(case: Case) -> None:
    inspector, again = case.open(), case.open()
    assert inspector.fingerprint() == again.fingerprint() == inspector.fingerprint()
    assert inspector.installed() == again.installed() == inspector.installed()


def test_nothing_is_imported(case: Case) -> None:
    before = {name for name in sys.modules if name.startswith("mlx")}
    inspector = case.open()
    inspector.fingerprint()
    inspector.installed()
    assert {name for name in sys.modules if name.startswith("mlx")} == before


def test_threads_may_ask_at_once(case: Case) -> None:
    expected, shared = case.open(), case.open()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: (shared.fingerprint(), shared.installed()), range(8)))
    assert all(answer == (expected.fingerprint(), expected.installed()) for answer in answers)


def add_a_module(site: Path) -> None:
    (site / "mlx_lm" / "models" / "newer.py").write_text(TRAP + "class Model: ...\n", encoding="utf-8")


def take_a_module(site: Path) -> None:
    (site / "mlx_lm" / "models" / "old.py").unlink()


def rename_another(site: Path) -> None:
    (site / "mlx_lm" / "utils.py").write_text('MODEL_REMAPPING = {"newest": "old"}\n', encoding="utf-8")


def take_the_library(site: Path) -> None:
    (site / "mlx_lm").rename(site / "elsewhere")


def add_a_library(site: Path) -> None:
    family = site / "mlx_vlm" / "models" / "eye"
    family.mkdir(parents=True)
    for folder in (site / "mlx_vlm", family):
        (folder / "__init__.py").write_text("x = 1\nclass Model: ...\n", encoding="utf-8")


@pytest.mark.parametrize("change", [add_a_module, take_a_module, rename_another, take_the_library, add_a_library])
def test_the_fingerprint_changes_with_the_answers(tmp_path: Path, change: Callable[[Path], None]) -> None:
    case = text_only(tmp_path)
    before = case.open()
    fingerprint, installed = before.fingerprint(), before.installed()
    change(tmp_path)
    after = case.open()
    assert after.installed() != installed
    assert after.fingerprint() != fingerprint
