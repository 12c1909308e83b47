"""Listing, showing, checking and resolving write nothing below the user's folders, whatever lies there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.model_zoo import ALL_CASES

ROOT = Path(__file__).resolve().parents[3]

# Runs in a process of its own: an audit hook cannot be taken away again. It fails every call that could change a file;
# `reaches` proves that it would have caught one.
PROGRAM = """
import os, sys
from pathlib import Path

from application.catalog.check_health import CheckHealth
from application.catalog.list_models import ListQuery
from application.catalog.resolve_model import ResolveModel
from application.catalog.show_model import ShowModel
from tests.support.catalog_disk import LIBRARIES, Disk
from tests.support.model_zoo.places import CacheBuilder

root = Path(sys.argv[1])
from adapters.builtin_model import builtin_model_folder
from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from application.catalog.stores import ModelStores

stores = ModelStores(WorkspaceStore(root / "home"), HfCacheStore(root / "hub"), BuiltinStore(builtin_model_folder()))
disk = Disk(CacheBuilder(root / "hub"), root / "home", stores)
caught = []
CHANGING = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate",
    "os.utime", "os.setxattr", "os.removexattr", "os.mkfifo", "os.mknod", "shutil.rmtree", "shutil.move",
    "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp", "fcntl.flock", "fcntl.lockf",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def watch(event, args):
    writes = event == "open" and isinstance(args[2], int) and args[2] & WRITING
    if event in CHANGING or writes:
        caught.append((event, args))
        raise PermissionError(f"reading wrote: {event} {args}")

sys.addaudithook(watch)
listing = disk.list_models()
reports = listing.execute(ListQuery())
CheckHealth(listing).execute(None)
show, resolve = ShowModel(stores, LIBRARIES), ResolveModel(stores)
for report in reports:
    if report.name.isprintable() and chr(0xFFFD) not in report.name:
        show.execute(report.name)
        resolve.execute(report.name.rpartition("/")[2])
assert not caught, caught
for reaches in (lambda: (root / "x").write_text("x"), lambda: (root / "x").mkdir(), lambda: os.rename(root, root)):
    try:
        reaches()
    except PermissionError:
        continue
    raise AssertionError("the hook let a write pass")
print(len(reports))
"""


def test_reading_never_writes(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for case in ALL_CASES:
        case.build(tmp_path / "hub", tmp_path / "home")
    result = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stdout.strip()) == (0, str(len(ALL_CASES) + 1)), result.stderr
