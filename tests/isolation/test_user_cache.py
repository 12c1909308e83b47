"""The user's cache is read, never written: in the process of the tests, and in those that they start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.plugins.isolation import Isolation
from tests.support import write_protection
from tests.support.first_use import FirstUse
from tests.support.landlock import Landlock
from tests.support.loop_disk import loop_disk
from tests.support.user_cache import Guard, UserCache, UserCacheIsReadOnly, user_cache

ROOT = Path(__file__).resolve().parents[2]
FILE = "hub/models--org--a/refs/main"


@pytest.mark.parametrize(
    ("environ", "home", "folders"),
    [
        ({"HOME": "/h"}, "/h/.cache/huggingface", ["/h/.cache/huggingface"]),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/huggingface", ["/x/huggingface"]),
        ({"HOME": "/h", "HF_HOME": "/hf"}, "/hf", ["/hf", "/h/.cache/huggingface"]),
        ({"HOME": "/h", "HF_HOME": "/hf", "HF_HUB_CACHE": "/hf/hub"}, "/hf", ["/hf", "/h/.cache/huggingface"]),
        ({"HOME": "/h", "HF_HUB_CACHE": "/c"}, "/h/.cache/huggingface", ["/h/.cache/huggingface", "/c"]),
        (
            {"HOME": "/h", "HF_HOME": "/hf", "MLXK2_USER_HF_HOME": "/mine"},
            "/mine", ["/mine", "/hf", "/h/.cache/huggingface"],
        ),
        ({"HOME": "/h", "HF_HOME": "/t/mlxk2_test_0", "MLXK2_USER_HF_HOME": "/mine"}, "/mine",
         ["/mine", "/h/.cache/huggingface"]),
    ],
)  # fmt: skip
def test_which_cache_is_the_users(environ: dict[str, str], home: str, folders: list[str]) -> None:
    found = user_cache(environ)
    assert (str(found.home), [str(each) for each in found.folders]) == (home, folders)


def test_what_links_of_the_cache_lead_to_is_the_users_too(tmp_path: Path) -> None:
    home, disk = tmp_path / "hf", tmp_path / "disk"
    model = disk / "hub" / "models--org--a"
    snapshot = model / "snapshots" / "1"
    for folder in (home, snapshot, disk / "elsewhere", model / "blobs"):
        folder.mkdir(parents=True)
    (disk / "blob").touch()
    (home / "hub").symlink_to(disk / "hub")
    (disk / "hub" / "models--org--b").symlink_to(disk / "elsewhere")
    (snapshot / "config.json").symlink_to("../../blobs/1")
    (snapshot / "model.safetensors").symlink_to(disk / "blob")
    (home / "up").symlink_to(tmp_path)
    found = user_cache({"HOME": str(tmp_path), "HF_HOME": str(home)}).folders
    usual = tmp_path / ".cache" / "huggingface"
    assert set(found) == {home, usual, disk / "hub", disk / "elsewhere", disk / "blob"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "hf"
    (made / FILE).parent.mkdir(parents=True)
    (made / FILE).write_text("0" * 40)
    (tmp_path / "own").write_text("mine")
    (tmp_path / "way-in").symlink_to(made)
    return made


@pytest.fixture
def guard(home: Path) -> Iterator[Guard]:
    guard = Guard((home.resolve(),))
    sys.addaudithook(guard)
    yield guard
    guard.active = False


class Place(NamedTuple):
    """file: of the cache. own: of the test."""

    home: Path
    file: Path
    own: Path


# What is tried. Each alone must be refused.
TRIES: dict[str, Callable[[Place], object]] = {
    "open to write": lambda at: at.file.open("w"),
    "open to append": lambda at: at.file.open("a"),
    "open to read and write": lambda at: at.file.open("r+"),
    "a new file": lambda at: (at.home / "new").touch(),
    "os.open": lambda at: os.open(at.file, os.O_RDWR),
    "os.open truncating": lambda at: os.open(at.file, os.O_RDONLY | os.O_TRUNC),
    "remove": lambda at: at.file.unlink(),
    "rename within": lambda at: at.file.rename(at.home / "new"),
    "rename out": lambda at: at.file.rename(at.own.with_name("stolen")),
    "rename in": lambda at: at.own.rename(at.home / "new"),
    "replace": lambda at: at.own.replace(at.file),
    "mkdir": lambda at: (at.home / "folder").mkdir(),
    "rmdir": lambda at: (at.home / "hub" / "empty").rmdir(),
    "rmtree": lambda at: shutil.rmtree(at.home / "hub"),
    "link in": lambda at: (at.home / "new").hardlink_to(at.own),
    "link out": lambda at: at.own.with_name("alias").hardlink_to(at.file),
    "symlink": lambda at: (at.home / "new").symlink_to(at.own),
    "chmod": lambda at: at.file.chmod(0o600),
    "utime": lambda at: os.utime(at.file, (0, 0)),
    "truncate": lambda at: os.truncate(at.file, 0),
    "the folder itself": lambda at: at.home.rename(at.home.with_name("moved")),
    "through a link": lambda at: (at.home.parent / "way-in" / FILE).write_text("x"),
    "through a link to a file": lambda at: through_a_link(at.file, at.own).write_text("x"),
    "with dots": lambda at: (at.home.parent / "other" / ".." / "hf" / FILE).unlink(),
    "relative": lambda at: relative(at.home),
    "by a descriptor": lambda at: by_descriptor(at.file),
}


def through_a_link(file: Path, own: Path) -> Path:
    link = own.with_name("to-a-file")
    link.symlink_to(file)
    return link


def relative(home: Path) -> None:
    before = Path.cwd()
    os.chdir(home / "hub")
    try:
        shutil.rmtree("models--org--a")
    finally:
        os.chdir(before)


def by_descriptor(file: Path) -> None:
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.unlink(file.name, dir_fd=folder)
    finally:
        os.close(folder)


def state(home: Path) -> object:
    return [(str(path), path.lstat().st_mode, path.lstat().st_mtime_ns, path.is_file() and path.read_text())
            for path in sorted(home.rglob("*"))]  # fmt: skip


@pytest.mark.parametrize("what", TRIES)
def test_every_way_to_change_it_from_here_is_refused(guard: Guard, home: Path, what: str) -> None:
    guard.active = False
    (home / "hub" / "empty").mkdir()
    (home.parent / "other").mkdir()
    before = state(home)
    guard.active = True
    with pytest.raises(UserCacheIsReadOnly, match="which tests only read"):
        TRIES[what](Place(home, home / FILE, home.parent / "own"))
    assert state(home) == before
    assert guard.taken()


def test_it_can_be_read_and_what_lies_beside_it_can_be_written(guard: Guard, home: Path) -> None:
    assert (home / FILE).read_text() == "0" * 40
    assert sorted(path.name for path in home.iterdir()) == ["hub"]
    (home.parent / "hf-2").mkdir()
    (home.parent / "hf-2" / "file").write_text("x")
    shutil.copyfile(home / FILE, home.parent / "copy")
    shutil.rmtree(home.parent / "hf-2")
    assert guard.taken() == []


def run_tests(tmp_path: Path, home: Path, body: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A run of its own, whose user has `home`; `body` is one test's."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "conftest.py").write_text('pytest_plugins = ("tests.plugins.isolation", "tests.plugins.markers")\n')
    (suite / "test_it.py").write_text(
        f"import json, os, pathlib, subprocess, sys\nHOME = pathlib.Path({str(home)!r})\ndef test_it():\n{lines}"
    )
    base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "t")}
    (tmp_path / "t").mkdir()
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(suite), str(suite)],
        env={**base, "MLXK2_USER_HF_HOME": str(home), **environ},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_refusal_that_is_swallowed_fails_the_test_all_the_same(tmp_path: Path, home: Path) -> None:
    done = run_tests(tmp_path, home, "try:\n    (HOME / 'new').touch()\nexcept OSError:\n    pass")
    assert done.returncode == 1, done.stdout
    assert f"{home}/new is in the user's cache, which tests only read" in done.stdout


CHILD = """
import os, pathlib, sys
home, own = map(pathlib.Path, sys.argv[1:])
file = home / "hub/models--org--a/refs/main"
def opened(path, flags):
    os.close(os.open(path, flags))
