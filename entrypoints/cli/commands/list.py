"""`mlxk list [pattern]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.catalog import ModelReport, ModelSource
from entrypoints.cli.presenters.model_json import model_object
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from application.catalog.list_models import ModelKind

HOW_TO_GET_ONE = "Get a model: mlxk pull mlx-community/Llama-3.2-1B-Instruct-4bit"


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    pattern: str | None = None
    all: bool = False
    health: bool = False
    verbose: bool = False
    text: bool = False
    vision: bool = False
    audio: bool = False
    embeddings: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """The models here, filtered by name and by what they can do."""
    from application.catalog.list_models import ListQuery, ModelKind

    kinds = frozenset(kind for kind in ModelKind if getattr(arguments, kind.name.lower()))
    reports = context.services().list_models().execute(ListQuery(arguments.pattern, kinds))

    def show() -> None:
        from entrypoints.cli.presenters.list_view import ListView, list_table
        from entrypoints.cli.presenters.table import show_table

        shown = [each for each in reports if arguments.all or _runs(each, kinds)]
        wide = arguments.verbose or arguments.all
        view = ListView(
            context.now(), verbose=arguments.verbose, wide=wide, health=arguments.health, declared=arguments.all
        )
        if shown:
            show_table(list_table(shown, view), context.console)
        for remark in _remarks(shown, hidden=len(reports) - len(shown), narrowed=bool(arguments.pattern or kinds)):
            context.console.note(remark)

    return Outcome(
        data=lambda: {"models": [model_object(report) for report in reports], "count": len(reports)}, show=show
    )


def _runs(report: ModelReport, kinds: frozenset[ModelKind]) -> bool:
    """Whether it runs here, and that with one of the kinds asked for."""
    able = not kinds or any(kind.value in report.runnable_capabilities for kind in kinds)
    return able and report.healthy and report.runtime_compatible


def _remarks(shown: Sequence[ModelReport], *, hidden: int, narrowed: bool) -> list[str]:
    """What the table does not say: what it leaves out, and the way on when there is little to show."""
    remarks = []
    if not shown and not hidden:
        remarks.append("No model matches." if narrowed else "No models here.")
    if hidden:
        count = "1 more model is" if hidden == 1 else f"{hidden} more models are"
        remarks.append(f"{count} broken or cannot run here: mlxk list --all --health")
    if not hidden and not narrowed and all(each.location.source is ModelSource.BUILTIN for each in shown):
        remarks.append(HOW_TO_GET_ONE)
    return remarks
