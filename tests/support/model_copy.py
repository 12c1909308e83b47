"""A part of a real model, copied into a test's cache: everything but weights, the index, and the smallest shards.

Copies are copy-on-write where the disk can. The source is only read.
"""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

from adapters.copying.first_that_works import system_copier
from domain.catalog.model_ref import cache_folder_name
from tests.support.live_environment import NO_INDEX, NO_MODEL, NO_SPACE, NotAsked

INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


def snapshot_of(hub: Path, name: str) -> Path:
    """The snapshot that `main` means, else the newest. Raises NotAsked when the cache has none."""
    folder = hub / cache_folder_name(name)
    main = folder / "refs" / "main"
    commit = main.read_text(encoding="ascii").strip() if main.is_file() else ""
    if commit and (folder / "snapshots" / commit).is_dir():
        return folder / "snapshots" / commit
    found = sorted(folder.glob("snapshots/*"), key=lambda each: each.stat().st_mtime_ns)
    if not found:
        raise NotAsked(f"{NO_MODEL}: {name} in {hub}")
    return found[-1]


def shards_of(snapshot: Path) -> list[Path]:
    """Weights that follow the pattern of shards, the smallest first."""
    return sorted(
        (each for each in snapshot.iterdir() if _SHARD.fullmatch(each.name)),
        key=lambda each: (each.stat().st_size, each.name),
    )


def chosen(snapshot: Path, shards: int) -> list[Path]:
    """What is copied: of a model in one piece, its weights; of one in shards, as many as asked for."""
    files = [each for each in sorted(snapshot.iterdir()) if each.is_file()]
    rest = [each for each in files if not _SHARD.fullmatch(each.name)]
    return [*rest, *shards_of(snapshot)[:shards]]


def require_index(snapshot: Path) -> Path:
    """Raises NotAsked when the model has none that can be read."""
    index = snapshot / INDEX
    try:
        json.loads(index.read_bytes())["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise NotAsked(f"{NO_INDEX}: {snapshot}") from fault
    return index


def require_space(files: Iterable[Path], place: Path, min_free_bytes: int) -> None:
    """As if nothing were copied on write. Raises NotAsked."""
    need = sum(each.stat().st_size for each in files)
    free = shutil.disk_usage(place).free
    if free - need < min_free_bytes:
        raise NotAsked(f"{NO_SPACE}: {need >> 20} MiB to copy, {free >> 20} MiB free in {place}")


def copy_model(source: Path, hub: Path, name: str, files: Sequence[Path]) -> Path:
    """The new snapshot: of `source`'s commit, its files no links but files, so that a test can damage them."""
    folder = hub / cache_folder_name(name)
    target = folder / "snapshots" / source.name
    target.mkdir(parents=True)
    copier = system_copier()
    for each in files:
        copier.copy(each, target / each.name, lambda _: None)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(source.name, encoding="ascii")
    return target


def fetch_index(endpoint: str, name: str, token: str, target: Path) -> Path:
    """The index alone, from a hub into a folder of a test's. Raises NotAsked when the hub has none."""
    request = urllib.request.Request(f"{endpoint}/{name}/resolve/main/{INDEX}")  # noqa: S310 - the hub that was named
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            (target / INDEX).write_bytes(answer.read())
    except (urllib.error.URLError, TimeoutError) as fault:
        raise NotAsked(f"{NO_INDEX}: {endpoint}/{name}: {fault}") from fault
    return require_index(target)
