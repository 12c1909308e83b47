"""A report for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.reporting.memory_track import MemorySample
from benchmarks.reporting.runs import Comparison, Row, Run, compare, rows, time_change

OUTCOMES = ("passed", "failed", "skipped")
NOTHING = "-"


@dataclass(frozen=True)
class Sources:
    """What a report is made of. before: the runs to compare with. charts: title -> file, relative to the report."""

    runs: Sequence[Run]
    before: Sequence[Run] = ()
    samples: Sequence[MemorySample] = ()
    charts: Sequence[tuple[str, str]] = ()


def render(sources: Sources) -> str:
    runs, before = sources.runs, sources.before
    parts = [
        "# Benchmark report",
        _summary(runs, before),
        _system(runs),
        _health(runs, sources.samples),
        _models(rows(runs, before, sources.samples), compared=bool(before)),
        _stop_tokens(runs),
        _names("## Failed", [each.test for each in runs if each.outcome == "failed"]),
        _comparison(compare(runs, before)) if before else "",
        _charts(sources.charts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(runs: Sequence[Run], before: Sequence[Run]) -> str:
    facts = [("", "now", *(("before",) if before else ()))]
    sides = [runs, before] if before else [runs]
    facts.append(("runs began", *(_when(min(each.started for each in side)) for side in sides)))
    facts.append(("mlxk", *(", ".join(sorted({each.version for each in side})) for side in sides)))
    facts += [(each, *(str(_count(side, each)) for side in sides)) for each in OUTCOMES]
    facts.append(("models", *(str(len({each.model for each in side if each.model})) for side in sides)))
    facts.append(("time of all tests", *(_duration(sum(each.seconds for each in side)) for side in sides)))
    lines = ["## Summary", "", *_table(facts)]
    change = time_change(runs, before)
    if before:
        lines += ["", f"Time of the tests that passed in both: {_change(change)}."]
    return "\n".join(lines)


def _system(runs: Sequence[Run]) -> str:
    found = list(dict.fromkeys(_machine(each.system) for each in runs if each.system))
    return "\n".join(["## System", "", *(f"- {each}" for each in found)]) if found else ""


def _machine(system: Mapping[str, object]) -> str:
    profile = system.get("hardware_profile")
    told = profile if isinstance(profile, Mapping) else {}
    metal = f"Metal {told['metal_version']}" if "metal_version" in told else None
    total = system.get("ram_total_gb")
    parts = [
        system.get("hardware"),
        told.get("model_identifier"),
        metal,
        f"{_figure(total, 1)} GB RAM" if isinstance(total, int | float) else None,
        system.get("platform_version"),
        f"Python {system['python_version']}" if "python_version" in system else None,
        f"MLX {system['mlx_version']}" if "mlx_version" in system else None,
    ]
    return ", ".join(str(each) for each in parts if each)


def _health(runs: Sequence[Run], samples: Sequence[MemorySample]) -> str:
    flags = Counter(flag for each in runs for flag in each.flags)
    facts = [("", "")]
    facts += [(flag, f"{count} tests") for flag, count in sorted(flags.items())]
    facts.append(("swap at the most, GB", _largest(each.health.get("swap_gb") for each in runs)))
    facts.append(("free RAM before a test, GB", _span(each.health.get("ram_free_gb") for each in runs)))
    facts.append(("processes that should have gone", _largest((e.health.get("zombies_detected") for e in runs), 0)))
    if samples:
        facts.append(("free RAM as sampled, GB", _span(each.ram_free_gb for each in samples)))
        facts.append(("swap as sampled, at the most, GB", _largest(each.swap_gb for each in samples)))
    lines = ["## System health", "", *_table(facts)]
    degraded = [f"{each.test}: {', '.join(each.flags)}" for each in runs if each.flags and each.flags != ["clean"]]
    if degraded:
        lines += ["", "Measured while the machine was not at its best:", "", *(f"- `{each}`" for each in degraded)]
    return "\n".join(lines)


def _models(found: Sequence[Row], *, compared: bool) -> str:
    change = ("change",) if compared else ()
    head = ("model", "modality", "tests", "time", *change, "tokens/s", "first token, s", "load, s", "RAM, GB")
    body = [
        (
            each.model,
            each.modality,
            _tests(each.outcomes),
            _duration(each.seconds),
            *((_change(each.change),) if compared else ()),
            _figure(each.tokens_per_sec, 1),
            _figure(each.first_token_seconds, 3),
            _figure(each.load_seconds, 2),
            NOTHING if each.ram_gb is None else f"{each.ram_gb[0]:.2f}-{each.ram_gb[1]:.2f}",
        )
        for each in found
    ]
    return "\n".join(["## Models", "", *_table([head, *body])])


def _stop_tokens(runs: Sequence[Run]) -> str:
    told = [each for each in runs if each.stop_tokens]
    if not told:
        return ""
    body = [
        (
            each.model or NOTHING,
            *(_tokens(each.stop_tokens.get(name)) for name in ("configured", "detected")),
            str(each.stop_tokens.get("workaround", NOTHING)),
            {True: "yes", False: "no"}.get(each.stop_tokens.get("leaked") is True, NOTHING),
        )
        for each in told
    ]
    head = ("model", "configured", "detected", "workaround", "leaked")
    return "\n".join(["## Stop tokens", "", *_table([head, *dict.fromkeys(body)])])


def _comparison(found: Comparison) -> str:
    head = ("test", "before", "now", "change", "")
    body = [
        (f"`{each.test}`", _duration(each.before_seconds), _duration(each.seconds), _change(each.change), each.verdict)
        for each in found.changes
        if each.verdict != "same"
    ]
    same = sum(each.verdict == "same" for each in found.changes)
    lines = ["## Comparison", ""]
    lines += [*_table([head, *body]), ""] if body else []
    lines.append(f"{same} tests take as long as before, give or take 5 %.")
    lists = [("Failing now", found.broken), ("Failing no more", found.mended)]
    lists += [("New", found.fresh), ("Gone", found.gone)]
    return "\n\n".join(["\n".join(lines), *(_names(f"### {title}", names) for title, names in lists if names)])


def _charts(charts: Sequence[tuple[str, str]]) -> str:
    return "\n\n".join(["## Charts", *(f"![{title}]({file})" for title, file in charts)]) if charts else ""


def _names(title: str, names: Iterable[str]) -> str:
    found = [f"- `{each}`" for each in dict.fromkeys(names)]
    return "\n".join([title, "", *found]) if found else ""


def _table(lines: Sequence[Sequence[str]]) -> list[str]:
    rendered = ["| " + " | ".join(each.replace("|", "\\|") for each in line) + " |" for line in lines]
    return [rendered[0], "|" + "---|" * len(lines[0]), *rendered[1:]]


def _count(runs: Iterable[Run], outcome: str) -> int:
    return sum(each.outcome == outcome for each in runs)


def _tests(outcomes: Mapping[str, int]) -> str:
    """`5`, or `3 + 1 failed + 1 skipped`."""
    parts = [f"{outcomes[each]} {each}" for each in OUTCOMES[1:] if outcomes.get(each)]
    passed = outcomes.get("passed", 0)
    return " + ".join([str(passed), *parts] if passed or not parts else parts)


def _tokens(value: object) -> str:
    return " ".join(f"`{each}`" for each in value) or NOTHING if isinstance(value, list) else NOTHING


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `4 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def _change(share: float | None) -> str:
    return NOTHING if share is None else f"{share:+.1%}"


def _figure(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def _numbers(values: Iterable[object]) -> list[float]:
    return [float(each) for each in values if isinstance(each, int | float)]


def _largest(values: Iterable[object], digits: int = 2) -> str:
    found = _numbers(values)
    return _figure(max(found), digits) if found else NOTHING


def _span(values: Iterable[object]) -> str:
    found = _numbers(values)
    return f"{min(found):.2f}-{max(found):.2f}" if found else NOTHING
