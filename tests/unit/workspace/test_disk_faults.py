"""A fault of the disk becomes an error that names the path, the system's words and the way out."""

from __future__ import annotations

import errno
import os

import pytest

from domain.errors import AccessDenied, Conflict, DiskFull, InternalError, MlxkError
from domain.workspace.disk_faults import disk_error, disk_faults_of


@pytest.mark.parametrize(
    ("number", "kind", "way_out"),
    [
        (errno.ENOSPC, DiskFull, "make room on this disk, then run the command again"),
        (errno.EDQUOT, DiskFull, "make room on this disk, then run the command again"),
        (errno.EFBIG, DiskFull, "make room on this disk, then run the command again"),
        (errno.EACCES, AccessDenied, "check who owns the folder and what its rights allow"),
        (errno.EPERM, AccessDenied, "check who owns the folder and what its rights allow"),
        (errno.EROFS, AccessDenied, "check who owns the folder and what its rights allow"),
        (errno.EEXIST, Conflict, "something else changes this folder: run the command again"),
        (errno.ENOTEMPTY, Conflict, "something else changes this folder: run the command again"),
        (errno.ENOENT, Conflict, "something else changes this folder: run the command again"),
        (errno.ENOTDIR, Conflict, "something else changes this folder: run the command again"),
        (errno.EIO, InternalError, "check this disk"),
    ],
)
def test_each_fault_has_its_kind(number: int, kind: type[MlxkError], way_out: str) -> None:
    words = os.strerror(number)
    error = disk_error("/models/a", OSError(number, words))
    assert type(error) is kind
    assert error.message == f"/models/a: {words}"
    assert error.hint == way_out


def test_a_fault_without_words_of_the_system_gives_its_own() -> None:
    assert disk_error("/models/a", OSError("the cable is out")).message == "/models/a: the cable is out"


def test_a_fault_in_the_block_is_raised_as_an_error_and_kept_as_its_cause() -> None:
    fault = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(DiskFull, match="/models/a: No space left") as caught, disk_faults_of("/models/a"):
        raise fault
    assert caught.value.__cause__ is fault


def test_other_errors_pass_through() -> None:
    with pytest.raises(KeyError), disk_faults_of("/models/a"):
        raise KeyError("x")