tries = {
    "open": lambda: opened(file, os.O_WRONLY),
    "truncate": lambda: os.truncate(file, 0),
    "new": lambda: (home / "new").touch(),
    "remove": lambda: file.unlink(),
    "rename in": lambda: own.rename(home / "new"),
    "rename out": lambda: file.rename(own.with_name("stolen")),
    "mkdir": lambda: (home / "folder").mkdir(),
    "rmdir": lambda: file.parent.rmdir(),
    "link in": lambda: os.link(own, home / "new"),
    "symlink": lambda: (home / "new").symlink_to(own),
    "fifo": lambda: os.mkfifo(home / "new"),
    "chmod": lambda: file.chmod(0o600),
    "utime": lambda: os.utime(file, (0, 0)),
}
for name, attempt in tries.items():
    try:
        attempt()
    except OSError:
        continue
    print(name)
"""
# Landlock knows no right to change modes and times.
UNKNOWN_TO_LANDLOCK = {"chmod", "utime"}


def test_child_processes_are_held_by_the_system(tmp_path: Path, home: Path) -> None:
    before = state(home)
    body = (
        f"done = subprocess.run([sys.executable, '-I', '-c', {CHILD!r}, str(HOME), {str(tmp_path / 'own')!r}],"
        " capture_output=True, text=True)\nassert (done.returncode, done.stderr) == (0, '')\n"
        "assert set(done.stdout.split()) <= set(os.environ['UNHELD'].split())\n"
        "assert (HOME / 'hub/models--org--a/refs/main').read_text() == '0' * 40"
    )
    by = protection_here(tmp_path)
    unheld = UNKNOWN_TO_LANDLOCK if by == "Landlock" else set()
    done = run_tests(tmp_path, home, body, UNHELD=" ".join(unheld))
    assert done.returncode == 0, done.stdout
    assert f"child processes are held by: {by}" in done.stdout
    assert unheld or state(home) == before


def protection_here(tmp_path: Path) -> str:
    """What this system offers, tried in a process of its own."""
    (tmp_path / "tried").mkdir()
    code = (
        "import sys, pathlib; from tests.support.write_protection import protect;"
        "print(protect([pathlib.Path(sys.argv[1])]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "tried")], env={**os.environ, "TMPDIR": str(tmp_path / "t")},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    by, _, why = done.stdout.strip().removeprefix("Protection(by=").removesuffix(")").partition(", why=")
    if by == "None":
        pytest.skip(f"nothing here holds child processes: {why}")
    return by.strip("'")


def test_a_hub_on_another_disk_is_held_as_well(tmp_path: Path, home: Path) -> None:
    """By the hook in the process of the tests, by the system in its children."""
    protection_here(tmp_path)
    disk = tmp_path / "disk"
    (home / "hub").rename(disk)
    (home / "hub").symlink_to(disk)
    hurt = f"[HOME / '{FILE}', HOME.parent / 'disk/models--org--a/refs/main']"
    body = f"""\
