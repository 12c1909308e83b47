"""Every way of copying keeps the port's contract; copy-on-write is tried on real filesystems that know it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.copying.clonefile import CLONE_NOFOLLOW, CloneFileCopier
from adapters.copying.first_that_works import FirstThatWorks, system_copier
from adapters.copying.plain import PlainCopier
from adapters.copying.reflink import ReflinkCopier
from domain.errors import Conflict, DiskFull
from domain.workspace.copy_method import CopyMethod
from ports.copying import CopyUnsupported, FileCopier
from tests.support.loop_disk import loop_disk

CONTENT = bytes(range(256)) * 5000


class FakeLibSystem:
    """libSystem as clonefile(2) documents it: the target must not exist, links are not followed, errno on failure."""

    def __init__(self, fails_with: int = 0) -> None:
        self.fails_with = fails_with
        self.calls: list[tuple[bytes, bytes, int]] = []
        self.clonefile = self._Function(self)

    class _Function:
        argtypes: object = None
        restype: object = None

        def __init__(self, library: FakeLibSystem) -> None:
            self._library = library

        def __call__(self, source: bytes, target: bytes, flags: int) -> int:
            assert self.argtypes == [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint32]
            assert self.restype is ctypes.c_int
            self._library.calls.append((source, target, flags))
            number = self._library.fails_with or (errno.EEXIST if os.path.lexists(target) else 0)
            if number:
                ctypes.set_errno(number)
                return -1
            shutil.copyfile(source, target, follow_symlinks=not flags & CLONE_NOFOLLOW)
            return 0


@pytest.fixture(params=["plain", "clonefile", "first that works", "reflink"])
def copier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FileCopier, Path]]:
    """A copier and a folder on a disk where it works."""
    if request.param == "reflink":
        with loop_disk("btrfs", tmp_path) as disk:
            yield ReflinkCopier(), disk
        return
    made: dict[str, Callable[[], FileCopier]] = {
        "plain": PlainCopier,
        "clonefile": lambda: CloneFileCopier(FakeLibSystem()),
        "first that works": system_copier,
    }
    yield made[request.param](), tmp_path


def quiet(count: int) -> None:
    """No progress."""


def test_a_copy_is_equal_and_independent(copier: tuple[FileCopier, Path]) -> None:
    copy, folder = copier
    source, target = folder / "source", folder / "target"
    source.write_bytes(CONTENT)
    source.chmod(0o444)
    os.utime(source, ns=(1_000_000_000, 2_000_000_123))
    seen: list[int] = []
    copy.copy(source, target, seen.append)
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mtime_ns == 2_000_000_123
    assert sum(seen) == len(CONTENT)
    target.write_bytes(b"changed")
    assert source.read_bytes() == CONTENT


def test_a_link_is_followed_to_its_content(copier: tuple[FileCopier, Path]) -> None:
    copy, folder = copier
    (folder / "blob").write_bytes(CONTENT)
    (folder / "link").symlink_to("blob")
    copy.copy(folder / "link", folder / "target", quiet)
    assert not (folder / "target").is_symlink()
    assert (folder / "target").read_bytes() == CONTENT


def test_an_existing_target_is_never_overwritten(copier: tuple[FileCopier, Path]) -> None:
    copy, folder = copier
    (folder / "source").write_bytes(CONTENT)
    (folder / "target").write_bytes(b"mine")
    with pytest.raises(Conflict):
        copy.copy(folder / "source", folder / "target", quiet)
    assert (folder / "target").read_bytes() == b"mine"


def test_a_missing_source_leaves_no_target(copier: tuple[FileCopier, Path]) -> None:
    copy, folder = copier
    with pytest.raises(Conflict):
        copy.copy(folder / "nothing", folder / "target", quiet)
    assert not (folder / "target").exists()


def test_an_empty_file_is_copied(copier: tuple[FileCopier, Path]) -> None:
    copy, folder = copier
    (folder / "source").touch()
    copy.copy(folder / "source", folder / "target", quiet)
    assert (folder / "target").read_bytes() == b""


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_a_reflink_takes_no_room(kind: str, tmp_path: Path) -> None:
    with loop_disk(kind, tmp_path) as disk:
        source = disk / "source"
        source.write_bytes(os.urandom(1 << 20) * 24)
        os.sync()
        before = shutil.disk_usage(disk).free
        copier = system_copier()
        assert copier.copy(source, disk / "target", quiet) is CopyMethod.REFLINK
        os.sync()
        assert before - shutil.disk_usage(disk).free < 4 << 20
        with (disk / "target").open("r+b") as file:
            file.write(b"other")
        assert source.read_bytes()[:5] != b"other"


def test_between_two_disks_it_copies(tmp_path: Path) -> None:
    with loop_disk("btrfs", tmp_path) as disk:
        (tmp_path / "source").write_bytes(CONTENT)
        assert system_copier().copy(tmp_path / "source", disk / "target", quiet) is CopyMethod.COPY
        assert (disk / "target").read_bytes() == CONTENT


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with loop_disk("ext4", tmp_path) as disk:
        with (tmp_path / "source").open("wb") as file:
            file.write(os.urandom(30 << 20))
        with pytest.raises(DiskFull, match="target"):
            system_copier().copy(tmp_path / "source", disk / "target", quiet)
        assert not (disk / "target").exists()


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS])
def test_what_clonefile_cannot_do_is_copied_instead_and_not_tried_again(number: int, tmp_path: Path) -> None:
    library = FakeLibSystem(number)
    copier = FirstThatWorks((CloneFileCopier(library), PlainCopier()))
    (tmp_path / "source").write_bytes(CONTENT)
    for name in ("a", "b"):
        assert copier.copy(tmp_path / "source", tmp_path / name, quiet) is CopyMethod.COPY
    assert len(library.calls) == 1


def test_clonefile_gets_real_paths_and_follows_no_link(tmp_path: Path) -> None:
    library = FakeLibSystem()
    (tmp_path / "blob").write_bytes(CONTENT)
    (tmp_path / "link").symlink_to("blob")
    assert CloneFileCopier(library).copy(tmp_path / "link", tmp_path / "target", quiet) is CopyMethod.CLONEFILE
    [(source, target, flags)] = library.calls
    assert (source, target) == (os.fsencode((tmp_path / "blob").resolve()), os.fsencode(tmp_path / "target"))
    assert flags & CLONE_NOFOLLOW


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EEXIST, Conflict)])
def test_real_faults_of_clonefile_are_not_hidden_by_a_copy(number: int, error: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    copier = FirstThatWorks((CloneFileCopier(FakeLibSystem(number)), PlainCopier()))
    with pytest.raises(error):
        copier.copy(tmp_path / "source", tmp_path / "target", quiet)
    assert not (tmp_path / "target").exists()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has it")
def test_a_system_without_clonefile_says_so(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    with pytest.raises(CopyUnsupported):
        CloneFileCopier().copy(tmp_path / "source", tmp_path / "target", quiet)


@pytest.mark.skipif(sys.platform != "darwin", reason="needs macOS and its libSystem")
def test_clonefile_works_on_this_mac(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    assert system_copier().copy(tmp_path / "source", tmp_path / "target", quiet) in CopyMethod
    assert (tmp_path / "target").read_bytes() == CONTENT
