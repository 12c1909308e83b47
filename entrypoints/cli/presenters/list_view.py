"""The tables of `mlxk list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.catalog import ModelReport, ModelSource
from entrypoints.cli.presenters.formatting import UNKNOWN, shorten, size, when
from entrypoints.cli.presenters.table import ANY_WIDTH, Cell, Column, Table

DEFAULT_ORGANISATION = "mlx-community/"
HASH_CHARACTERS = 7
REASON_CHARACTERS = 60
REASON_WRAPS_AT = 26
GOOD, BAD, DOUBTFUL, FAINT = "green", "red", "yellow", "dim"


@dataclass(frozen=True, slots=True)
class ListView:
    """Which columns are shown. wide: Clean and Framework. declared: the type tells what a model says it can do, and not
    what of it runs here. now: UTC-aware.
    """

    now: datetime
    verbose: bool = False
    wide: bool = False
    health: bool = False
    declared: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    column: Column
    cell: Callable[[ModelReport], Cell]


def list_table(reports: Sequence[ModelReport], view: ListView) -> Table:
    """One row a model."""
    fields = _fields(view)
    rows = tuple(tuple(field.cell(report) for field in fields) for report in reports)
    return Table(tuple(field.column for field in fields), rows)


def _fields(view: ListView) -> list[_Field]:
    fields = [
        _Field(Column("Name", wraps_at=ANY_WIDTH), lambda report: Cell(shown_name(report, full=view.verbose), "bold")),
        _Field(Column("Hash"), lambda report: Cell(short_hash(report), FAINT)),
        _Field(Column("Size", right=True), lambda report: Cell(size(report.size_bytes))),
        _Field(Column("Modified"), lambda report: Cell(when(report.last_modified, view.now))),
        _Field(Column("Src"), lambda report: Cell(source_mark(report), FAINT)),
        _Field(Column("Type"), lambda report: Cell(type_label(report, declared=view.declared))),
    ]
    if view.wide:
        fields += [
            _Field(Column("Clean"), lambda report: Cell(clean_mark(report.clean))),
            _Field(Column("Framework"), lambda report: Cell(str(report.framework))),
        ]
    if view.health and view.verbose:
        reason = Column("Reason", wraps_at=REASON_WRAPS_AT)
        fields += [
            _Field(Column("Integrity"), _integrity),
            _Field(Column("Runtime"), _runtime),
            _Field(reason, lambda report: Cell(shorten(report.reason or "", REASON_CHARACTERS))),
        ]
    elif view.health:
        fields.append(_Field(Column("Health"), _health))
    return fields


def shown_name(report: ModelReport, *, full: bool) -> str:
    """The name for people: a workspace's as it was asked for, a cached model's without the usual organisation unless
    `full`.
    """
    return report.name if full else report.name.removeprefix(DEFAULT_ORGANISATION)


def short_hash(report: ModelReport) -> str:
    """Seven characters of the revision, or of a workspace's content hash."""
    digest = report.revision or (report.content_hash or "").removeprefix("sha256:")
    return digest[:HASH_CHARACTERS] or UNKNOWN


def source_mark(report: ModelReport) -> str:
    """cache, builtin, ws (as it was), ws* (changed since), ws? (cannot tell)."""
    if report.location.source is not ModelSource.WORKSPACE:
        return report.location.source.value
    return {True: "ws", False: "ws*", None: "ws?"}[report.clean]


def type_label(report: ModelReport, *, declared: bool = False) -> str:
    """The type, and what it takes besides text: here, or with `declared` where everything runs."""
    able = report.capabilities if declared else report.runnable_capabilities
    extra = [each for each in ("vision", "audio") if each in able and each != report.model_type]
    return "+".join([str(report.model_type), *extra])


def clean_mark(clean: bool | None) -> str:
    """✓ unchanged, ✗ changed, — unknown or no workspace."""
    return {True: "✓", False: "✗", None: UNKNOWN}[clean]


def _health(report: ModelReport) -> Cell:
    if not report.healthy:
        return Cell("unhealthy", BAD)
    return Cell("healthy", GOOD) if report.runtime_compatible else Cell("healthy*", DOUBTFUL)


def _integrity(report: ModelReport) -> Cell:
    return Cell("healthy", GOOD) if report.healthy else Cell("unhealthy", BAD)


def _runtime(report: ModelReport) -> Cell:
    if report.runtime_compatible:
        return Cell("yes", GOOD)
    return Cell("no", DOUBTFUL) if report.healthy else Cell(UNKNOWN, FAINT)
