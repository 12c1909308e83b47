"""The markers of live tests, and which group each of them runs in."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from _pytest.mark.expression import Expression

LIVE = "live"
WET = "wet"
NIGHTLY = "nightly"
SPEC = "spec"

# Every one of these wants `live` beside it.
SPECIFIC: Mapping[str, str] = {
    "live_e2e": "a server with real models, asked over HTTP; and the command line beside it",
    "live_run": "`mlxk run` with real models",
    "live_list": "`mlxk list` and `health` on the user's cache",
    "live_push": "pushing to a hub",
    "live_clone": "cloning from a hub into a workspace",
    "live_pull": "pulling from a hub, also after an interruption",
    "live_stop_tokens": "what each model stops at",
    "live_vision_pipe": "pictures through `mlxk run` into another command",
    "show_model_portfolio": "tells the portfolio of models",
    "issue27": "health of real models that were damaged",
}
# Each of these has a process of its own: what it sets up must not be seen by others.
ALONE = ("live_pull", "live_clone")
TOGETHER = ("live_e2e", "live_stop_tokens", "live_run", "live_list", "live_push", "issue27")


def lacks_live(marks: Collection[str]) -> list[str]:
    """The specific live markers of a test that is not marked live."""
    return [] if LIVE in marks else [each for each in SPECIFIC if each in marks]


def is_wet(marks: Collection[str], in_live_folder: bool) -> bool:
    """Whether a test runs in the one process that wet tests share. in_live_folder: it lies below tests/live."""
    if any(each in marks for each in ALONE):
        return False
    return in_live_folder or any(each in marks for each in TOGETHER)


def selects(expression: str, marks: Collection[str]) -> bool:
    """Whether `-m expression` takes a test with these markers."""
    return not expression or Expression.compile(expression).evaluate(_Matcher(marks))


def may_select_live(expression: str) -> bool:
    """Whether `-m expression` can take any live test."""
    kinds = [{LIVE, WET}, *({LIVE, each} if each in ALONE else {LIVE, WET, each} for each in SPECIFIC)]
    return any(selects(expression, kind) for kind in kinds)


class _Matcher:
    def __init__(self, marks: Collection[str]) -> None:
        self._marks = marks

    def __call__(self, name: str, /, **_: object) -> bool:
        return name in self._marks
