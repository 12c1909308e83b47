"""Which models are given sounds in a conversation, by their folder and the libraries that are installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.model_store.folder_scan import scan_folder
from adapters.model_store.manifest_reader import read_manifest
from adapters.runtime_support.installed import InstalledLibraryInspector
from domain.catalog import LocatedModel, ModelReport, ModelSource
from domain.catalog.fitness import can_chat, can_hear, can_see
from domain.catalog.judge import judge
from domain.catalog.libraries import InstalledLibraries, TypeTable
from tests.support.miniatures.hearing import GEMMA_4
from tests.support.miniatures.tokens import write_json

INSTALLED = InstalledLibraryInspector().installed()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return GEMMA_4.build(tmp_path_factory.mktemp("model") / "gemma")


def judged(folder: Path, libraries: InstalledLibraries = INSTALLED, **config: object) -> ModelReport:

    path = folder / "config.json"
    before = path.read_text()
    changed: Mapping[str, object] = {**json.loads(before), **config}
    try:
        write_json(path, {name: value for name, value in changed.items() if value is not None})
        manifest = read_manifest(str(folder), scan_folder(str(folder)))
        return judge(LocatedModel("org/model", folder, ModelSource.WORKSPACE), manifest, libraries)
    finally:
        path.write_text(before)


def test_a_model_that_sees_and_hears_is_given_sounds(folder: Path) -> None:
    report = judged(folder)
    assert can_see(report)
    assert can_hear(report)


def test_a_stub_is_no_sound(folder: Path) -> None:
    assert not can_hear(judged(folder, audio_config={}))


def test_a_type_that_takes_no_sounds_in_the_library_keeps_its_pictures_and_says_why(folder: Path) -> None:
    assert INSTALLED.vision is not None
    deaf = replace(INSTALLED, hearing=TypeTable(INSTALLED.vision.modules - {"gemma4"}, folds_case=True))
    report = judged(folder, deaf)
    assert (can_chat(report), can_see(report), can_hear(report)) == (True, True, False)
    assert "audio" in report.capabilities
    assert "audio" not in report.runnable_capabilities
    assert report.dropped == {"audio": "model_type 'gemma4' takes no sounds in mlx-vlm"}


@pytest.mark.parametrize(("kind", "hears"), [("qwen2_5_vl", False), ("gemma3n", True), ("gemma4_unified", True)])
def test_the_installed_library_says_which_types_take_sounds(folder: Path, kind: str, hears: bool) -> None:
    assert can_hear(judged(folder, model_type=kind)) is hears


def test_a_model_whose_layers_change_with_what_it_hears_is_given_none(folder: Path) -> None:
    report = judged(folder, model_type="phi4mm")
    assert (can_see(report), can_hear(report)) == (True, False)
