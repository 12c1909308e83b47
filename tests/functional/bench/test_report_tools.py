"""The tools around benchmark reports, as a user runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.reporting import charts
from benchmarks.reporting.json_lines import append, records
from benchmarks.reporting.memory_track import from_records
from tests.support.eventually import eventually
from tests.support.report_lines import BEGIN, line, write
from tests.support.report_session import (
    ROOT,
    run_session,
    run_tool,
    run_tool_process,
    session_command,
    session_environment,
    write_tests,
)

BROKEN = {"model": {"id": "m", "colour": "red"}}
BROKEN_TIMES = {"duration": -1}


def assert_png(place: Path) -> None:
    with Image.open(place) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(2**20) or ()) > 50


def samples(place: Path, *held: float) -> Path:
    """One a second from BEGIN on."""
    for at, each in enumerate(held):
        taken = {"ts": BEGIN + at, "elapsed_s": at, "ram_free_gb": 9.0 - each, "process_ram_gb": each, "processes": 2}
        append(place, taken)
    return place


def test_valid_reports_pass_and_what_was_never_written_is_named(tmp_path: Path) -> None:
    report = write(tmp_path / "a.jsonl", line("test_a", 0, 1), line("test_b", 1, 1))
    done = run_tool("validate_reports", report)
    assert done.returncode == 0, done.stdout
    assert f"{report}: 2 lines\n" in done.stdout
    assert "never written: system.hardware_profile.metal_version\n" in done.stdout
    assert "never written: performance.peak_ram_gb" not in done.stdout
    assert run_tool("validate_reports", report, "--complete").returncode == 1


def test_every_fault_is_named_by_file_line_and_field(tmp_path: Path) -> None:
    report = write(tmp_path / "a.jsonl", line("a", 0, 1), line("b", 1, 1, **BROKEN), line("c", 2, 1, **BROKEN_TIMES))
    report.write_text(f'{report.read_text()}{{"half": \n[]\n{{"schema_version": "0.1.0"}}\n')
    (tmp_path / "empty.jsonl").touch()
    done = run_tool("validate_reports", report, tmp_path / "empty.jsonl", tmp_path / "none.jsonl")
    assert done.returncode == 1
    for fault in (
        f"{report}:2: model: Additional properties are not allowed ('colour' was unexpected)",
        f"{report}:3: duration: -1 is less than the minimum of 0",
        f"{report}:4: no JSON: ",
        f"{report}:5: no JSON object",
        f"{report}:6: schema_version: '0.1.0' has no schema here; there is 0.2.2",
        f"{tmp_path}/empty.jsonl: no lines",
        f"{tmp_path}/none.jsonl: No such file or directory",
    ):
        assert fault in done.stdout, done.stdout
    assert f"{report}:1:" not in done.stdout


def test_a_script_is_found_by_its_path_too(tmp_path: Path) -> None:
    report = write(tmp_path / "a.jsonl", line("a", 0, 1))
    command = [sys.executable, str(ROOT / "benchmarks/validate_reports.py"), str(report)]
    done = subprocess.run(
        command, capture_output=True, cwd=tmp_path, env=session_environment(), check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_report_becomes_markdown_with_charts_beside_it(tmp_path: Path) -> None:
    now = write(tmp_path / "now.jsonl", line("a", 0, 3), line("b", 3, 1, outcome="failed"))
    more = write(tmp_path / "more.jsonl", line("c", 4, 1, metadata={"inference_modality": "vision"}))
    before = write(tmp_path / "before.jsonl", line("a", 0, 2), line("b", 2, 1))
    memory = samples(tmp_path / "memory.jsonl", 1.0, 2.0, 3.0, 1.0, 0.5)
    target = tmp_path / "report.md"
    done = run_tool("generate_benchmark_report", now, more, "--compare", before, "--memory", memory, "--output", target)
    assert (done.returncode, done.stdout) == (0, f"{target}\n"), done.stderr
    text = target.read_text()
    assert "| org/Tiny-1B-4bit | text | 1 + 1 failed | 4.00 s | +50.0% | 40.0 | - | - | 0.50-3.00 |" in text
    assert "| org/Tiny-1B-4bit | vision | 1 | 1.00 s | - | 40.0 | - | - | 0.50-0.50 |" in text
    assert "![Models](report-models.png)" in text
    assert "![Memory](report-memory.png)" in text
    assert_png(tmp_path / "report-models.png")
    assert_png(tmp_path / "report-memory.png")
    assert not list(tmp_path.glob(".*"))


def test_without_a_file_the_markdown_is_printed_and_nothing_drawn(tmp_path: Path) -> None:
    report = write(tmp_path / "now.jsonl", line("a", 0, 3))
    done = run_tool("generate_benchmark_report", report)
    assert done.returncode == 0
    assert done.stdout.startswith("# Benchmark report\n\n## Summary\n")
    assert [each.name for each in tmp_path.iterdir()] == ["now.jsonl"]


def test_what_cannot_be_read_is_named_and_nothing_is_made_of_it(tmp_path: Path) -> None:
    broken = write(tmp_path / "broken.jsonl", line("a", 0, 1), line("b", 1, 1, **BROKEN))
    target = tmp_path / "report.md"
    done = run_tool("generate_benchmark_report", broken, "--output", target)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{broken}:2: model: Additional properties" in done.stderr
    good = write(tmp_path / "good.jsonl", line("a", 0, 1))
    done = run_tool("generate_benchmark_report", good, "--memory", good, "--output", target)
    assert "it needs ts and process_ram_gb" in done.stderr
    assert not target.exists()


def test_without_matplotlib_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(charts, "find_spec", lambda _: None)
    with pytest.raises(charts.NoMatplotlib, match=r"pip install 'mlxk\[plot\]'"):
        charts.draw_memory([], [], tmp_path / "x.png")


HOLDER = """
import subprocess, sys
held = bytearray(64 << 20)
child = "import sys; held = bytearray(64 << 20); print('up', flush=True); sys.stdin.read()"
subprocess.run([sys.executable, "-c", child])
sys.exit(3)
"""


def test_a_command_and_all_below_it_are_watched_until_it_ends(tmp_path: Path) -> None:
    target = tmp_path / "memory.jsonl"
    command = [sys.executable, "-m", "benchmarks.memmon", "--output", str(target), "--interval", "0.05", "--"]
    with subprocess.Popen(
        [*command, sys.executable, "-c", HOLDER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        assert running.stdout.readline() == b"up\n"
        eventually(lambda: any(each.process_ram_gb >= 0.125 for each in from_records(records(target))), "128 MiB")
        running.stdin.close()
        assert running.wait(60) == 3
    lines = records(target)
    taken = from_records(lines)
    assert max(each.processes for each in taken) >= 2
    assert all(each.ram_free_gb and each.ram_total_gb and each.ram_free_gb <= each.ram_total_gb for each in taken)
    assert [each.elapsed_s for each in taken] == sorted(each.elapsed_s for each in taken)
    assert lines[-1]["summary"] == {
        "samples": len(taken),
        "ram_free_min_gb": min(each.ram_free_gb or 0 for each in taken),
        "ram_free_max_gb": max(each.ram_free_gb or 0 for each in taken),
        "swap_max_gb": max(each.swap_gb or 0 for each in taken),
        "process_ram_max_gb": max(each.process_ram_gb for each in taken),
    }


def test_a_termination_reaches_the_command_and_its_end_is_told(tmp_path: Path) -> None:
    target = tmp_path / "memory.jsonl"
    command = [sys.executable, "-m", "benchmarks.memmon", "--output", str(target), "--"]
    child = "import signal; print('up', flush=True); signal.pause()"
    with subprocess.Popen([*command, sys.executable, "-c", child], cwd=ROOT, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n"
        eventually(lambda: target.exists() and bool(target.read_text()), "the first sample")
        running.terminate()
        assert running.wait(60) == 128 + signal.SIGTERM
    assert "summary" in records(target)[-1]


def test_a_monitor_without_a_command_ends_in_time_and_the_next_adds_to_its_file(tmp_path: Path) -> None:
    target = tmp_path / "memory.jsonl"
    for _ in range(2):
        assert run_tool_process("memmon", "--output", target, "--duration", "0.1", "--interval", "0.05").returncode == 0
    assert sum("summary" in each for each in records(target)) == 2


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run_tool_process("memmon", "--output", tmp_path / "x.jsonl", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, "no-such-command: No such file or directory\n")
    done = run_tool_process("memmon", "--output", tmp_path / "nowhere/x.jsonl", "--", "true")
    assert done.returncode == 1
    assert "nowhere/x.jsonl: No such file or directory" in done.stderr


def test_tests_and_memory_find_each_other_by_their_times(tmp_path: Path) -> None:
    """A run under the monitor, then the picture: the test that waits for a sample has one, which its band shows."""
    write_tests(
        tmp_path / "suite",
        "import pathlib\nfrom tests.support.eventually import eventually\ndef test_is_sampled():\n"
        f"    place = pathlib.Path({str(tmp_path / 'memory.jsonl')!r}); before = len(place.read_text().splitlines())\n"
        "    eventually(lambda: len(place.read_text().splitlines()) >= before + 3, 'three samples')\n",
    )
    report, memory, picture = (tmp_path / name for name in ("report.jsonl", "memory.jsonl", "memory.png"))
    inner = session_command(tmp_path / "suite", "--report-output", str(report))
    monitor = [sys.executable, "-m", "benchmarks.memmon", "--output", str(memory), "--interval", "0.05", "--", *inner]
    done = subprocess.run(
        monitor, cwd=ROOT, env=session_environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout
    drawn = run_tool("memplot", memory, "--report", report, "--output", picture)
    assert drawn.returncode == 0, drawn.stderr
    assert "1 of 1 tests were sampled" in drawn.stdout
    assert_png(picture)
    assert "| (no model) | unknown | 1 |" in run_tool("generate_benchmark_report", report, "--memory", memory).stdout


def test_tests_from_another_time_are_not_drawn(tmp_path: Path) -> None:
    memory = samples(tmp_path / "memory.jsonl", 1.0, 2.0)
    report = write(tmp_path / "report.jsonl", line("a", 500, 1))
    drawn = run_tool("memplot", memory, "--report", report, "--output", tmp_path / "x.png")
    assert "2 samples, 0 of 1 tests were sampled" in drawn.stdout
    assert_png(tmp_path / "x.png")


def test_a_bad_interval_is_refused(tmp_path: Path) -> None:
    done = run_tool_process("memmon", "--output", tmp_path / "x", "--interval", "0", "--", "true")
    assert done.returncode == 2
    assert "must be 0.01 seconds or more" in done.stderr


def test_a_session_of_real_tests_becomes_a_report(tmp_path: Path) -> None:
    write_tests(tmp_path / "suite", "def test_a(): pass\ndef test_b(): assert False\n")
    run_session(tmp_path / "suite", "--report-output", str(tmp_path / "report.jsonl"))
    text = run_tool("generate_benchmark_report", tmp_path / "report.jsonl").stdout
    assert "| (no model) | unknown | 1 + 1 failed |" in text
    assert "## Failed\n\n- `test_it.py::test_b`" in text
