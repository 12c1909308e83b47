"""docs/benchmark-reports.md says what is so."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

from benchmarks.reporting import health, schema
from tests.plugins.report_plugin import Reporter
from tests.support.benchmark_facts import BenchmarkFacts

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "benchmark-reports.md").read_text(encoding="utf-8")


def test_the_example_is_a_valid_line_with_every_field() -> None:
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    line = json.loads(example)
    assert schema.version_problems(line) == []
    assert schema.written(line, schema.current()) == set(schema.leaves(schema.current()))


def test_every_tool_that_is_named_is_there_and_every_one_that_is_there_is_named() -> None:
    named = set(re.findall(r"python -m (benchmarks\.\w+)", PAGE))
    assert all(importlib.util.find_spec(each) for each in named)
    assert {
        f"benchmarks.{each}" for each in ("validate_reports", "generate_benchmark_report", "memmon", "memplot")
    } == named


def test_every_quality_flag_is_explained() -> None:
    flags = schema.subschema(schema.current(), "system_health.quality_flags")["items"]["enum"]
    assert set(flags) == {health.CLEAN, health.SWAP, health.ZOMBIES, health.MEMORY}
    assert all(f"| `{each}` |" in PAGE for each in flags)


def test_what_a_test_can_tell_and_every_hook_are_named() -> None:
    told = [name for name in vars(BenchmarkFacts) if not name.startswith("_")]
    hooks = [name for name in vars(Reporter) if name.startswith("pytest_")]
    assert [name for name in (*told, *hooks) if name not in PAGE] == []


def test_files_that_are_named_are_there() -> None:
    named = re.findall(r"`((?:benchmarks|tests)/[\w/.-]+\.(?:py|json))`", PAGE)
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []
