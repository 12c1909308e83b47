"""Any system: byte by byte."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

from adapters.copying.refusals import finish
from domain.workspace.copy_method import CopyMethod
from domain.workspace.disk_faults import disk_error
from ports.copying import OnBytes

CHUNK_BYTES = 8 << 20


class PlainCopier:
    """FileCopier; never raises CopyUnsupported."""

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        made = False
        buffer = memoryview(bytearray(min(CHUNK_BYTES, max(_size(source), 1))))
        try:
            with source.open("rb", buffering=0) as origin:
                status = source.stat()
                with target.open("xb", buffering=0) as copy:
                    made = True
                    while count := origin.readinto(buffer):
                        _write_all(copy, buffer[:count])
                        progress(count)
            finish(target, status)
        except BaseException as fault:
            if made:
                target.unlink(missing_ok=True)
            if isinstance(fault, OSError):
                raise disk_error(target, fault) from fault
            raise
        return CopyMethod.COPY


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError as fault:
        raise disk_error(source, fault) from fault


def _write_all(copy: FileIO, piece: memoryview) -> None:
    while piece:
        piece = piece[copy.write(piece) :]
