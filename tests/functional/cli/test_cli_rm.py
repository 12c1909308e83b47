"""`mlxk rm`: plan, ask where a name was completed, execute."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest

from tests.support.fakes.cli_services import FakeServices, Line, report

NAME = "mlx-community/Qwen3-4bit"


def line(*, terminal: bool = False, stdin: str = "", locked: bool = False) -> Line:
    services = FakeServices((report(NAME),))
    if locked:
        services.removing.held_locks = (PurePosixPath("/cache/.locks/x.lock"),)
    return Line(services, terminal=terminal, stdin=stdin)


def test_a_name_written_in_full_is_removed_without_a_question() -> None:
    removing = line(terminal=True)
    seen = removing.run("rm", NAME)
    assert (seen.code, seen.out) == (0, f"Removed {NAME}: 4.61 GB freed\n")
    assert removing.services.removing.removed == [(NAME, False)]


def test_a_completed_name_needs_yes_where_nobody_can_be_asked() -> None:
    removing = line(stdin="y\n")
    seen = removing.run("rm", "qwen".title())
    assert seen.code == 1
    assert f"it would remove {NAME}" in seen.err
    assert "--yes" in seen.err
    assert not removing.services.removing.removed


def test_a_completed_name_needs_yes_in_json_also_on_a_terminal() -> None:
    seen = line(terminal=True, stdin="y\n").run("rm", "Qwen3", "--json")
    error = json.loads(seen.out)["error"]
    assert (seen.code, error["detail"]) == (1, {"requires_confirmation": True, "model": NAME})


@pytest.mark.parametrize("flag", ["--yes", "-y"])
def test_yes_answers_the_question(flag: str) -> None:
    removing = line()
    assert removing.run("rm", "Qwen3", flag).code == 0
    assert removing.services.removing.removed == [(NAME, False)]


def test_force_is_for_locks_and_answers_no_question() -> None:
    removing = line()
    assert removing.run("rm", "Qwen3", "--force").code == 1
    assert not removing.services.removing.removed


@pytest.mark.parametrize(("answer", "removed"), [("y", 1), (" YES ", 1), ("n", 0), ("", 0), ("yep", 0)])
def test_a_person_is_asked_about_a_completed_name(answer: str, removed: int) -> None:
    removing = line(terminal=True, stdin=f"{answer}\n")
    seen = removing.run("rm", "Qwen3")
    assert seen.code == 0
    assert f"Would remove {NAME}: 4.61 GB\n" in seen.out
    assert "Remove it? [y/N] " in seen.out
    assert len(removing.services.removing.removed) == removed
    assert ("Nothing was removed." in seen.out) is not bool(removed)


def test_the_end_of_input_is_no_consent() -> None:
    removing = line(terminal=True)
    removing.run("rm", "Qwen3")
    assert not removing.services.removing.removed


@pytest.mark.parametrize("flags", [(), ("--yes",), ("--force",), ("--json",)])
def test_a_dry_run_removes_nothing_and_asks_nothing(flags: tuple[str, ...]) -> None:
    removing = line()
    seen = removing.run("rm", "Qwen3", "--dry-run", *flags)
    assert seen.code == 0
    assert f"Would remove {NAME}: 4.61 GB" in seen.out
    assert not removing.services.removing.removed


def test_a_revision_says_what_stays() -> None:
    out = line().run("rm", f"{NAME}@aaaa", "--dry-run").out
    assert out == f"Would remove revision aaaa of {NAME}: 4.61 GB\n  stays: {'b' * 40}\n"


def test_a_lock_stops_it_and_force_does_not_mind() -> None:
    removing = line(locked=True)
    assert "a download holds: x.lock" in removing.run("rm", NAME, "--dry-run").out
    seen = removing.run("rm", NAME)
    assert (seen.code, seen.out) == (1, "")
    assert "add --force" in seen.err
    assert removing.run("rm", NAME, "-f").code == 0
    assert removing.services.removing.removed == [(NAME, True)]


def test_json_says_what_was_done() -> None:
    data = json.loads(line().run("rm", NAME, "--json").out)["data"]
    assert data == {
        "model": NAME,
        "action": "deleted",
        "message": f"Removed {NAME}: 4.61 GB freed",
        "hash": None,
        "whole_model": True,
        "freed_bytes": 4_613_734_656,
        "kept_revisions": [],
        "held_locks": [],
        "prompt_cache_bytes": 0,
        "lock_files_cleaned": 2,
    }


@pytest.mark.parametrize("flag", ["--dry-rn", "--forse", "-d"])
def test_a_misspelt_flag_removes_nothing(flag: str) -> None:
    removing = line()
    assert removing.run("rm", NAME, flag).code == 2
    assert not removing.services.removing.removed
