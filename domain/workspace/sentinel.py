"""The sentinel `.mlxk_workspace.json`: what mlxk wrote down about a workspace. Field names are those of mlx-knife 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.workspace.content_hash import ALGORITHM, FileRecord, aggregate, record_path_problem
from domain.workspace.exclusion import DEFAULT_EXCLUDES, SENTINEL

__all__ = ["SENTINEL", "Fingerprint", "Sentinel", "stamp"]

REQUIRED = ("mlxk_version", "created_at", "managed", "operation")
RECALCULATE = "run `mlxk show <workspace> --recalc-hash`"
SHA_CHARACTERS = len("sha256:") + 64


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A workspace as it was hashed. modified: when, ISO 8601 UTC. excludes: frozen. records: sorted by path."""

    content_hash: str
    modified: str
    excludes: tuple[str, ...]
    records: tuple[FileRecord, ...]

    @classmethod
    def of(cls, records: Iterable[FileRecord], excludes: Sequence[str], now: datetime) -> Fingerprint:
        ordered = tuple(sorted(records, key=lambda each: each.path))
        return cls(aggregate(ordered), stamp(now), tuple(excludes), ordered)


@dataclass(frozen=True, slots=True)
class Sentinel:
    """values: every field as it is written, unknown ones included; they survive each rewriting."""

    values: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def new(cls, *, version: str, operation: str, now: datetime, **fields: object) -> Sentinel:
        """operation: "clone" or "convert". fields: source_repo, source_revision, mode, quantization."""
        values: dict[str, object] = {"mlxk_version": version, "created_at": stamp(now)}
        values |= {
            "source_repo": fields.pop("source_repo", None),
            "source_revision": fields.pop("source_revision", None),
        }
        values |= {"managed": True, "operation": operation}
        return cls({**values, **{key: value for key, value in fields.items() if value is not None}})

    @property
    def managed(self) -> bool:
        return self.values.get("managed") is True

    @property
    def source_repo(self) -> str | None:
        return self._text("source_repo")

    @property
    def source_revision(self) -> str | None:
        return self._text("source_revision")

    @property
    def content_hash(self) -> str | None:
        """As stored, of whatever algorithm."""
        return self._text("content_hash")

    @property
    def hash_modified(self) -> str | None:
        return self._text("hash_modified")

    @property
    def deep_hash(self) -> str | None:
        """The digest with tensor data, where somebody asked for it."""
        return self._text("deep_hash")

    @property
    def excludes(self) -> tuple[str, ...]:
        """The frozen list, the default one where none is."""
        value = self.values.get("exclude_patterns")
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        return DEFAULT_EXCLUDES

    def fingerprint_problem(self) -> str | None:
        """Why there is no fingerprint to compare with, and the way out; None when there is."""
        if self.values.get("hash_algorithm") != ALGORITHM:
            return f"the sentinel has no content hash {ALGORITHM}: {RECALCULATE} to write one"
        index = self.values.get("file_index")
        if not isinstance(index, list):
            return f"the sentinel has no file index: {RECALCULATE} to rebuild it"
        for entry in index:
            if _record(entry) is None:
                problem = record_path_problem(entry.get("path")) if isinstance(entry, dict) else "an entry is no object"
                problem = problem or "an entry has no size, time or digest"
                return f"the sentinel's file index is broken ({problem}): {RECALCULATE} to rebuild it"
        return None

    def fingerprint(self) -> Fingerprint | None:
        """None exactly when fingerprint_problem() says why."""
        index = self.values.get("file_index")
        if self.values.get("hash_algorithm") != ALGORITHM or not isinstance(index, list):
            return None
        records = [record for entry in index if (record := _record(entry)) is not None]
        if len(records) != len(index):
            return None
        return Fingerprint(self.content_hash or "", self.hash_modified or "", self.excludes, tuple(records))

    def with_fingerprint(self, fingerprint: Fingerprint) -> Sentinel:
        return self.replacing(
            hash_algorithm=ALGORITHM,
            content_hash=fingerprint.content_hash,
            hash_modified=fingerprint.modified,
            exclude_patterns=list(fingerprint.excludes),
            file_index=_index(fingerprint.records),
        )

    def with_records(self, records: Iterable[FileRecord]) -> Sentinel:
        """The same content under other file times; nothing else changes."""
        return self.replacing(file_index=_index(sorted(records, key=lambda each: each.path)))

    def replacing(self, **values: object) -> Sentinel:
        return Sentinel({**self.values, **values})

    def _text(self, key: str) -> str | None:
        value = self.values.get(key)
        return value if isinstance(value, str) else None


def stamp(now: datetime) -> str:
    """ISO 8601 in UTC with `Z`. now: UTC-aware."""
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _index(records: Iterable[FileRecord]) -> list[dict[str, object]]:
    return [
        {"path": each.path, "size": each.size_bytes, "mtime_ns": each.mtime_ns, "sha": each.sha} for each in records
    ]


def _record(entry: object) -> FileRecord | None:
    """One entry of the index; None for one that is broken or hostile. Listings read thousands of them."""
    try:
        path, size, mtime_ns, sha = entry["path"], entry["size"], entry["mtime_ns"], entry["sha"]  # type: ignore[index]
        sound = type(size) is type(mtime_ns) is int and len(sha) == SHA_CHARACTERS and sha.startswith("sha256:")
        if not sound or not sha.isascii() or record_path_problem(path):
            return None
    except (TypeError, KeyError, AttributeError, IndexError):
        return None
    return FileRecord(path, size, mtime_ns, sha)
