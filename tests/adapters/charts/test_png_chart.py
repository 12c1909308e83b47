"""Benchmarks as pictures, with the real matplotlib."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

from adapters.charts.png_chart import PngChart
from domain.bench.plan import BenchmarkPlan
from domain.bench.report import BenchmarkReport
from domain.errors import AccessDenied, DependencyMissing
from tests.support.fakes.bench import MeasuredChat, fake_benchmarks


@pytest.fixture(scope="module")
def report() -> BenchmarkReport:
    plan = BenchmarkPlan(prompts=(50, 200), batches=(1, 2), answer=5, runs=1)
    return fake_benchmarks(MeasuredChat()).execute("m", plan, chosen=True, progress=lambda _: None)


def test_a_png_is_drawn_and_replaces_what_was_there(report: BenchmarkReport, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_text("old")
    PngChart().draw(report, target)
    with Image.open(target) as image:
        assert image.format == "PNG"
        assert image.size == (1650, 630)
        assert len(image.convert("RGB").getcolors(2**20) or ()) > 50
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_a_folder_that_is_not_there_is_named_and_nothing_is_left(report: BenchmarkReport, tmp_path: Path) -> None:
    with pytest.raises(AccessDenied, match=r"nowhere/out\.png"):
        PngChart().draw(report, tmp_path / "nowhere" / "out.png")


def test_without_matplotlib_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "adapters.charts.png_chart.find_spec", lambda name: None if name == "matplotlib" else real(name)
    )
    with pytest.raises(DependencyMissing, match="--plot needs matplotlib") as refusal:
        PngChart().require()
    assert refusal.value.hint == "pip install 'mlxk[plot]'"
