"""The disk tier: found again after a restart, private, within its budget, owned by one; what is broken is forgotten."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlx_lm.models.cache import KVCache

from adapters.inference.prefix_cache import folders
from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from adapters.inference.prefix_cache.record_file import Record, Unreadable
from adapters.inference.prefix_cache.stored import FolderPrefixStore
from adapters.inference.prefix_cache.writer import PieceWriter
from domain.serving.prompt_divergence import Divergence
from tests.support.eventually import eventually
from tests.support.prefix_networks import numbers, tells, told
from tests.support.prefix_pieces import chain

ROOT = b"r" * 32
OTHER_ROOT = b"s" * 32
PLENTY = 1 << 30
TOKENS = numbers(700)


def opened(folder: Path, *, root: bytes = ROOT, disk_bytes: int = PLENTY, ram_bytes: int = PLENTY) -> PrefixCache:
    disk = open_disk(folder, root, {"model": "m"}, disk_bytes)
    return PrefixCache(root, ram_bytes, lambda: [KVCache()], disk)


def kept(folder: Path, tokens: tuple[int, ...] = TOKENS, *, root: bytes = ROOT, disk_bytes: int = PLENTY) -> None:
    """By a process that has ended since."""
    prefixes = opened(folder, root=root, disk_bytes=disk_bytes)
    prefixes.keep(tokens, told(tokens), boundary=True)
    prefixes.close()


def found(prefixes: PrefixCache, tokens: tuple[int, ...] = TOKENS) -> int:
    """How many tokens are remembered, being sure that they are the right ones."""
    prefix = prefixes.longest((*tokens, 1))
    if prefix is None:
        return 0
    assert tells(prefix.caches, tokens[: prefix.length])
    return prefix.length


def piece_files(folder: Path) -> list[Path]:
    """Of all models; of one sequence, its beginning first."""
    named = [piece.path for each in folders.model_folders(folder) for piece in folders.pieces(each)]
    return sorted(named, key=lambda path: -path.stat().st_mtime_ns)


@pytest.mark.parametrize("length", [5, 256, 512, 700])
def test_what_was_kept_is_found_again_after_a_restart(tmp_path: Path, length: int) -> None:
    kept(tmp_path, TOKENS[:length])
    again = opened(tmp_path)
    assert found(again, TOKENS[:length]) == length
    again.close()


def test_after_a_restart_it_is_known_where_a_prompt_leaves_what_was_kept(tmp_path: Path) -> None:
    kept(tmp_path)
    again = opened(tmp_path)
    told_of = again.explain((*TOKENS[:300], 99, 98))
    assert (told_of.kind, told_of.matched_tokens, told_of.reusable_tokens) == (Divergence.TOKENS_DIFFER, 300, 300)
    assert (told_of.prompt_next, told_of.remembered_next) == ((99, 98), TOKENS[300:308])
    again.close()


def test_what_somebody_else_wipes_is_told_no_more(tmp_path: Path) -> None:
    prefixes = opened(tmp_path)
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    eventually(lambda: len(piece_files(tmp_path)) == 3, "everything is written")
    store = FolderPrefixStore(tmp_path)
    store.clear(store.stored())
    assert prefixes.explain(TOKENS).kind is Divergence.NOTHING_REMEMBERED
    assert found(prefixes) == 0
    prefixes.close()


def test_another_root_finds_nothing(tmp_path: Path) -> None:
    kept(tmp_path)
    again = opened(tmp_path, root=OTHER_ROOT)
    assert found(again) == 0
    again.close()


def test_a_sequence_that_grows_over_many_runs_lies_there_once(tmp_path: Path) -> None:
    for length in (100, 300, 500, 700):
        kept(tmp_path, TOKENS[:length])
    assert sum(piece.tokens for each in folders.model_folders(tmp_path) for piece in folders.pieces(each)) == 700


def test_folders_and_files_are_the_users_alone(tmp_path: Path) -> None:
    place = tmp_path / "cache" / "prompts"
    before = os.umask(0)
    try:
        kept(place)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.rglob("*"))}
    assert set(modes.values()) == {0o700, 0o600}
    assert all((mode == 0o700) == path.is_dir() for path, mode in modes.items())


def test_a_directory_that_was_there_stays_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o755)
    (place / ROOT.hex()[:32]).mkdir(mode=0o755)
    kept(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    assert stat.S_IMODE((place / ROOT.hex()[:32]).stat().st_mode) == 0o700


def test_a_models_folder_that_is_a_link_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ROOT.hex()[:32]).symlink_to(tmp_path / "elsewhere")
    assert open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY) is None
    assert "it is a link, or belongs to somebody else" in caplog.text
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_models_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / ROOT.hex()[:32]).mkdir()
    os.chown(tmp_path / ROOT.hex()[:32], 12_345, 12_345)
    assert open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY) is None


def test_a_second_owner_goes_without_the_disk_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = opened(tmp_path)
    with caplog.at_level("INFO"):
        assert open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY) is None
    assert "another process remembers prompts of this model" in caplog.text
    first.close()
    second = open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY)
    assert second is not None
    second.close()


def test_a_process_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from adapters.inference.prefix_cache.disk import open_disk\n"
        f"assert open_disk(Path(sys.argv[1]), {ROOT!r}, {{'model': 'm'}}, 1 << 30) is not None\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -9
    again = open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY)
    assert again is not None
    again.close()


def test_the_budget_is_that_of_all_models_together(tmp_path: Path) -> None:
    kept(tmp_path, numbers(512, seed=1))
    size_bytes = sum(path.stat().st_size for path in piece_files(tmp_path))
    kept(tmp_path, numbers(512, seed=2), root=OTHER_ROOT, disk_bytes=int(1.6 * size_bytes))
    assert sum(path.stat().st_size for path in piece_files(tmp_path)) <= 1.6 * size_bytes
    older, newer = opened(tmp_path), opened(tmp_path, root=OTHER_ROOT)
    assert found(newer, numbers(512, seed=2)) == 512
    assert found(older, numbers(512, seed=1)) == 256
    older.close()
    newer.close()


def test_of_a_sequence_beyond_the_budget_the_beginning_stays(tmp_path: Path) -> None:
    kept(tmp_path / "one", TOKENS[:256])
    size_bytes = piece_files(tmp_path / "one")[0].stat().st_size
    kept(tmp_path, disk_bytes=int(2.2 * size_bytes))
    again = opened(tmp_path)
    assert found(again) == 512
    again.close()


def test_what_was_used_lately_outlives_what_was_written_lately(tmp_path: Path) -> None:
    one, two = numbers(256, seed=1), numbers(256, seed=2)
    kept(tmp_path, one)
    kept(tmp_path, two)
    size_bytes = max(path.stat().st_size for path in piece_files(tmp_path))
    again = opened(tmp_path)
    assert found(again, one) == 256
    again.close()
    kept(tmp_path, numbers(256, seed=3), disk_bytes=int(2.5 * size_bytes))
    again = opened(tmp_path)
    assert [found(again, numbers(256, seed=seed)) for seed in (1, 2, 3)] == [256, 0, 256]
    again.close()


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(at: int) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)

    return flip


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def foreign(path: Path) -> None:
    path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")


def swapped(path: Path) -> None:
    """The whole content of the neighbour, which is sound in itself."""
    path.write_bytes(next(each for each in piece_files(path.parents[1]) if each != path).read_bytes())


DAMAGES = {
    "cut off": cut_off, "empty": emptied, "a bit of the length": flipped(3), "a bit of the header": flipped(40),
    "a bit of the values": flipped(-5), "more at the end": lengthened, "foreign": foreign, "another's": swapped,
}  # fmt: skip


@pytest.mark.parametrize("when", ["before a start", "after it"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_damaged_is_forgotten_and_removed(tmp_path: Path, damage: str, when: str) -> None:
    kept(tmp_path)
    again = opened(tmp_path, ram_bytes=0) if when == "after it" else None
    broken = piece_files(tmp_path)[1]
    DAMAGES[damage](broken)
    again = again or opened(tmp_path)
    assert found(again) == 256
    again.keep(TOKENS, told(TOKENS), boundary=True)
    again.close()
    again = opened(tmp_path, ram_bytes=0)
    assert found(again) == 700
    again.close()


def test_what_was_used_last_is_in_memory_before_anybody_asks(tmp_path: Path) -> None:
    kept(tmp_path, numbers(256, seed=1))
    kept(tmp_path, numbers(256, seed=2))
    disk = open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY)
    assert disk is not None
    older, newer = [entry.key for entry in disk.found()]
    disk.read_ahead([newer, older], 3_000)
    eventually(lambda: disk.ahead_bytes > 0, "the newer one has been read")
    for path in piece_files(tmp_path):
        path.unlink()
    found_newer, found_older = disk.read([newer, older])
    assert isinstance(found_newer, Record)
    assert found_newer.tokens == numbers(256, seed=2)
    assert isinstance(found_older, Unreadable), "only one had room"
    assert disk.ahead_bytes == 0, "what was taken is not held twice"
    disk.close()


def test_what_is_forgotten_was_not_read_ahead_for_nothing(tmp_path: Path) -> None:
    kept(tmp_path, TOKENS[:256])
    disk = open_disk(tmp_path, ROOT, {"model": "m"}, PLENTY)
    assert disk is not None
    (entry,) = disk.found()
    disk.read_ahead([entry.key], PLENTY)
    eventually(lambda: disk.ahead_bytes > 0, "it has been read")
    disk.forget(entry.key)
    assert disk.ahead_bytes == 0
    disk.close()


def test_what_was_read_ahead_makes_room_for_what_is_used(tmp_path: Path) -> None:
    block = 256 * 8
    kept(tmp_path, numbers(256, seed=1))
    again = opened(tmp_path, ram_bytes=4 * block)
    disk = again._shelf._disk
    assert disk is not None
    eventually(lambda: disk.ahead_bytes == block, "it has been read")
    long = numbers(1024, seed=2)
    again.keep(long, told(long), boundary=True)
    assert (again.held_bytes, disk.ahead_bytes) == (4 * block, 0)
    again.close()


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    kept(tmp_path)
    (model_folder,) = folders.model_folders(tmp_path)
    (model_folder / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "else").mkdir()
    again = opened(tmp_path)
    again.wipe()
    again.close()
    assert (model_folder / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "else").is_dir()
    assert not piece_files(tmp_path)


def test_a_wipe_leaves_nothing_on_the_disk_nor_what_waits_to_be_written(tmp_path: Path) -> None:
    prefixes = opened(tmp_path)
    for seed in range(20):
        tokens = numbers(700, seed=seed)
        prefixes.keep(tokens, told(tokens), boundary=True)
    prefixes.wipe()
    assert found(prefixes, numbers(700, seed=3)) == 0
    prefixes.close()
    assert not piece_files(tmp_path)


def test_what_somebody_else_wipes_is_forgotten_in_memory_too(tmp_path: Path) -> None:
    prefixes = opened(tmp_path)
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    (model_folder,) = folders.model_folders(tmp_path)
    folders.clear_folder(model_folder)
    assert found(prefixes) == 0
    assert prefixes.held_bytes == 0
    prefixes.keep(TOKENS[:300], told(TOKENS[:300]), boundary=True)
    prefixes.close()
    again = opened(tmp_path)
    assert found(again) == 300
    again.close()


def test_no_file_outlives_a_wipe_that_came_while_it_was_written(tmp_path: Path) -> None:
    lost: list[bytes] = []
    (record,) = chain(1, (256,))
    writer = PieceWriter(tmp_path, PLENTY, lost.append, lambda: True)
    writer.put(record, 0, wait=True)
    writer.close()
    assert lost == [record.key]
    assert not list(folders.pieces(tmp_path))


def test_a_piece_of_another_root_is_removed(tmp_path: Path) -> None:
    kept(tmp_path / "other", TOKENS[:256], root=OTHER_ROOT)
    (stray,) = piece_files(tmp_path / "other")
    kept(tmp_path, TOKENS[:256])
    (model_folder,) = folders.model_folders(tmp_path)
    stray.rename(model_folder / stray.name)
    again = opened(tmp_path)
    assert found(again, TOKENS[:256]) == 256
    again.close()
    assert len(piece_files(tmp_path)) == 1


def test_pieces_in_quarantine_are_removed_at_the_start(tmp_path: Path) -> None:
    kept(tmp_path)
    (model_folder,) = folders.model_folders(tmp_path)
    (model_folder / folders.QUARANTINE).write_text('["KVCache"]', encoding="utf-8")
    again = opened(tmp_path)
    assert found(again) == 0
    again.close()
    assert not piece_files(tmp_path)


def test_a_full_disk_costs_nothing_but_the_memory_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    prefixes = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        prefixes.keep(TOKENS, told(TOKENS), boundary=True)
        assert found(prefixes) == 700
        eventually(lambda: threads_idle(prefixes), "all that waits has been tried")
    assert not [path for path in tmp_path.rglob("*") if ".safetensors" in path.name]
    warnings = [record.message for record in caplog.records if "is not written down" in record.message]
    assert len(warnings) == 1, "three pieces failed; it is said once"
    assert "No space left on device" in warnings[0]
    prefixes.close()
    again = opened(tmp_path)
    assert found(again) == 700, "what could not be written at once is written at the end"
    again.close()


def threads_idle(prefixes: PrefixCache) -> bool:
    """Nothing waits to be written."""
    disk = prefixes._shelf._disk
    return disk is not None and not disk._writer._waiting


def test_a_place_that_cannot_be_made_leaves_the_memory_tier(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    prefixes = opened(tmp_path / "file" / "prompts")
    assert "no prompts are remembered on the disk" in caplog.text
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    assert found(prefixes) == 700
    prefixes.close()


def test_a_half_written_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    kept(tmp_path)
    (model_folder,) = folders.model_folders(tmp_path)
    leftover = model_folder / f"{folders.UNFINISHED}x"
    leftover.write_bytes(b"half")
    again = opened(tmp_path)
    assert not leftover.exists()
    again.close()
