"""`--report-output`, in real pytest sessions."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.reporting import schema
from benchmarks.reporting.json_lines import records
from tests.support.report_session import run_session, session_command, session_environment, write_tests

OUTCOMES = """
import pytest

def test_passes(): pass
def test_fails(): assert False
@pytest.mark.skip(reason="no")
def test_is_skipped(): pass
def test_skips_itself(): pytest.skip("no")
@pytest.fixture
def broken(): raise RuntimeError
def test_has_a_broken_setup(broken): pass
@pytest.fixture
def leaking():
    yield
    raise RuntimeError
def test_has_a_broken_teardown(leaking): pass
@pytest.mark.xfail(reason="known")
def test_fails_as_expected(): assert False
@pytest.mark.xfail(strict=True, reason="known")
def test_passes_unexpectedly(): pass
@pytest.mark.parametrize("way", ["a b"])
def test_has_ways(way): pass
def test_has_parts(subtests):
    for each in (True, False):
        with subtests.test(each=each):
            assert each
"""

EVERYTHING = '''
import subprocess, sys
import pytest

@pytest.fixture
def text_model_info():
    return {"id": "org/Tiny-1B-4bit", "size_bytes": 2**30, "framework": "MLX"}

@pytest.fixture
def server():
    """Something that holds 64 MiB and has a child that does too."""
    hold = "import subprocess, sys; held = bytearray(64 << 20); "
    child = hold + "print('up', flush=True); sys.stdin.read()"
    parent = hold + f"subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"up\\n"
        yield
        running.stdin.close()

def test_tells_all(text_model_info, server, benchmark_facts):
    timings = {"load_seconds": 0.5, "first_token_seconds": 0.1, "decode_tokens_per_second": 40.0}
    benchmark_facts.cli_answer({"usage": {"prompt_tokens": 3, "completion_tokens": 4}, "timings": timings})
    benchmark_facts.stop_tokens(["</s>"], [], leaked=False)

def test_sees_on_a_text_model(text_model_info, record_property):
    record_property("inference_modality", "vision")
    record_property("clip", "a.png")

def test_says_nonsense(record_property):
    record_property("performance.tokens_per_sec", "fast")
'''
ON_A_MAC = """
from tests.support.recorded_mac import recorded_mac

def pytest_benchmark_machine():
    return recorded_mac()
