"""Many lines summed up, compared, and written for people."""

from __future__ import annotations

import dataclasses

from benchmarks.reporting.markdown import Sources, render
from benchmarks.reporting.memory_track import MemorySample, from_records, sample_record, summary, within
from benchmarks.reporting.runs import NO_MODEL, Run, compare, from_record, rows, time_change

CLEAN = {"quality_flags": ["clean"], "swap_gb": 0.0, "ram_free_gb": 20.0, "zombies_detected": 0}
SWAPPED = {"quality_flags": ["degraded_swap"], "swap_gb": 1.5, "ram_free_gb": 8.0, "zombies_detected": 0}
SYSTEM = {
    "hardware": "Apple M2 Max, 8+4 cores, 38 GPU cores",
    "ram_total_gb": 64.0,
    "platform_version": "macOS 15.7",
    "python_version": "3.11.7",
    "mlx_version": "0.3",
    "hardware_profile": {"model_identifier": "Mac14,13", "metal_version": "3"},
}


def run(name: str, seconds: float = 1.0, outcome: str = "passed", model: str | None = "org/m", **more: object) -> Run:
    plain = Run(
        test=name,
        outcome=outcome,
        seconds=seconds,
        started=100.0,
        ended=100.0 + seconds,
        version="1.0.0",
        model=model,
        modality="text",
        performance={},
        system=SYSTEM,
        health=CLEAN,
        stop_tokens={},
    )
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def sample(ts: float, held: float, free: float | None = 10.0, swap: float | None = 0.0) -> MemorySample:
    return MemorySample(ts, ts - 100.0, 64.0, free, swap, held, 2)


def test_there_is_a_row_for_each_model_and_sense_and_the_modelless_come_last() -> None:
    found = rows([run("a", model=None), run("b"), run("c", modality="vision"), run("d", model="org/a"), run("e")])
    keys = [(each.model, each.modality, dict(each.outcomes)) for each in found]
    assert keys == [
        ("org/a", "text", {"passed": 1}),
        ("org/m", "text", {"passed": 2}),
        ("org/m", "vision", {"passed": 1}),
        (NO_MODEL, "text", {"passed": 1}),
    ]


def test_a_rows_figures_are_medians_of_those_that_have_them_and_its_memory_spans_all() -> None:
    figures = [
        {"tokens_per_sec": 10.0, "stable_ram_gb": 2.0, "peak_ram_gb": 3.0},
        {"tokens_per_sec": 30.0, "model_load_time_s": 5.0, "stable_ram_gb": 1.5, "peak_ram_gb": 2.5},
        {},
    ]
    [row] = rows([run(str(at), performance=each) for at, each in enumerate(figures)])
    assert (row.tokens_per_sec, row.load_seconds, row.first_token_seconds) == (20.0, 5.0, None)
    assert row.ram_gb == (1.5, 3.0)


def test_samples_taken_during_a_test_tell_its_memory() -> None:
    measured = run("a", 2.0, performance={"peak_ram_gb": 9.0})
    [row] = rows([measured], samples=[sample(99.9, 7.0), sample(100.0, 1.0), sample(102.0, 2.0), sample(102.1, 8.0)])
    assert row.ram_gb == (1.0, 2.0)
    [row] = rows([measured], samples=[sample(500.0, 1.0)])
    assert row.ram_gb == (9.0, 9.0)


def test_the_change_of_time_is_that_of_tests_which_passed_in_both() -> None:
    now = [run("a", 3.0), run("new", 100.0), run("broken", 50.0, "failed")]
    before = [run("a", 2.0), run("gone", 7.0), run("broken", 1.0)]
    assert time_change(now, before) == 0.5
    assert time_change(now, [run("gone")]) is None


def test_a_test_that_ran_several_times_counts_by_its_median() -> None:
    assert time_change([run("a", 1.0), run("a", 9.0), run("a", 2.0)], [run("a", 1.0)]) == 1.0


