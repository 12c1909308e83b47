"""The beginning of a weight file: is it what its name and length say? Weights themselves are never read."""

from __future__ import annotations

import json
import os

from domain.catalog.listing import FileEntry
from domain.catalog.manifest import WeightFile, WeightState

MAX_HEADER_BYTES = 16 * 1024 * 1024
_LFS_MARK = b"version https://git-lfs.github.com/spec/"
_LFS_MAX_BYTES = 200
# Most headers are whole within the first read.
_FIRST_BYTES = 64 * 1024
_MAGIC = {".gguf": b"GGUF"}


def inspect_weight_file(root: str, entry: FileEntry) -> WeightFile:
    """What the file's first bytes say. Never raises for the file's content or absence."""
    if entry.problem:
        return _weight(entry, WeightState.UNREADABLE, entry.problem)
    if entry.size_bytes == 0:
        return _weight(entry, WeightState.EMPTY)
    safetensors = entry.path.endswith(".safetensors")
    if not safetensors and entry.size_bytes >= _LFS_MAX_BYTES and not entry.path.endswith(".gguf"):
        return _weight(entry, WeightState.SOUND)
    try:
        descriptor = os.open(f"{root}/{entry.path}", os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as fault:
        return _weight(entry, WeightState.UNREADABLE, getattr(fault, "strerror", None) or str(fault))
    try:
        if entry.size_bytes < _LFS_MAX_BYTES and os.pread(descriptor, 100, 0).startswith(_LFS_MARK):
            return _weight(entry, WeightState.LFS_POINTER)
        if safetensors:
            return _inspect_safetensors(descriptor, entry)
        magic = _MAGIC.get(entry.path[-5:], b"")
        state = WeightState.SOUND if os.pread(descriptor, len(magic), 0) == magic else WeightState.BAD_HEADER
        return _weight(entry, state)
    except OSError as fault:
        return _weight(entry, WeightState.UNREADABLE, fault.strerror or str(fault))
    finally:
        os.close(descriptor)


def _inspect_safetensors(descriptor: int, entry: FileEntry) -> WeightFile:
    """Format: 8 bytes little-endian header length, a JSON header, then the tensors, packed to the file's end."""
    beginning = os.pread(descriptor, min(_FIRST_BYTES, entry.size_bytes), 0)
    length = int.from_bytes(beginning[:8], "little")
    if length < 2 or length > max(MAX_HEADER_BYTES, entry.size_bytes):
        return _weight(entry, WeightState.BAD_HEADER)
    if 8 + length > entry.size_bytes:
        return _weight(entry, WeightState.WRONG_LENGTH, f"{entry.size_bytes} bytes, its header alone is {8 + length}")
    if length > MAX_HEADER_BYTES:
        return _weight(entry, WeightState.BAD_HEADER, f"its header of {length} bytes is too large")
    header = beginning[8 : 8 + length] if 8 + length <= len(beginning) else os.pread(descriptor, length, 8)
    promised = _promised_bytes(header) if header.startswith(b"{") else None
    if promised is None:
        return _weight(entry, WeightState.BAD_HEADER)
    if 8 + length + promised != entry.size_bytes:
        return _weight(
            entry, WeightState.WRONG_LENGTH, f"{entry.size_bytes} bytes, its header promises {8 + length + promised}"
        )
    return _weight(entry, WeightState.SOUND, made_by_mlx=_says_mlx(header))


def _promised_bytes(header: bytes) -> int | None:
    """How many bytes of tensors the header describes: where its last tensor ends; None when it is no valid header.

    All of it is parsed (5 ms for 5,000 tensors): nothing less tells a damaged header from a sound one.
    """
    try:
        tensors = json.loads(header)
        spans = [each["data_offsets"] for name, each in tensors.items() if name != "__metadata__"]
        ends = [end for start, end in spans if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end]
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    return None if len(ends) != len(spans) else max(ends, default=0)


def _says_mlx(header: bytes) -> bool:
    """`__metadata__` with format mlx, which MLX's own tools write."""
    at = header.find(b'"__metadata__"')
    if at < 0:
        return False
    block = header[at : header.find(b"}", at) + 1].replace(b" ", b"")
    return b'"format":"mlx"' in block


def _weight(entry: FileEntry, state: WeightState, detail: str = "", *, made_by_mlx: bool = False) -> WeightFile:
    return WeightFile(entry.path, entry.size_bytes, state, detail, made_by_mlx)
