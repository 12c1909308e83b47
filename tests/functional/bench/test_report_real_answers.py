"""The figures of real answers: the command line and the server, with the built-in model."""

from __future__ import annotations

import pytest

from benchmarks.reporting import schema
from benchmarks.reporting.json_lines import records
from tests.support.report_session import run_session, write_tests

SUITE = """
import json, os, subprocess, sys, time, urllib.request
import pytest
from benchmarks.server_processes import ours
from tests.support.benchmark_facts import AnswerTimes, load_seconds

@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    # no server of somebody else's is found
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HF_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)

@pytest.fixture
def text_model_info():
    return {"id": "mlxk/demo", "size_bytes": 3536682, "framework": "MLX"}

@pytest.fixture
def server(benchmark_facts):
    with ours(dict(os.environ), "--model", "demo") as (url, _):
        yield url
        begin = time.perf_counter()
    benchmark_facts.cleanup_time(time.perf_counter() - begin)

def test_the_command_line_answers(text_model_info, benchmark_facts):
    command = [sys.executable, "-m", "mlxk", "run", "demo", "Who are you?", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    benchmark_facts.cli_answer(json.loads(done.stdout)["data"])

def test_the_server_streams(text_model_info, server, benchmark_facts):
    body = {"model": "mlxk/demo", "messages": [{"role": "user", "content": "Who are you?"}], "stream": True,
            "stream_options": {"include_usage": True}}
    sent = time.perf_counter()
    request = urllib.request.Request(f"{server}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    pieces, first = [], None
    with urllib.request.urlopen(request) as answer:
        for line in answer:
            if line.startswith(b"data: {"):
                pieces.append(json.loads(line[6:]))
                if first is None and any(each["delta"].get("content") for each in pieces[-1]["choices"]):
                    first = time.perf_counter()
    benchmark_facts.http_answer(pieces[-1]["usage"], AnswerTimes(sent, time.perf_counter(), first))
    with urllib.request.urlopen(f"{server}/metrics") as answer:
        benchmark_facts.load_time(load_seconds(answer.read().decode(), "mlxk/demo"))
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder = tmp_path_factory.mktemp("real")
    write_tests(folder, SUITE)
    done = run_session(folder, "--report-output", "report.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    return {str(each["test"]).partition("::")[2]: each for each in records(folder / "report.jsonl")}


@pytest.mark.parametrize("name", ["test_the_command_line_answers", "test_the_server_streams"])
def test_a_real_answer_fills_every_figure(lines: dict[str, dict[str, object]], name: str) -> None:
    line = lines[name]
    assert schema.version_problems(line) == []
    figures = line["performance"]
    assert isinstance(figures, dict)
    wanted = schema.subschema(schema.current(), "performance")["properties"]
    assert set(figures) == set(wanted)
    assert all(each > 0 for each in figures.values())
    assert figures["completion_tokens"] > 1
    assert figures["peak_ram_gb"] > 0.02  # an interpreter with MLX
