"""Values between MLX and plain bytes. On the engine's thread: what leaves here may go to any other."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import numpy as np

from adapters.inference.prefix_cache.entry import Entry, Held
from adapters.inference.prefix_cache.record_file import RawArray, Record, Unreadable

DTYPES = {
    "BOOL": mx.bool_, "U8": mx.uint8, "I8": mx.int8, "U16": mx.uint16, "I16": mx.int16, "U32": mx.uint32,
    "I32": mx.int32, "U64": mx.uint64, "I64": mx.int64, "F16": mx.float16, "BF16": mx.bfloat16, "F32": mx.float32,
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def packed(entry: Entry, held: Held) -> Record:
    """The values, evaluated, are copied."""
    arrays = tuple(_raw(array) for array in (*held.rows, *held.whole))
    return Record(
        entry.key, entry.parent, entry.start, entry.tokens, entry.layout, entry.tail, entry.exact, len(held.rows),
        held.skeleton, arrays,
    )  # fmt: skip


def unpacked(record: Record) -> Held:
    """Raises Unreadable for arrays that are none."""
    arrays = tuple(_array(raw) for raw in record.arrays)
    return Held(arrays[: record.rows], arrays[record.rows :], record.skeleton)


def _raw(array: Any) -> RawArray:
    if not array.size:
        return RawArray(NAMES[array.dtype], tuple(array.shape), b"")
    flat = mx.view(mx.flatten(array), mx.uint8)
    return RawArray(NAMES[array.dtype], tuple(array.shape), np.array(flat, copy=True).data)


def _array(raw: RawArray) -> Any:
    dtype = DTYPES.get(raw.dtype)
    if dtype is None or math.prod(raw.shape) * dtype.size != len(raw.data):
        raise Unreadable(f"an array of {raw.dtype} {raw.shape} in {len(raw.data):,} bytes")
    if not raw.data:
        return mx.zeros(raw.shape, dtype=dtype)
    return mx.reshape(mx.view(mx.array(np.frombuffer(raw.data, dtype=np.uint8)), dtype), raw.shape)
