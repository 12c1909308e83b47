"""The rule for where caches of tests lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loop_disk import loop_disk
from tests.support.volumes import FOLDER, NoPlaceForCaches, mount_points, place_for, volume_root

POINTS = ("/", "/System/Volumes/Data", "/Volumes/models", "/Volumes/models/inner", "/scratch")


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/home/u/.cache/huggingface", "/"),
        ("/Volumes/models/hf", "/Volumes/models"),
        ("/Volumes/models", "/Volumes/models"),
        ("/Volumes/models/inner/hf", "/Volumes/models/inner"),
        ("/Volumes/models-2/hf", "/"),
    ],
)
def test_the_volume_of_a_path_is_the_deepest_mount_above_it(path: str, root: str) -> None:
    assert volume_root(Path(path), POINTS) == Path(root)


def place(home: Path, temporary: Path, points: tuple[str, ...]) -> Path:
    """Where nothing else than HF_HOME is protected."""
    return place_for(home / "hub", [home], temporary, points)


def test_on_an_external_volume_it_lies_at_the_root_of_that_volume(tmp_path: Path) -> None:
    volume, temporary = tmp_path / "volume", tmp_path / "t"
    (volume / "deep" / "hf").mkdir(parents=True)
    assert place(volume / "deep" / "hf", temporary, ("/", str(volume))) == volume / FOLDER


def test_the_volume_is_the_one_that_a_linked_hub_lies_on(tmp_path: Path) -> None:
    volume, home = tmp_path / "volume", tmp_path / "hf"
    (volume / "models").mkdir(parents=True)
    home.mkdir()
    (home / "hub").symlink_to(volume / "models")
    assert place(home, tmp_path / "t", ("/", str(volume))) == volume / FOLDER


@pytest.mark.parametrize("home", ["", "hf"])
def test_otherwise_it_lies_in_the_temporary_folder(tmp_path: Path, home: str) -> None:
    """Also when the user's cache is the whole volume, which nothing is put into; or when both are one volume."""
    volume, temporary = tmp_path / "volume", tmp_path / "t"
    volume.mkdir()
    points = ("/", str(volume)) if not home else ("/",)
    assert place(volume / home, temporary, points) == temporary
    assert place(volume / "hf", volume / "t", ("/", str(volume))) == volume / "t"


def test_a_volume_that_cannot_be_written_to_is_left_alone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert place(gone / "hf", tmp_path, ("/", str(gone))) == tmp_path


@pytest.mark.parametrize("below", ["", "tmp", "deep/tmp"])
def test_never_in_the_users_cache(tmp_path: Path, below: str) -> None:
    with pytest.raises(NoPlaceForCaches, match="set TMPDIR to another folder"):
        place(tmp_path / "hf", tmp_path / "hf" / below, ("/",))


def test_never_in_another_cache_that_is_protected(tmp_path: Path) -> None:
    with pytest.raises(NoPlaceForCaches, match="usual"):
        place_for(tmp_path / "hf" / "hub", [tmp_path / "hf", tmp_path / "usual"], tmp_path / "usual" / "t", ("/",))


def test_a_link_into_the_users_cache_is_the_users_cache(tmp_path: Path) -> None:
    (tmp_path / "hf" / "inside").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "hf" / "inside")
    with pytest.raises(NoPlaceForCaches):
        place(tmp_path / "hf", tmp_path / "link", ("/",))


def test_this_machine_tells_its_mounts_and_a_real_volume_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "with blank"
    folder.mkdir()
    with loop_disk("ext4", folder) as disk:
        assert str(disk.resolve()) in mount_points()
        assert place(disk / "hf", tmp_path, mount_points()) == disk.resolve() / FOLDER
    assert "/" in mount_points()
