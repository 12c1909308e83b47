"""What the markers of live tests bring about while tests are collected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.live_markers import WET, is_wet, lacks_live, may_select_live

# `-k server` selects what lies in these folders, as `-k push` and `-k clone` select by the names of files.
SERVER_FOLDERS = frozenset({"http", "serving", "server_client"})
LIVE_FOLDER = Path(__file__).resolve().parents[1] / "live"


def pytest_configure(config: pytest.Config) -> None:
    """Raises UsageError for live tests on several processes."""
    spread = getattr(config.option, "numprocesses", None) or getattr(config.option, "tx", None)
    if spread and may_select_live(config.option.markexpr):
        raise pytest.UsageError(
            "live tests do not run under xdist: each process would load models of its own, and together they would not "
            "fit into memory. Leave -n away, or leave live tests out: -m 'not live'"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before -m chooses. Raises UsageError for a specific live marker without `live`."""
    wrong = []
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        wrong += [f"{item.nodeid} is marked {each} but not live" for each in lacks_live(marks)]
        if is_wet(marks, LIVE_FOLDER in item.path.parents):
            item.add_marker(WET)
        if not SERVER_FOLDERS.isdisjoint(item.path.parts):
            item.extra_keyword_matches.add("server")
    if wrong:
        raise pytest.UsageError("\n".join([*wrong, "a test with a specific live marker wants `live` beside it"]))