for path in {hurt}:
    assert subprocess.run(['sh', '-c', 'echo hurt > "$0"', str(path)], capture_output=True).returncode
    assert path.read_text() == '0' * 40
    try:
        path.write_text('hurt')
    except PermissionError as refusal:
        assert 'which tests only read' in str(refusal)"""
    done = run_tests(tmp_path, home, body)
    assert done.returncode == 1, "the hook remembers what it refused"
    assert done.stdout.count("is in the user's cache, which tests only read") >= 2
    assert "AssertionError" not in done.stdout, done.stdout
    assert (disk / "models--org--a/refs/main").read_text() == "0" * 40


def test_what_is_mounted_below_it_is_held_as_well(tmp_path: Path, home: Path) -> None:
    """A disk of models, mounted where the hub keeps them."""
    if protection_here(tmp_path) != "read-only mounts":
        pytest.skip("mounts are not what holds here")
    (home / "disk").mkdir()
    with loop_disk("ext4", home / "disk") as disk:
        (disk / "models").mkdir()
        made = f"HOME / {str(disk.relative_to(home) / 'models' / 'new')!r}"
        body = f"assert subprocess.run(['touch', str({made})], capture_output=True).returncode"
        done = run_tests(tmp_path, home, body)
        assert done.returncode == 0, done.stdout
        assert not list((disk / "models").iterdir())


def test_the_command_line_reads_the_users_models_and_cannot_remove_one(tmp_path: Path, home: Path) -> None:
    snapshot = home / "hub" / "models--org--b" / "snapshots" / ("1" * 40)
    shutil.copytree(ROOT / "adapters/builtin_model/demo", snapshot)
    body = f"""\
environ = {{**os.environ, 'HF_HOME': str(HOME)}}
def mlxk(*words, **more):
    done = subprocess.run([sys.executable, {str(ROOT / "mlxk/__main__.py")!r}, *words, '--json'],
                          env={{**environ, **more}}, capture_output=True, text=True)
    return json.loads(done.stdout)
