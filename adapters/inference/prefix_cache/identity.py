"""What tells the values of one model from those of another: the weights and the configuration themselves. No MLX."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path, PurePath

from adapters.inference.prefix_cache import folders
from domain.catalog import LocatedModel, ModelSource

DIGESTS = "digests.json"
MAX_MEMO_BYTES = 8 << 20
KEPT_DIGESTS = 4_096
# A file that changed so recently may change again within one tick of its filesystem's clock.
TRUSTED_AFTER_NS = 2_000_000_000
_BLOB = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


def weights_of(model: LocatedModel, memo: Path) -> dict[str, str]:
    """A digest of each file that shapes the values, by name. Of a snapshot in the hub's cache the blobs' names, which
    are such digests; of other folders the whole content, read once and remembered in `memo` for as long as the file's
    status stays the same. Raises OSError.
    """
    return folder_digests(model.path, memo, blobs=model.source is ModelSource.CACHE)


def folder_digests(folder: PurePath, memo: Path, *, blobs: bool) -> dict[str, str]:
    """Of config.json and adapter_config.json, and of every safetensors file below. Raises OSError."""
    root = Path(folder)
    found = sorted(
        path for path in root.rglob("*.json") if path.name in {"config.json", "adapter_config.json"}
    ) + sorted(root.rglob("*.safetensors"))
    known = _Digests(memo)
    digests = {path.relative_to(root).as_posix(): _digest(path, known, blobs=blobs) for path in found}
    known.save()
    return digests


def _digest(path: Path, known: _Digests, *, blobs: bool) -> str:
    if blobs and path.is_symlink():
        target = PurePath(os.readlink(path))  # noqa: PTH115 - pathlib's resolves nothing more, and costs more
        if target.parent.name == "blobs" and _BLOB.fullmatch(target.name):
            return target.name
    return known.of(path)


class _Digests:
    """Digests of whole files by path, size, times and inode."""

    def __init__(self, memo: Path) -> None:
        self._memo = memo
        self._known = _read(memo)
        self._changed = False

    def of(self, path: Path) -> str:
        real = path.resolve(strict=True)
        with real.open("rb") as file:
            before = os.fstat(file.fileno())
            facts = [before.st_dev, before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns]
            entry = self._known.get(str(real))
            if isinstance(entry, list) and entry[:-1] == facts:
                return str(entry[-1])
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            settled = before.st_ctime_ns < time.time_ns() - TRUSTED_AFTER_NS
            if settled and os.fstat(file.fileno()).st_mtime_ns == before.st_mtime_ns:
                self._known[str(real)] = [*facts, digest]
                self._changed = True
        return digest

    def save(self) -> None:
        """A memo that cannot be written costs another reading, no more."""
        if not self._changed:
            return
        kept = dict(list(self._known.items())[-KEPT_DIGESTS:])
        try:
            folders.make_directory(self._memo.parent)
            folders.write_private(self._memo, [json.dumps(kept).encode("ascii")])
        except OSError:
            return


def _read(memo: Path) -> dict[str, object]:
    try:
        with memo.open("rb") as file:
            mine = os.fstat(file.fileno()).st_uid == os.geteuid()
            value = json.loads(file.read(MAX_MEMO_BYTES)) if mine else None
    except (OSError, ValueError, RecursionError):
        return {}
    return dict(value) if isinstance(value, Mapping) else {}
