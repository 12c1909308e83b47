"""Reports and memory as pictures. matplotlib is imported when something is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.charts.png_file import save_png
from benchmarks.reporting.memory_track import MemorySample, within
from benchmarks.reporting.model_facts import AUDIO, TEXT, VISION
from benchmarks.reporting.runs import Row, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {TEXT: "tab:blue", VISION: "tab:green", AUDIO: "tab:purple"}
OTHER, FAILED = "tab:gray", "tab:red"
LABELLED_SHARE = 0.03  # narrower bands have no room for a name
NAME_CHARACTERS = 32
BAND_ALPHA = 0.2
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}  # a legend beside the panel


class NoMatplotlib(Exception):
    """It is an extra. The message says how to get it."""


def require_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise NoMatplotlib("charts need matplotlib: pip install 'mlxk[plot]'")


def draw_rows(rows: Sequence[Row], before: Sequence[Row], place: Path) -> None:
    """Time, speed and memory of each model. before: the same of the report compared with. Raises OSError."""
    require_matplotlib()
    save_png(_rows_figure(rows, {(each.model, each.modality): each for each in before}), place)


def draw_memory(samples: Sequence[MemorySample], runs: Sequence[Run], place: Path) -> None:
    """Memory over time, and behind it the tests as bands. Raises OSError."""
    require_matplotlib()
    save_png(_memory_figure(samples, runs), place)


def _rows_figure(rows: Sequence[Row], before: dict[tuple[str, str], Row]) -> Figure:
    from matplotlib.figure import Figure  # no pyplot: no screen and no global state

    figure = Figure(figsize=(13.0, 2.0 + 0.45 * len(rows)), layout="constrained")
    panels: Any = figure.subplots(1, 3, sharey=True)
    names = [f"{each.model.rpartition('/')[2]} ({each.modality})" for each in rows]
    places = list(range(len(rows)))
    colours = [COLOURS.get(each.modality, OTHER) for each in rows]
    old = [before.get((each.model, each.modality)) for each in rows]
    panels[0].barh(places, [each.seconds for each in rows], height=0.5, color=colours, label="now")
    panels[1].barh(places, [each.tokens_per_sec or 0.0 for each in rows], height=0.5, color=colours)
    lows, widths = _spans(rows)
    panels[2].barh(places, widths, left=lows, height=0.5, color=colours)
    if before:
        ends = (([o.seconds if o else None for o in old]), ([o.tokens_per_sec if o else None for o in old]))
        for axes, values in zip(panels, ends, strict=False):
            known = [(value, place) for value, place in zip(values, places, strict=True) if value is not None]
            axes.scatter([v for v, _ in known], [p for _, p in known], marker="|", s=200, color="black", label="before")
        panels[0].legend()
    panels[0].set_yticks(places, names)
    panels[0].invert_yaxis()
    for axes, title in zip(panels, ("time of all tests, s", "tokens/s", "memory of the processes, GB"), strict=True):
        axes.set_title(title)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3, axis="x")
    return figure


def _spans(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Where each row's memory begins and how wide it is; a single figure is drawn as a stroke that can be seen."""
    found = [each.ram_gb or (0.0, 0.0) for each in rows]
    largest = max((high for _, high in found), default=0.0)
    return [low for low, _ in found], [max(high - low, 0.01 * largest if high else 0.0) for low, high in found]


def _memory_figure(samples: Sequence[MemorySample], runs: Sequence[Run]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 7.0), layout="constrained")
    held, machine = figure.subplots(2, 1, sharex=True)
    begin = samples[0].ts if samples else 0.0
    seen = [each for each in runs if within(samples, each.started, each.ended)]
    times = [each.ts - begin for each in samples]
    held.plot(times, [each.process_ram_gb for each in samples], color="black", linewidth=1.2)
    for name, colour in (("ram_free_gb", "tab:cyan"), ("swap_gb", FAILED)):
        values = [getattr(each, name) for each in samples]
        known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
        machine.plot([time for time, _ in known], [value for _, value in known], color=colour, label=name)
    machine.legend(**BESIDE)
    _explain(held, seen)
    for axes, title in ((held, "memory of the processes, GB"), (machine, "the machine, GB")):
        axes.set_title(title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        _bands(axes, seen, begin)
    span = times[-1] if times else 0.0
    for each in seen:
        if span and (each.ended - each.started) / span >= LABELLED_SHARE:
            _name(held, each, begin)
    machine.set_xlabel("s")
    return figure


def _bands(axes: Any, runs: Sequence[Run], begin: float) -> None:
    for each in runs:
        axes.axvspan(each.started - begin, each.ended - begin, color=_colour(each), alpha=BAND_ALPHA)


def _explain(axes: Any, runs: Sequence[Run]) -> None:
    """Which colour is what, of those that are there."""
    from matplotlib.patches import Patch

    names = {_colour(each): "failed" if each.outcome == "failed" else each.modality for each in runs}
    if names:
        patches = [Patch(color=each, alpha=BAND_ALPHA, label=name) for each, name in names.items()]
        axes.legend(handles=patches, **BESIDE)


def _colour(run: Run) -> str:
    return FAILED if run.outcome == "failed" else COLOURS.get(run.modality, OTHER)


def _name(axes: Any, run: Run, begin: float) -> None:
    middle = (run.started + run.ended) / 2 - begin
    name = run.test.rpartition("::")[2][:NAME_CHARACTERS]
    axes.text(middle, 0.98, name, rotation=90, fontsize=7, ha="center", va="top", transform=axes.get_xaxis_transform())
