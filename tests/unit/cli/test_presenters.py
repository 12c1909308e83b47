"""How sizes, times and tables look."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.catalog import ModelSource
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.formatting import shorten, size, when
from entrypoints.cli.presenters.list_view import ListView, list_table, short_hash, shown_name, source_mark, type_label
from entrypoints.cli.presenters.model_json import model_object, utc
from entrypoints.cli.presenters.table import ANY_WIDTH, Cell, Column, Table, plain, show_table
from tests.support.fakes.cli_services import NOW, TerminalText, report


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_353_000, "3.4 MB"),
        (99_940_000, "99.9 MB"),
        (99_960_000, "100 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.00 GB"),
        (4_613_734_656, "4.61 GB"),
        (16_900_000_000, "16.9 GB"),
        (45_000_000_000_000, "45.0 TB"),
        (12 * 10**18, "12000 PB"),
    ],
)
def test_sizes_are_decimal(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=30, hours=23), "30 days ago"),
        (timedelta(days=31), "2026-04-16"),
        (timedelta(seconds=-5), "2026-05-17"),
    ],
)
def test_times_are_relative_for_thirty_days(ago: timedelta, text: str) -> None:
    assert when(NOW - ago, NOW) == text


def test_a_time_is_written_in_utc_whatever_its_zone() -> None:
    east = timezone(timedelta(hours=9))
    assert utc(datetime(2026, 5, 17, 21, 0, tzinfo=east)) == "2026-05-17T12:00:00Z"
    assert utc(datetime(2026, 5, 17, 12, 0, 0, 999_999, tzinfo=UTC)) == "2026-05-17T12:00:00Z"


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert shorten("a" * 60, 60) == "a" * 60
    assert shorten("a" * 61, 60) == "a" * 59 + "…"


@pytest.mark.parametrize(
    ("source", "clean", "mark"),
    [
        (ModelSource.CACHE, None, "cache"),
        (ModelSource.BUILTIN, None, "builtin"),
        (ModelSource.WORKSPACE, True, "ws"),
        (ModelSource.WORKSPACE, False, "ws*"),
        (ModelSource.WORKSPACE, None, "ws?"),
    ],
)
def test_the_source_mark_tells_whose_a_model_is(source: ModelSource, clean: bool | None, mark: str) -> None:
    assert source_mark(report("x", source=source, clean=clean)) == mark


@pytest.mark.parametrize(
    ("kind", "capabilities", "label"),
    [
        ("chat", ("text-generation", "chat"), "chat"),
        ("chat", ("text-generation", "chat", "vision"), "chat+vision"),
        ("chat", ("text-generation", "chat", "vision", "audio"), "chat+vision+audio"),
        ("audio", ("audio", "audio-translate-en"), "audio"),
    ],
)
def test_the_type_tells_what_a_model_takes_besides_text(kind: str, capabilities: tuple[str, ...], label: str) -> None:
    assert type_label(report("x", model_type=kind, capabilities=capabilities)) == label


def test_the_type_leaves_out_what_does_not_run_unless_all_is_asked_for() -> None:
    half = report("x", capabilities=("text-generation", "chat", "vision"), dropped={"vision": "no mlx-vlm"})
    assert (type_label(half), type_label(half, declared=True)) == ("chat", "chat+vision")


def test_the_usual_organisation_is_left_out_of_short_names_only() -> None:
    assert shown_name(report("mlx-community/Qwen"), full=False) == "Qwen"
    assert shown_name(report("mlx-community/Qwen"), full=True) == "mlx-community/Qwen"
    assert shown_name(report("other/Qwen"), full=False) == "other/Qwen"


@pytest.mark.parametrize("full", [True, False])
def test_a_workspace_is_called_as_it_was_asked_for(full: bool) -> None:
    assert shown_name(report("../x/b", source=ModelSource.WORKSPACE, display_name="b"), full=full) == "../x/b"


def test_a_hash_is_the_revision_or_the_content() -> None:
    assert short_hash(report("x")) == "a5339a4"
    workspace = report("x", source=ModelSource.WORKSPACE, content_hash="sha256:0123456789")
    assert short_hash(workspace) == "0123456"
    assert short_hash(report("x", source=ModelSource.BUILTIN)) == "—"


BASE = ["Name", "Hash", "Size", "Modified", "Src", "Type"]


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        (ListView(NOW), BASE),
        (ListView(NOW, wide=True), [*BASE, "Clean", "Framework"]),
        (ListView(NOW, health=True), [*BASE, "Health"]),
        (ListView(NOW, wide=True, health=True), [*BASE, "Clean", "Framework", "Health"]),
        (
            ListView(NOW, verbose=True, wide=True, health=True),
            [*BASE, "Clean", "Framework", "Integrity", "Runtime", "Reason"],
        ),
    ],
)
def test_the_columns_follow_the_view(view: ListView, columns: list[str]) -> None:
    assert [column.title for column in list_table([], view).columns] == columns


def last_cells(view: ListView, *reports: object) -> list[str]:
    return [row[-1].text for row in list_table(reports, view).rows]  # type: ignore[arg-type]


def test_the_health_column_has_three_words() -> None:
    models = [report("a"), report("b", reason="no"), report("c", health_reason="config.json missing")]
    assert last_cells(ListView(NOW, health=True), *models) == ["healthy", "healthy*", "unhealthy"]


def test_the_verbose_health_columns_give_both_verdicts_and_a_reason() -> None:
    models = [report("a"), report("b", reason="r" * 70), report("c", health_reason="config.json missing")]
    rows = [
        [cell.text for cell in row[-3:]] for row in list_table(models, ListView(NOW, verbose=True, health=True)).rows
    ]
    assert rows == [
        ["healthy", "yes", ""],
        ["healthy", "no", "r" * 59 + "…"],
        ["unhealthy", "—", "config.json missing"],
    ]


TABLE = Table(
    (Column("Name", wraps_at=ANY_WIDTH), Column("Size", right=True)),
    ((Cell("a/short", "bold"), Cell("1.0 kB")), (Cell("evil\x1b[2J\nname", "red"), Cell("22.0 kB"))),
)


def test_a_piped_table_is_plain_text_one_line_a_row() -> None:
    assert plain(TABLE) == "Name              Size\na/short         1.0 kB\nevil�[2J�name  22.0 kB\n"


def test_an_empty_table_is_its_head() -> None:
    assert plain(Table(TABLE.columns, ())) == "Name  Size\n"
    assert plain(Table(TABLE.columns, (), headed=False)) == ""


def on_terminal(table: Table, monkeypatch: pytest.MonkeyPatch, width: int) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    output = TerminalText()
    show_table(table, Console(io.StringIO(), output, io.StringIO()))
    return output.getvalue()


def test_a_terminal_gets_colour_and_no_foreign_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = on_terminal(TABLE, monkeypatch, 80)
    assert "\x1b[31mevil�[2J�name" in shown
    assert "\x1b[2J" not in shown


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in on_terminal(TABLE, monkeypatch, 80)


def test_a_narrow_terminal_wraps_the_name_and_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    table = list_table([report("organisation/" + "n" * 60)], ListView(NOW))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(table, monkeypatch, 70))
    assert all(len(line) <= 70 for line in shown.splitlines())
    assert "4.61 GB" in shown
    assert "3 hours ago" in shown
    assert shown.count("n") >= 60


def test_a_terminal_too_narrow_for_the_columns_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_terminal(list_table([report("a/b")], ListView(NOW, wide=True, health=True)), monkeypatch, 30)
    assert all(word in shown for word in ("a/b", "4.61 GB", "3 hours ago", "cache", "Framework", "healthy"))


def test_markup_in_a_name_is_only_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    table = Table((Column("Name"),), ((Cell("[bold]x[/bold]"),),))
    assert "[bold]x[/bold]" in on_terminal(table, monkeypatch, 80)


def test_the_model_object_has_the_fields_of_the_specification() -> None:
    assert model_object(report("org/name")) == {
        "name": "org/name",
        "hash": "a5339a41b2e3" + "0" * 28,
        "size_bytes": 4_613_734_656,
        "last_modified": "2026-05-17T09:00:00Z",
        "framework": "MLX",
        "model_type": "chat",
        "capabilities": ["text-generation", "chat"],
        "health": "healthy",
        "runtime_compatible": True,
        "reason": None,
        "cached": True,
        "source": "cache",
        "origin": None,
        "content_hash": None,
        "hash_modified": None,
        "clean": None,
    }


def test_only_a_workspace_has_a_display_name() -> None:
    workspace = report("/home/me/ws", source=ModelSource.WORKSPACE, display_name="./ws")
    assert model_object(workspace)["display_name"] == "./ws"
    assert model_object(workspace)["cached"] is False
    builtin = model_object(report("mlxk/demo", source=ModelSource.BUILTIN))
    assert "display_name" not in builtin
    assert (builtin["cached"], builtin["source"]) == (False, "builtin")
