"""Benchmarks drawn with matplotlib, which is an extra: it is large, and few draw."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from adapters.charts.png_file import save_png
from domain.bench.report import BenchmarkReport, Measurement
from domain.errors import AccessDenied, DependencyMissing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCHES = (11.0, 4.2)
GIBIBYTE = 2**30

Series = Callable[[Measurement], float]
PANELS: tuple[tuple[str, Series], ...] = (
    ("prefill, tokens/s", lambda each: each.prefill_rate.median),
    ("decode, tokens/s", lambda each: each.decode_rate.median),
    ("peak memory, GiB", lambda each: each.peak_memory_bytes / GIBIBYTE),
)


class PngChart:
    """Chart. Three panels over the prompt's length, one line a batch size."""

    def require(self) -> None:
        if find_spec("matplotlib") is None:
            raise DependencyMissing("--plot needs matplotlib", hint="pip install 'mlxk[plot]'")

    def draw(self, report: BenchmarkReport, target: PurePath) -> None:
        self.require()
        figure = _figure(report)
        place = Path(target)
        try:
            save_png(figure, place)
        except OSError as fault:
            raise AccessDenied(
                f"cannot write {place}: {fault.strerror or fault}", hint="name another file for --plot"
            ) from fault


def _figure(report: BenchmarkReport) -> Figure:
    from matplotlib.figure import Figure  # no pyplot: no screen and no global state

    figure = Figure(figsize=INCHES, layout="constrained")
    figure.suptitle(report.model)
    panels: Any = figure.subplots(1, len(PANELS))
    for axes, (title, of) in zip(panels, PANELS, strict=True):
        for batch in sorted({each.batch for each in report.measurements}):
            line = [each for each in report.measurements if each.batch == batch]
            lengths = [each.prompt_tokens for each in line]
            axes.plot(lengths, [of(each) for each in line], marker="o", label=f"batch {batch}")
        axes.set_title(title)
        axes.set_xlabel("prompt, tokens")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    panels[0].legend()
    return figure