def test_a_comparison_tells_what_became_slower_broke_was_mended_came_and_went() -> None:
    now = [run("slow", 2.0), run("fast", 1.0), run("same", 1.04), run("broke", 1, "failed"), run("mended"), run("new")]
    before = [
        run("slow", 1.0),
        run("fast", 2.0),
        run("same", 1.0),
        run("broke"),
        run("mended", 1, "failed"),
        run("old"),
    ]
    found = compare(now, before)
    assert [(each.test, each.verdict) for each in found.changes] == [
        ("slow", "slower"),
        ("same", "same"),
        ("fast", "faster"),
    ]
    assert (found.broken, found.mended, found.fresh, found.gone) == (["broke"], ["mended"], ["new"], ["old"])


def test_old_fixture_names_are_called_legacy() -> None:
    line = {
        "test": "t", "outcome": "passed", "duration": 1, "test_start_ts": 1, "test_end_ts": 2, "mlx_knife_version": "1"
    }  # fmt: skip
    legacy = {"inference_modality": "unknown", "portfolio_fixture": "model_key"}
    assert from_record({**line, "metadata": legacy}).modality == "Unknown (legacy)"
    assert from_record({**line, "metadata": {"inference_modality": "unknown"}}).modality == "unknown"
    told = {**legacy, "inference_modality": "audio"}
    assert from_record({**line, "metadata": told}).modality == "audio"


def test_a_report_says_all_of_it() -> None:
    figures = {"tokens_per_sec": 41.26, "time_to_first_token_s": 0.1234, "stable_ram_gb": 1.0, "peak_ram_gb": 2.345}
    stops = {"configured": ["</s>", "<|end|>"], "detected": ["</s>"], "workaround": "none", "leaked": False}
    now = [
        run("t::a[x|y]", 75.0, performance=figures, stop_tokens=stops),
        run("t::b", 1.0, "failed", health=SWAPPED),
        run("t::c", 0.5, "skipped", model=None, modality="unknown"),
    ]
    text = render(
        Sources(now, [run("t::a[x|y]", 50.0), run("t::b", 2.0)], [sample(100.5, 1.25, 3.5)], [("Models", "m.png")])
    )
    for line in (
        "| passed | 1 | 2 |",
        "| time of all tests | 1 min 16 s | 52.0 s |",
        "Time of the tests that passed in both: +50.0%.",
        "- Apple M2 Max, 8+4 cores, 38 GPU cores, Mac14,13, Metal 3, 64.0 GB RAM, macOS 15.7, Python 3.11.7, MLX 0.3",
        "| clean | 2 tests |",
        "| degraded_swap | 1 tests |",
        "| swap at the most, GB | 1.50 |",
        "| free RAM before a test, GB | 8.00-20.00 |",
        "| free RAM as sampled, GB | 3.50-3.50 |",
        "- `t::b: degraded_swap`",
        "| org/m | text | 1 + 1 failed | 1 min 16 s | +50.0% | 41.3 | 0.123 | - | 1.25-1.25 |",
        "| (no model) | unknown | 1 skipped | 0.50 s | - | - | - | - | 1.25-1.25 |",
        "| org/m | `</s>` `<\\|end\\|>` | `</s>` | none | no |",
        "| `t::a[x\\|y]` | 50.0 s | 1 min 15 s | +50.0% | slower |",
        "### Failing now\n\n- `t::b`",
        "### New\n\n- `t::c`",
        "![Models](m.png)",
    ):
        assert f"{line}\n" in text, line


def test_without_a_comparison_nothing_is_compared() -> None:
    text = render(Sources([run("t::a")]))
    assert "change" not in text
    assert "Comparison" not in text
    assert "| model | modality | tests | time | tokens/s |" in text


def test_samples_come_back_from_their_lines_by_time_and_a_monitors_summary_is_no_sample() -> None:
    taken = [sample(101.0, 1.0), sample(100.0, 3.0, None, None)]
    lines = [*(sample_record(each) for each in taken), summary(taken)]
    assert from_records(lines) == [taken[1], taken[0]]
    free = {"ram_free_min_gb": 10.0, "ram_free_max_gb": 10.0}
    assert lines[-1] == {"summary": {"samples": 2, **free, "swap_max_gb": 0.0, "process_ram_max_gb": 3.0}}


def test_a_sample_belongs_to_a_test_from_its_start_to_its_end() -> None:
    taken = [sample(at, at) for at in (1.0, 2.0, 3.0, 4.0)]
    assert [each.ts for each in within(taken, 2.0, 3.0)] == [2.0, 3.0]
