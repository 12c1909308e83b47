"""One remembered piece as a file: safetensors, with all that is known of it in the metadata, and a checksum. No MLX."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.inference.prefix_cache.chain import key_of

FORMAT = "mlxk-prefix-1"
LENGTH_BYTES = 8
MAX_HEADER_BYTES = 1 << 20
KEY_BYTES = 32
FIELDS = frozenset({"format", "parent", "start", "tokens", "layout", "tail", "exact", "rows", "skeleton"})


class Unreadable(Exception):
    """A file that is not what it should be. The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class RawArray:
    """dtype: as safetensors spells it. data: bytes, row-major, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: Any


@dataclass(frozen=True, slots=True)
class Record:
    """What an Entry and its values are on the disk. rows: how many of the arrays are rows; the others are what cannot
    be cut. arrays: empty when only the header was read.
    """

    key: bytes
    parent: bytes
    start: int
    tokens: tuple[int, ...]
    layout: str
    tail: bool
    exact: bool
    rows: int
    skeleton: str
    arrays: tuple[RawArray, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(len(each.data) for each in self.arrays)


def encoded(record: Record) -> list[Any]:
    """The file in parts: header and one part for each array."""
    facts = {
        "format": FORMAT,
        "parent": record.parent.hex(),
        "start": str(record.start),
        "tokens": base64.b64encode(array("q", record.tokens).tobytes()).decode("ascii"),
        "layout": record.layout,
        "tail": str(int(record.tail)),
        "exact": str(int(record.exact)),
        "rows": str(record.rows),
        "skeleton": record.skeleton,
    }
    header: dict[str, object] = {}
    offset = 0
    for number, each in enumerate(record.arrays):
        end = offset + len(each.data)
        header[f"{number:04}"] = {"dtype": each.dtype, "shape": list(each.shape), "data_offsets": [offset, end]}
        offset = end
    parts = [each.data for each in record.arrays]
    header["__metadata__"] = {**facts, "checksum": _checksum(facts, header, parts)}
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(LENGTH_BYTES, "little") + text, *parts]


def decoded(content: bytes | memoryview, key: bytes) -> Record:
    """The whole of a file, checked. Raises Unreadable."""
    view = memoryview(content)
    length = header_length(bytes(view[:LENGTH_BYTES]))
    header = _header(bytes(view[LENGTH_BYTES : LENGTH_BYTES + length]), length)
    record = described(header, key)
    data = view[LENGTH_BYTES + length :]
    arrays = tuple(_arrays(header, data))
    facts = dict(header["__metadata__"])
    stated = facts.pop("checksum", None)
    rest = {name: value for name, value in header.items() if name != "__metadata__"}
    if sum(len(each.data) for each in arrays) != len(data):
        raise Unreadable("more or less data than its header says")
    if stated != _checksum(facts, rest, [each.data for each in arrays]):
        raise Unreadable("its checksum is wrong")
    return Record(**{name: getattr(record, name) for name in Record.__slots__ if name != "arrays"}, arrays=arrays)


def header_length(prefix: bytes) -> int:
    """From the first eight bytes. Raises Unreadable."""
    length = int.from_bytes(prefix, "little")
    if len(prefix) < LENGTH_BYTES or not 2 <= length <= MAX_HEADER_BYTES:
        raise Unreadable("no safetensors header")
    return length


def read_header(text: bytes, length: int, key: bytes) -> Record:
    """What a file holds, without its values: only that its name and its tokens fit together is checked. Raises
    Unreadable.
    """
    return described(_header(text, length), key)


def described(header: Mapping[str, Any], key: bytes) -> Record:
    facts = header.get("__metadata__")
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or facts.keys() - {"checksum"} != FIELDS:
        raise Unreadable("not one of ours, or of another version")
    try:
        tokens = array("q", base64.b64decode(facts["tokens"], validate=True))
        parent = bytes.fromhex(facts["parent"])
        start, rows = int(facts["start"]), int(facts["rows"])
    except (ValueError, TypeError, binascii.Error) as fault:
        raise Unreadable(f"its metadata cannot be read: {fault}") from fault
    tail, exact = facts["tail"] == "1", facts["exact"] == "1"
    if len(parent) != KEY_BYTES or key != key_of(parent, tuple(tokens), tail=tail):
        raise Unreadable("its name is not that of its tokens")
    return Record(key, parent, start, tuple(tokens), facts["layout"], tail, exact, rows, facts["skeleton"])


def _header(text: bytes, length: int) -> dict[str, Any]:
    try:
        header = json.loads(text) if len(text) == length else None
    except (ValueError, RecursionError) as fault:
        raise Unreadable(f"its header cannot be read: {fault}") from fault
    if not isinstance(header, dict):
        raise Unreadable("its header is cut off")
    return header


def _arrays(header: Mapping[str, Any], data: memoryview) -> Iterator[RawArray]:
    names = sorted(name for name in header if name != "__metadata__")
    for name in names:
        try:
            entry = header[name]
            start, end = map(int, entry["data_offsets"])
            shape = tuple(int(each) for each in entry["shape"])
            dtype = str(entry["dtype"])
        except (LookupError, TypeError, ValueError) as fault:
            raise Unreadable(f"its array {name} cannot be read: {fault!r}") from fault
        if not 0 <= start <= end <= len(data):
            raise Unreadable("it is cut off")
        yield RawArray(dtype, shape, data[start:end])


def _checksum(facts: Mapping[str, str], arrays: Mapping[str, object], parts: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps([facts, arrays], sort_keys=True).encode("utf-8"))
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
