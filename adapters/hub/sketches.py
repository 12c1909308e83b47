"""Sketches of remote models: sparse files behind their true beginnings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from adapters.hub.disk import disk_faults
from adapters.hub.layout import CacheLayout
from domain.catalog.manifest import is_weight_file
from domain.hub.remote_model import RemoteFile, RemoteModel
from ports.hub import ModelHub

FIRST_BYTES = 64 * 1024
MAX_HEADER_BYTES = 32 * 1024 * 1024
MAX_TEXT_BYTES = 8 * 1024 * 1024
CONNECTIONS = 6
# Text that describes the model. The vocabulary itself (tokenizer.json, merges.txt, ...) tells a reader nothing more.
_DESCRIBING_SUFFIXES = ("config.json", ".index.json", ".jinja", "chat_template.json", "README.md")


class TemporarySketches:
    """RemoteSketches in the system's folder for temporary files."""

    @contextmanager
    def sketch(self, model: RemoteModel, hub: ModelHub, weight_headers: int) -> Iterator[PurePath]:
        model.require_safe()
        with TemporaryDirectory(prefix="mlxk-sketch-") as folder, disk_faults(model.name, Path(folder)):
            snapshot = CacheLayout(Path(folder), model.name).snapshot(model.commit)
            snapshot.mkdir(parents=True)
            headed = {file.path for file in [f for f in model.files if is_weight_file(f.name)][:weight_headers]}
            with ThreadPoolExecutor(CONNECTIONS, "sketch") as threads:
                list(threads.map(lambda file: _draw(snapshot, model, hub, file, headed), model.files))
            yield Path(folder)


def _draw(snapshot: Path, model: RemoteModel, hub: ModelHub, file: RemoteFile, headed: set[str]) -> None:
    path = snapshot / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b""
    if is_weight_file(file.name):
        true = file.path in headed or file.size_bytes <= FIRST_BYTES
        content = _weight_beginning(model, hub, file) if true else _stand_in(file)
    elif file.name.endswith(_DESCRIBING_SUFFIXES) and file.size_bytes <= MAX_TEXT_BYTES:
        content = hub.read(model, file, MAX_TEXT_BYTES)
    with path.open("wb") as stream:
        stream.write(content)
        stream.truncate(file.size_bytes)


def _weight_beginning(model: RemoteModel, hub: ModelHub, file: RemoteFile) -> bytes:
    """A safetensors file's header, whole; the first bytes of any other."""
    beginning = hub.read(model, file, FIRST_BYTES)
    needed = 8 + int.from_bytes(beginning[:8], "little")
    if file.name.endswith(".safetensors") and len(beginning) < needed <= min(file.size_bytes, MAX_HEADER_BYTES):
        return hub.read(model, file, needed)
    return beginning


def _stand_in(file: RemoteFile) -> bytes:
    """A header that describes one tensor as long as the file, for files nobody asked about."""
    if not file.name.endswith(".safetensors"):
        return b"GGUF" if file.name.endswith(".gguf") else b""
    for header_bytes in (120, 136):
        length = file.size_bytes - 8 - header_bytes
        tensor = {"t": {"dtype": "U8", "shape": [length], "data_offsets": [0, length]}}
        header = json.dumps(tensor, separators=(",", ":")).encode()
        if length >= 0 and len(header) <= header_bytes:
            return header_bytes.to_bytes(8, "little") + header.ljust(header_bytes)
    return b""
