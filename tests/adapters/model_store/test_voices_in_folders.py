"""Folders of voices are told from those of models that hear, and run where mlx-audio has their family."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.model_store.folder_scan import scan_folder
from adapters.model_store.manifest_reader import read_manifest
from adapters.runtime_support.installed import InstalledLibraryInspector
from domain.catalog import LocatedModel, ModelSource
from domain.catalog.fitness import (
    can_serve,
    can_speak,
    can_transcribe,
    require_served,
    require_speak,
    require_transcribe,
)
from domain.catalog.judge import judge
from domain.catalog.report import ModelReport
from domain.errors import CapabilityMismatch
from tests.support.model_zoo.content import mlx_safetensors, write_content


def report(folder: Path, kind: str, card: str = "") -> ModelReport:
    write_content(folder / "config.json", {"model_type": kind})
    write_content(folder / "README.md", f"---\nlibrary_name: mlx\n{card}---\n")
    write_content(folder / "model.safetensors", mlx_safetensors())
    location = LocatedModel("org/some", folder, ModelSource.WORKSPACE)
    return judge(
        location, read_manifest(str(folder), scan_folder(str(folder))), InstalledLibraryInspector().installed()
    )


@pytest.mark.parametrize("kind", ["soprano", "kokoro", "qwen3_tts", "voxtral_tts", "vibevoice_streaming"])
def test_a_voice_speaks_and_does_not_hear(tmp_path: Path, kind: str) -> None:
    found = report(tmp_path, kind)
    assert found.capabilities == ("speech",)
    assert (can_speak(found), can_serve(found), can_transcribe(found)) == (True, True, False)
    require_speak(found)
    require_served(found)
    with pytest.raises(CapabilityMismatch):
        require_transcribe(found)


def test_a_card_tells_of_a_voice_whose_type_nobody_knows(tmp_path: Path) -> None:
    assert report(tmp_path, "warbler", "pipeline_tag: text-to-speech\n").capabilities == ("speech",)
    assert not can_speak(report(tmp_path, "warbler", "pipeline_tag: text-to-speech\n"))


@pytest.mark.parametrize("kind", ["whisper", "voxtral", "vibevoice"])
def test_what_hears_does_not_speak(tmp_path: Path, kind: str) -> None:
    found = report(tmp_path, kind)
    assert "audio" in found.capabilities
    with pytest.raises(CapabilityMismatch, match="does not speak"):
        require_speak(found)
