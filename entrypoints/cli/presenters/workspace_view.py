"""What clone, convert, doctor and push print for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from domain.workspace.copy_method import CopyMethod
from entrypoints.cli.presenters.formatting import size

if TYPE_CHECKING:
    from application.workspace.clone_model import CloneOutcome
    from application.workspace.convert_model import ConversionOutcome, ConversionPreview
    from application.workspace.doctor import Diagnosis
    from application.workspace.push_workspace import PushOutcome
    from domain.workspace.patch import FileChange

_HOW = {
    CopyMethod.CLONEFILE: "copy-on-write, no room taken",
    CopyMethod.REFLINK: "copy-on-write, no room taken",
    CopyMethod.COPY: "copied",
    CopyMethod.MOVE: "downloaded",
}


def clone_lines(outcome: CloneOutcome) -> Iterator[str]:
    how = f" ({_HOW[outcome.copy_method]})" if outcome.copy_method else ""
    yield f"{printable(outcome.model)} -> {printable(str(outcome.target))}: {size(outcome.total_bytes)}{how}"
    if outcome.healthy is False:
        yield f"It is not healthy: {outcome.health_reason}. Try: mlxk doctor {printable(str(outcome.target))}"
    yield from (f"Warning: {printable(each)}" for each in outcome.warnings)


def forecast_line(preview: ConversionPreview) -> str:
    expected = preview.forecast
    return f"About {size(expected.disk_bytes)} on disk and {size(expected.memory_bytes)} of memory will be needed."


def convert_lines(outcome: ConversionOutcome) -> Iterator[str]:
    verdict = f", {outcome.health_reason}" if outcome.health_reason else ""
    yield f"{outcome.preview.plan.mode.value}: wrote {printable(str(outcome.preview.target))}{verdict}"
    yield from (f"Warning: {printable(each)}" for each in outcome.warnings if each not in outcome.preview.warnings)


def doctor_lines(found: Diagnosis, left: Diagnosis | None) -> Iterator[str]:
    if not found.findings:
        yield "Nothing is wrong that the doctor knows of."
    for finding in found.findings:
        yield f"{finding.code}: {printable(finding.message)}{'' if finding.fixable else ' (nothing here mends it)'}"
    for change in found.changes:
        yield from _diff(change)
    if left is not None and found.changes:
        yield "Mended. To take it back: mlxk doctor ... --undo"
    elif found.changes:
        yield "Nothing was changed. To make these changes: mlxk doctor ... --fix"
    if found.unfinished and left is None:
        yield "An earlier --fix was interrupted: --fix finishes it, --undo takes it back."


def push_lines(outcome: PushOutcome, *, verbose: bool) -> Iterator[str]:
    request, changes = outcome.request, outcome.changes
    if request.check_only:
        health = outcome.health
        verdict = "healthy" if health.healthy else "not healthy"
        yield f"{health.files_count} files, {size(health.total_bytes)}, {health.weights_count} with weights: {verdict}"
        yield from (f"  {each.code}: {printable(each.message)}" for each in health.anomalies)
    else:
        yield f"{request.repo_id}@{request.branch}: {outcome.message}"
    if changes is not None and request.dry_run:
        for mark, paths in (("+", changes.added), ("~", changes.modified), ("-", changes.deleted)):
            yield from (f"  {mark} {printable(path)}" for path in paths)
        if outcome.would_create_repo:
            yield "  the repository would be made"
        if outcome.would_create_branch:
            yield "  the branch would be made"
    yield from (f"Warning: {printable(each)}" for each in outcome.warnings)
    if outcome.card is not None and not request.complete_card:
        yield "README.md lacks what the hub sorts models by; --complete-card adds it:"
        yield from _diff(outcome.card)
    if verbose and outcome.commit is not None:
        yield outcome.commit.url


def _diff(change: FileChange) -> Iterator[str]:
    yield from (f"  {printable(line)}" for line in change.lines())