assert 'org/b' in [each['name'] for each in mlxk('list')['data']['models']]
refused = mlxk('rm', 'org/b', '--yes')['error']
assert 'MLXK2_STRICT_TEST_DELETE' in refused['message']
refused = mlxk('rm', 'org/b', '--yes', MLXK2_STRICT_TEST_DELETE='0')['error']
assert refused['type'] == 'access_denied', refused
assert (HOME / 'hub/models--org--b/snapshots').is_dir()"""
    done = run_tests(tmp_path, home, body)
    assert done.returncode == 0, done.stdout
    assert (snapshot / "model.safetensors").is_file()


def test_where_nothing_holds_it_is_said_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(write_protection, "read_only_mounts", refuse)
    monkeypatch.setattr(Landlock, "forbid_writing", refuse)
    told = write_protection.protect([home])
    why = "read-only mounts: Operation not permitted; Landlock: Operation not permitted"
    assert (told.by, told.why) == (None, why)
    isolation = Isolation(UserCache(home, (home,)), home, Guard((home,), active=False), told, (), FirstUse())
    assert isolation.user_home is None, "live tests do not read what is not held"


def test_the_profile_for_macos_forbids_writing_below_each_folder() -> None:
    assert write_protection.sandbox_profile([Path("/Users/u/.cache/huggingface"), Path('/a "b"')]) == (
        '(version 1)\n(allow default)\n(deny file-write* (subpath "/Users/u/.cache/huggingface"))\n'
        '(deny file-write* (subpath "/a \\"b\\""))'
    )


def test_a_cache_that_was_not_there_may_not_appear(tmp_path: Path) -> None:
    home = tmp_path / "none"
    done = run_tests(tmp_path, home, "subprocess.run(['mkdir', str(HOME)], check=True)")
    assert done.returncode == 1, done.stdout
    assert f"{home} was made: it is the user's cache" in done.stdout


def test_a_run_says_what_it_protects_and_puts_the_environment_back(tmp_path: Path, home: Path) -> None:
    done = run_tests(tmp_path, home, "assert 'mlxk2_test_' in os.environ['HF_HOME']")
    assert f"user's cache: {home.resolve()}, only read; child processes are held by: " in done.stdout
    assert [path.name for path in (tmp_path / "t").iterdir() if "mlxk2_test_" in path.name] == []


@pytest.fixture
def inner() -> Iterator[Path]:
    """A folder that a user without rights can reach."""
    made = Path(tempfile.mkdtemp())
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("way", ["read_only_mounts", "landlock"])
def test_each_way_of_the_system_holds_by_itself(inner: Path, tmp_path: Path, home: Path, way: str) -> None:
    """In a process of its own, as a user without rights."""
    if sys.platform != "linux":
        pytest.skip("mount namespaces and Landlock are Linux's")
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "import ctypes, pathlib, os, tempfile; tempfile.gettempdir()\n"
        "from tests.support.write_protection import read_only_mounts\n"
        "from tests.support.landlock import Landlock\n"
        "if os.geteuid() == 0:\n"
        "    for folder, names, files in os.walk(sys.argv[3]):\n"
        "        os.chown(folder, 65534, 65534)\n"
        "        for each in names + files:\n"
        "            os.chown(os.path.join(folder, each), 65534, 65534, follow_symlinks=False)\n"
        "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"  # who changes its user may not see its own /proc otherwise
        "home = pathlib.Path(sys.argv[2])\n"
        "try:\n"
        f"    {'read_only_mounts' if way == 'read_only_mounts' else 'Landlock().forbid_writing'}([home])\n"
        "except OSError as fault:\n"
        "    sys.exit(f'not here: {fault}')\n"
        "print(os.geteuid(), os.access(home.parent / 'closed', os.R_OK), flush=True)\n"
        "if os.fork() == 0:\n"
        "    sys.argv = ['', str(home), str(home.parent / 'own')]\n"
        f"    exec({CHILD!r})\n"
        "    sys.exit(0)\n"
        "assert os.wait()[1] == 0\n"
    )
    (inner / "t").mkdir()
    shutil.move(home, inner / "hf")
    shutil.move(tmp_path / "own", inner / "own")
    (inner / "closed").touch(mode=0)
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(inner / "hf"), str(inner)],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(inner / "t")}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    if "not here: " in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert told[0] == f"{os.geteuid() or 65534} False", done.stdout + done.stderr
    assert set(told[1:]) <= (UNKNOWN_TO_LANDLOCK if way == "landlock" else set())
    assert (
        json.dumps(sorted(path.name for path in (inner / "hf").rglob("*")))
        == '["hub", "main", "models--org--a", "refs"]'
    )