"""

Lines = dict[str, dict[str, object]]


def by_test(place: Path) -> Lines:
    return {str(each["test"]).partition("::")[2]: each for each in records(place)}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lines, str]:
    """The lines of EVERYTHING on a recorded Apple machine, and what pytest printed."""
    folder = tmp_path_factory.mktemp("told")
    write_tests(folder, EVERYTHING, ON_A_MAC)
    done = run_session(folder, "--report-output", "deep/down/report.jsonl")
    return by_test(folder / "deep/down/report.jsonl"), done.stdout + done.stderr


def section(record: Mapping[str, object], name: str) -> dict[str, object]:
    found = record[name]
    assert isinstance(found, dict)
    return found


def test_every_test_has_a_valid_line_with_its_outcome(tmp_path: Path) -> None:
    write_tests(tmp_path, OUTCOMES)
    run_session(tmp_path, "--report-output", "report.jsonl")
    lines = by_test(tmp_path / "report.jsonl")
    assert {name: each["outcome"] for name, each in lines.items()} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_is_skipped": "skipped",
        "test_skips_itself": "skipped",
        "test_has_a_broken_setup": "failed",
        "test_has_a_broken_teardown": "failed",
        "test_fails_as_expected": "skipped",
        "test_passes_unexpectedly": "failed",
        "test_has_ways[a b]": "passed",
        "test_has_parts": "failed",
    }
    for each in lines.values():
        assert schema.version_problems(each) == []
        started, ended, seconds = (each[name] for name in ("test_start_ts", "test_end_ts", "duration"))
        assert isinstance(started, float)
        assert isinstance(ended, float)
        assert isinstance(seconds, float)
        assert started < ended


def test_what_another_plugin_makes_of_an_outcome_stands(tmp_path: Path) -> None:
    write_tests(
        tmp_path,
        "def test_one(): pass",
        "import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport():\n    report = yield\n"
        "    if report.when == 'teardown': report.outcome, report.longrepr = 'failed', 'late'\n    return report\n",
    )
    run_session(tmp_path, "--report-output", "report.jsonl")
    assert by_test(tmp_path / "report.jsonl")["test_one"]["outcome"] == "failed"


def test_memory_is_sampled_while_the_test_runs_and_no_longer_when_it_is_torn_down(tmp_path: Path) -> None:
    write_tests(
        tmp_path,
        "import threading, pytest\n"
        "def samplers(): return [each.name for each in threading.enumerate() if 'sampler' in each.name]\n"
        "@pytest.fixture\ndef late():\n    yield\n    assert samplers() == []\n"
        "def test_one(late): assert samplers() == ['memory-sampler']\n",
    )
    assert run_session(tmp_path, "--report-output", "report.jsonl").returncode == 0


def test_no_field_of_the_schema_stays_unwritten(told: tuple[Lines, str]) -> None:
    lines, _ = told
    fields = set(schema.leaves(schema.current()))
    assert fields - {each for line in lines.values() for each in schema.written(line, schema.current())} == set()
    assert [fault for line in lines.values() for fault in schema.version_problems(line)] == []


def test_model_machine_and_memory_are_told_without_the_tests_help(told: tuple[Lines, str]) -> None:
    line = told[0]["test_tells_all"]
    assert line["model"] == {
        "id": "org/Tiny-1B-4bit", "size_gb": 1.0, "family": "tiny", "variant": "1b", "framework": "MLX",
        "quantization": "4bit",
    }  # fmt: skip
    performance = section(line, "performance")
    peak, stable = performance["peak_ram_gb"], performance["stable_ram_gb"]
    assert isinstance(peak, float)
    assert isinstance(stable, float)
    assert 0.125 <= stable <= peak < 2
    profile = section(section(line, "system"), "hardware_profile")
    assert (profile["chip"], profile["metal_version"]) == ("Apple M2 Max", "3")
    assert section(line, "system_health")["quality_flags"] == ["clean"]
    assert line["metadata"] == {"inference_modality": "text", "portfolio_fixture": "text_model_info"}


def test_properties_override_and_unlisted_ones_are_metadata(told: tuple[Lines, str]) -> None:
    line = told[0]["test_sees_on_a_text_model"]
    assert line["metadata"] == {
        "inference_modality": "vision", "portfolio_fixture": "text_model_info", "clip": "a.png"
    }  # fmt: skip


def test_a_property_that_its_field_cannot_hold_fails_the_test_by_name(told: tuple[Lines, str]) -> None:
    lines, output = told
    assert lines["test_says_nonsense"]["outcome"] == "failed"
    assert "the benchmark report cannot hold performance.tokens_per_sec: 'fast' is not of type 'number'" in output


def test_the_next_run_adds_its_lines_and_mends_a_torn_one(tmp_path: Path) -> None:
    write_tests(tmp_path, "def test_one(): pass")
    report = tmp_path / "report.jsonl"
    run_session(tmp_path, "--report-output", "report.jsonl")
    report.write_bytes(report.read_bytes() + b'{"half": ')
    run_session(tmp_path, "--report-output", "report.jsonl")
    lines = report.read_text().splitlines()
    assert len(lines) == 3
    assert lines[1] == '{"half": '
    assert '"outcome": "passed"' in lines[0]
    assert '"outcome": "passed"' in lines[2]


def test_a_killed_run_keeps_the_lines_of_what_was_done(tmp_path: Path) -> None:
    write_tests(tmp_path, "import signal\ndef test_one(): pass\ndef test_two():\n    print('here'); signal.pause()\n")
    command = session_command(tmp_path, "-s", "-v", "--report-output", str(tmp_path / "report.jsonl"))
    with subprocess.Popen(command, cwd=tmp_path, env=session_environment(), stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if b"here" in line:
                break
        os.kill(running.pid, signal.SIGKILL)
    assert list(by_test(tmp_path / "report.jsonl")) == ["test_one"]


def test_a_place_that_cannot_be_written_stops_before_the_first_test(tmp_path: Path) -> None:
    write_tests(tmp_path, "def test_one(): pass")
    done = run_session(tmp_path, "--report-output", str(tmp_path))
    assert done.returncode == 4
    assert f"--report-output {tmp_path}: Is a directory" in done.stderr
    assert "1 passed" not in done.stdout


def test_a_report_that_can_no_longer_be_written_fails_the_tests_in_words(tmp_path: Path) -> None:
    write_tests(
        tmp_path,
        "import pathlib\ndef test_one():\n    place = pathlib.Path('report.jsonl'); place.unlink(); place.mkdir()\n",
    )
    done = run_session(tmp_path, "--report-output", "report.jsonl")
    assert done.returncode == 1
    assert "cannot write the benchmark report" in done.stdout
    assert "Is a directory" in done.stdout


def test_without_the_option_nothing_is_written_and_the_facts_go_nowhere(tmp_path: Path) -> None:
    write_tests(tmp_path, "def test_one(benchmark_facts): benchmark_facts.load_time(1.0)")
    assert run_session(tmp_path).returncode == 0
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_test_may_change_the_folder(tmp_path: Path) -> None:
    write_tests(tmp_path, "import os\ndef test_one(tmp_path): os.chdir(tmp_path)\ndef test_two(): pass")
    run_session(tmp_path, "--report-output", "report.jsonl")
    assert list(by_test(tmp_path / "report.jsonl")) == ["test_one", "test_two"]
