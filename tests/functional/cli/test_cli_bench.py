"""`mlxk bench`, with a model whose speed is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.fakes.cli_services import FakeServices, Line

FEW = ("--prompt-tokens", "50,100", "--batch", "1,2", "--answer-tokens", "11", "--runs", "1")


def line() -> Line:
    return Line(FakeServices())


def test_people_get_a_table() -> None:
    shown = line().run("bench", "m", *FEW)
    assert shown.code == 0
    rows = [row.split() for row in shown.out.splitlines()]
    assert rows[0][:3] == ["Prompt", "Batch", "Answer"]
    assert [row[:5] for row in rows[1:]] == [
        ["50", "1", "11", "1,000.0", "100.0"],
        ["50", "2", "11", "1,000.0", "200.0"],
        ["100", "1", "11", "1,000.0", "100.0"],
        ["100", "2", "11", "1,000.0", "200.0"],
    ]


def test_scripts_get_the_report() -> None:
    data = json.loads(line().run("bench", "m", *FEW, "--json").out)["data"]
    assert data["format"] == "mlxk-bench/1"
    assert data["measurements"][1]["decode_rate"] == {"median": 200.0, "low": 200.0, "high": 200.0}
    assert data["comparison"] is None


def test_a_saved_report_can_be_compared_with(tmp_path: Path) -> None:
    saved = tmp_path / "before.json"
    assert line().run("bench", "m", *FEW, "--save", str(saved)).code == 0
    shown = line().run("bench", "m", *FEW, "--compare", str(saved))
    assert "1.00x" in shown.out
    data = json.loads(line().run("bench", "m", *FEW, "--compare", str(saved), "--json").out)["data"]
    assert [each["decode"] for each in data["comparison"]] == [1.0] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["before.json"]


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    assert line().run("bench", "m", *FEW, "--plot", str(target)).code == 0
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--batch", "1,x"), "--batch needs whole numbers"),
        (("--batch", "0"), "--batch must be from 1"),
        (("--prompt-tokens", "5000"), "prompt 5,000 + answer 128 > context 600"),
        (("--save", "/nowhere/x.json"), "no folder /nowhere"),
        (("--plot", "/"), "it is a folder"),
        (("--compare", "/nowhere.json"), "cannot read /nowhere.json"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(words: tuple[str, ...], complaint: str) -> None:
    asked = line()
    shown = asked.run("bench", "m", *words)
    assert shown.code != 0
    assert complaint in shown.err
    assert asked.services.measured.requests == []


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    shown = line().run("bench", "m", "--compare", str(tmp_path / "x.json"))
    assert "no report of `mlxk bench --save`" in shown.err
    assert shown.code == 1


def test_the_workers_are_ended() -> None:
    asked = line()
    asked.run("bench", "m", *FEW)
    assert asked.services.pool.closed == 1
