"""Which of the models here a name means. Pure: the stores tell the names, this decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.catalog.model_ref import SHORT_NAME_ORGANISATION, short_name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision of a cached model. refs: the branches and tags that point at it. modified: UTC-aware."""

    revision: str
    refs: tuple[str, ...]
    modified: datetime


def match_names(text: str, names: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """The names that `text` may mean, sorted, and whether it is an exact hit.

    In order: the full name; the short name in mlx-community; the short name of any organisation; the same without
    regard to case; a part of the name. The first rule with a hit decides, and all its hits are returned.
    """
    known = list(names)
    folded = text.casefold()
    rules: Sequence[tuple[Callable[[str], bool], bool]] = (
        (lambda name: name == text, True),
        (lambda name: name == f"{SHORT_NAME_ORGANISATION}/{text}", True),
        (lambda name: short_name(name) == text, True),
        (lambda name: folded in (name.casefold(), short_name(name).casefold()), False),
        (lambda name: folded in name.casefold(), False),
    )
    for matches, exact in rules:
        hits = sorted({name for name in known if matches(name)})
        if hits:
            return tuple(hits), exact
    return (), False


def matches_pattern(pattern: str, name: str) -> bool:
    """The filter of a listing: a part of the name, without regard to case."""
    return pattern.casefold() in name.casefold()


def match_revision(wanted: str, snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """The snapshots that `wanted` may mean: a branch or tag first, then a hash or the beginning of one."""
    by_ref = [snapshot for snapshot in snapshots if wanted in snapshot.refs]
    if by_ref:
        return tuple(by_ref)
    prefix = wanted.lower()
    return tuple(snapshot for snapshot in snapshots if snapshot.revision.lower().startswith(prefix))


def default_snapshot(snapshots: Sequence[Snapshot]) -> Snapshot | None:
    """The one that refs/main names, else the most recent."""
    for snapshot in snapshots:
        if "main" in snapshot.refs:
            return snapshot
    return max(snapshots, key=lambda snapshot: (snapshot.modified, snapshot.revision), default=None)
