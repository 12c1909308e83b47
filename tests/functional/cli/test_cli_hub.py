"""The commands about models far away: what they ask for, what they print, how they end."""

from __future__ import annotations

import json

import pytest

from domain.hub.verification import FileState
from tests.support.fakes.cli_services import FakeServices, Line, report
from tests.support.fakes.hub_services import FakePruneCache, FakePullModel


def line(*, terminal: bool = False, stdin: str = "", sound: bool = True) -> Line:
    services = FakeServices((report("org/Good"), report("org/Odd", reason="model_type 'odd' not supported")))
    services.hub.pulling = FakePullModel(sound=sound)
    return Line(services, terminal=terminal, stdin=stdin)


def test_a_piped_pull_says_its_warnings_and_plan_on_standard_error() -> None:
    seen = line().run("pull", "org/far")
    assert seen.code == 0
    assert seen.out.startswith("pulled\n")
    assert "Warning: it will not run here" in seen.err
    assert "Fetching 3.4 MB in 2 of 2 files" in seen.err


def test_a_pull_on_a_terminal_draws_bars_and_ends_with_its_result() -> None:
    seen = line(terminal=True).run("pull", "org/far")
    assert "model.safetensors" in seen.out
    assert "pulled" in seen.out.splitlines()[-2]


def test_json_progress_is_lines_on_standard_error_and_one_envelope_on_standard_output() -> None:
    seen = line().run("pull", "org/far", "--progress", "json", "--json")
    events = [json.loads(text) for text in seen.err.splitlines()]
    assert events[0] == {"event": "warning", "text": "it will not run here"}
    assert events[1]["plan"]["fetch_bytes"] == 3_353_588
    assert {event["event"] for event in events} == {"warning", "plan", "file_started", "bytes", "file_done"}
    assert json.loads(seen.out)["data"]["download_status"] == "success"


def test_no_progress_is_silence() -> None:
    assert line().run("pull", "org/far", "--progress", "none").err == ""


def test_globs_are_split_at_commas() -> None:
    pulling = line()
    pulling.run("pull", "org/far", "--include", "*.json, *.safetensors", "--exclude", "x*")
    (asked,) = pulling.services.hub.pulling.asked
    assert asked.selection.include == ("*.json", "*.safetensors")
    assert asked.selection.exclude == ("x*",)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_model_that_is_not_sound_needs_a_yes_where_nobody_can_be_asked(options: tuple[str, ...]) -> None:
    pulling = line(sound=False)
    seen = pulling.run("pull", "org/far", *options)
    assert seen.code == 1
    assert "--force-resume" in seen.err + seen.out
    assert [asked.force_resume for asked in pulling.services.hub.pulling.asked] == [False]


@pytest.mark.parametrize(("answer", "resumed"), [("\n", True), ("y\n", True), ("n\n", False)])
def test_on_a_terminal_it_is_asked_for(answer: str, *, resumed: bool) -> None:
    pulling = line(terminal=True, stdin=answer, sound=False)
    seen = pulling.run("pull", "org/far")
    assert seen.code == 0
    assert "Incomplete download: x missing" in seen.out
    assert ("Nothing was changed." in seen.out) is not resumed
    assert [asked.force_resume for asked in pulling.services.hub.pulling.asked] == [False, True][: 1 + resumed]


def test_search_shows_what_runs_here_and_what_could_not_be_told() -> None:
    searching = line()
    seen = searching.run("search", "far", "away", "--limit", "5", "--all")
    assert seen.code == 0
    rows = seen.out.splitlines()
    assert rows[1].endswith("yes")
    assert rows[2].endswith("no: model_type 'odd' not supported")
    assert rows[3].endswith("unknown: org/closed is gated")
    (asked,) = searching.services.hub.searching.asked
    assert (asked.words, asked.limit, asked.mlx_only) == ("far away", 5, False)


def test_show_remote_says_where_it_looked() -> None:
    seen = line().run("show", "org/far", "--remote")
    assert "the hub" in seen.out
    assert line().run("show", "org/far", "--hub", "http://x").code == 2


@pytest.mark.parametrize(
    ("states", "code", "word"),
    [
        ((FileState.SAME, FileState.MISSING), 0, "sound; 1 of 2 files"),
        ((FileState.SAME, FileState.WRONG_CONTENT), 1, "DAMAGED; 1 of 2 files"),
    ],
)
def test_verify_ends_with_1_when_a_file_is_damaged(states: tuple[FileState, ...], code: int, word: str) -> None:
    verifying = line()
    verifying.services.hub.states = states
    seen = verifying.run("verify", "org/far", "--offline")
    assert seen.code == code
    assert word in seen.out
    assert json.loads(verifying.run("verify", "org/far", "--json").out)["data"]["sound"] is (code == 0)


def test_outdated_lists_both_commits() -> None:
    out = line().run("outdated").out.splitlines()
    assert out[1].split() == ["org/old", "abababa", "cdcdcdc", "outdated"]
    assert out[2].endswith("unknown: org/gone is not on the hub")


def test_prune_asks_and_does_as_told() -> None:
    for stdin, terminal, options, executed in (
        ("", False, (), 0),
        ("", False, ("--dry-run",), 0),
        ("", False, ("--yes",), 1),
        ("n\n", True, (), 0),
        ("y\n", True, (), 1),
    ):
        pruning = line(terminal=terminal, stdin=stdin)
        seen = pruning.run("prune", *options)
        assert pruning.services.hub.pruning.executed == executed, (stdin, options)
        assert seen.code == (1 if not terminal and not options else 0)


def test_prune_with_nothing_to_do_asks_nothing() -> None:
    pruning = line()
    pruning.services.hub.pruning = FakePruneCache(0)
    seen = pruning.run("prune")
    assert (seen.code, seen.out.splitlines()[0]) == (0, "Nothing to remove.")
