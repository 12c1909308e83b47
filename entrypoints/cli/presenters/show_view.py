"""What `mlxk show` prints."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from domain.catalog import ModelReport, ModelSource
from domain.catalog.printable import printable
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.formatting import UNKNOWN, size, when
from entrypoints.cli.presenters.list_view import BAD, DOUBTFUL, FAINT, GOOD
from entrypoints.cli.presenters.table import ANY_WIDTH, Cell, Column, Table, show_table

if TYPE_CHECKING:
    from application.catalog.show_model import ModelDetail
    from domain.serving.memory_policy import MemoryForecast

_SOURCES = {
    ModelSource.CACHE: "Hugging Face cache",
    ModelSource.WORKSPACE: "workspace",
    ModelSource.BUILTIN: "built into mlxk",
}


def show_facts(detail: ModelDetail, console: Console, now: datetime, source: str = "") -> None:
    """Name, where it comes from (source: in other words than its own), what it is, and whether it runs here."""
    report = detail.report
    console.line(printable(report.name))
    _show_rows([*_origin(report, now, source), *_kind(detail), *_memory(detail.memory), *_verdicts(report)], console)


def show_evidence(report: ModelReport, console: Console) -> None:
    """What each verdict rests on."""
    console.line("Because")
    _show_rows([(name, shown or UNKNOWN) for name, shown in report.evidence.items()], console)


def show_files(detail: ModelDetail, console: Console) -> None:
    """One line a file."""
    columns = (Column("Name", wraps_at=ANY_WIDTH), Column("Size", right=True), Column("Type"))
    rows = tuple((Cell(each.name), Cell(size(each.size_bytes)), Cell(str(each.kind))) for each in detail.files)
    show_table(Table(columns, rows), console)


def show_config(detail: ModelDetail, console: Console) -> None:
    """The model's config.json, indented."""
    console.line(json.dumps(dict(detail.config), indent=2, ensure_ascii=False))


_Row = tuple[str, str | Cell]


def _show_rows(rows: list[_Row], console: Console) -> None:
    columns = (Column("", style=FAINT), Column("", wraps_at=ANY_WIDTH))
    cells = tuple((Cell(f"  {label}"), value if isinstance(value, Cell) else Cell(value)) for label, value in rows)
    show_table(Table(columns, cells, headed=False), console)


def _origin(report: ModelReport, now: datetime, source: str) -> list[_Row]:
    rows: list[_Row] = [("Source", source or _SOURCES[report.location.source])]
    if report.revision:
        rows.append(("Revision", report.revision))
    if report.origin:
        rows.append(("Made from", report.origin))
    if report.content_hash:
        rows.append(("Content hash", report.content_hash))
    rows.append(("Size", size(report.size_bytes)))
    rows.append(("Modified", f"{when(report.last_modified, now)} ({report.last_modified:%Y-%m-%d %H:%M} UTC)"))
    return rows


def _kind(detail: ModelDetail) -> list[_Row]:
    report, metadata = detail.report, detail.metadata
    rows: list[_Row] = [
        ("Framework", str(report.framework)),
        ("Type", str(report.model_type)),
        ("Can do", ", ".join(str(each) for each in report.capabilities) or UNKNOWN),
    ]
    facts = (
        ("Architecture", " / ".join(str(each) for each in (metadata.model_type, metadata.architecture) if each)),
        ("Quantization", metadata.quantization),
        ("Context", f"{metadata.context_length:,} tokens" if metadata.context_length else None),
        ("Vocabulary", f"{metadata.vocab_size:,}" if metadata.vocab_size else None),
        ("Hidden size", metadata.hidden_size),
        ("Layers", metadata.layers),
        ("Heads", metadata.heads),
    )
    return [*rows, *((label, str(value)) for label, value in facts if value)]


def _memory(memory: MemoryForecast | None) -> list[_Row]:
    """What the model takes, and how long one conversation may get beside it; nothing for one that writes no text."""
    if memory is None:
        return []
    rows: list[_Row] = [("Weights", f"{size(memory.weights_bytes)} in memory")]
    if memory.kv_bytes_per_1k_tokens is not None:
        rows.append(("KV cache", f"{size(memory.kv_bytes_per_1k_tokens)} per 1,000 tokens"))
    if memory.longest_context:
        rows.append(("Longest fit", f"{memory.longest_context:,} tokens fit into this machine's memory now"))
    elif memory.longest_context == 0:
        rows.append(("Longest fit", Cell("the model does not fit into this machine's memory now", DOUBTFUL)))
    return rows


def _verdicts(report: ModelReport) -> list[_Row]:
    files = Cell(report.health_reason, GOOD if report.healthy else BAD)
    rows: list[_Row] = [("Files", files)]
    if report.healthy:
        runs = Cell("yes", GOOD) if report.runtime_compatible else Cell(f"no: {report.reason}", DOUBTFUL)
        rows.append(("Runs here", runs))
    rows += [(f"Not here: {name}", Cell(reason, DOUBTFUL)) for name, reason in report.dropped.items()]
    rows += [("Note", finding) for finding in report.findings]
    return rows
