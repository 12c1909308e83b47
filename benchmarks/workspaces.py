"""Clone, clean check and quantising, each beside a yardstick in the same run.

    python -m benchmarks.workspaces [--runs 5] [--json] [--only clone|clean|quantize]

clone: a cached model of 16 MB and one of 16 times that, on a filesystem that copies on write (a btrfs on a loop device
where this user may mount one; --folder names another place). clean: the clean check of 50 workspaces beside a walk
that only stats the same files. quantize: a miniature through mlxk's converting process beside `mlx_lm convert`, both as
whole processes. Figures are medians of `--runs` rounds that alternate both sides, after one unmeasured round.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from adapters.workspace_files.local import LocalWorkspaceFiles
from application.workspace.check_workspace import CheckWorkspace
from application.workspace.clone_model import CloneRequest
from application.workspace.convert_model import ConversionRequest
from domain.workspace.cleanliness import Cleanliness
from domain.workspace.conversion import ConversionWish
from domain.workspace.copy_method import CopyMethod
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import CacheBuilder
from tests.support.tiny_llama import TinyLlama
from tests.support.workspace_kit import WorkspaceKit

GOALS = {"clone": 1.5, "clean": 1.5, "quantize": 1.1}
WORKSPACES = 50
SMALL_BYTES, TIMES = 16 << 20, 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=sorted(GOALS))
    parser.add_argument("--folder", type=Path, help="where to clone, instead of a btrfs on a loop device")
    options = parser.parse_args()
    measures: dict[str, Callable[[Path, int, Path | None], dict[str, object]]] = {
        "clone": clone, "clean": clean, "quantize": quantize,
    }  # fmt: skip
    results = {}
    for name, measure in measures.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="mlxk-bench-") as folder:
                results[name] = {**measure(Path(folder), options.runs, options.folder), "goal": GOALS[name]}
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for name, result in results.items():
            print(name, *(f"{key}={value}" for key, value in result.items()))
    return 0


def clone(folder: Path, runs: int, named: Path | None) -> dict[str, object]:
    """Seconds for a small and a large cached model; their ratio should not know the size."""
    with ExitStack() as stack:
        try:
            disk = named or stack.enter_context(loop_btrfs(folder))
        except (OSError, subprocess.SubprocessError) as fault:
            return {"skipped": f"no copy-on-write filesystem: {fault}"}
        kit = WorkspaceKit(Path(tempfile.mkdtemp(dir=disk)))
        stack.callback(shutil.rmtree, kit.root)
        for name, size in (("org/Small", SMALL_BYTES), ("org/Large", SMALL_BYTES * TIMES)):
            snapshot = CacheBuilder(kit.cache).add(name, text_model())
            (snapshot / "model.safetensors").unlink()
            write_weights(snapshot / "model.safetensors", size)
        methods = set()

        def timed(name: str) -> Callable[[], None]:
            def step() -> None:
                outcome = kit.clone().execute(CloneRequest(name, "out"))
                methods.add(outcome.copy_method)
                shutil.rmtree(outcome.target)

            return step

        small, large = alternate(timed("org/Small"), timed("org/Large"), runs)
        shared = all(method is not CopyMethod.COPY for method in methods)
        return {"small_s": round(small, 4), "large_s": round(large, 4), "ratio": round(large / small, 2), "cow": shared}


def write_weights(path: Path, size: int) -> None:
    """A sound safetensors file of random bytes."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}}).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.writelines(os.urandom(1 << 20) for _ in range(size >> 20))
        file.flush()
        os.fsync(file.fileno())


def clean(folder: Path, runs: int, _: Path | None) -> dict[str, object]:
    """The clean check against a walk that stats the same files."""
    kit = WorkspaceKit(folder)
    CacheBuilder(kit.cache).add("org/Model", {**text_model(), **{f"extra/{n}.json": {"n": n} for n in range(12)}})
    places = [kit.clone().execute(CloneRequest("org/Model", f"ws{n}")).target for n in range(WORKSPACES)]

    def check() -> None:
        use_case = CheckWorkspace(LocalWorkspaceFiles())
        for place in places:
            state = use_case.execute(place)
            assert state is not None
            assert state.cleanliness is Cleanliness.CLEAN

    files = stat_walk(str(places[0]))

    def walk() -> None:
        for place in places:
            assert stat_walk(str(place)) == files

    ours, plain = alternate(check, walk, runs * 4)
    return {"check_s": round(ours, 5), "stat_walk_s": round(plain, 5), "ratio": round(ours / plain, 2)}


def stat_walk(folder: str) -> int:
    """What anybody would write: os.walk and a stat of each file."""
    count = 0
    for place, _, names in os.walk(folder):
        for name in names:
            Path(place, name).stat()
            count += 1
    return count


def quantize(folder: Path, runs: int, _: Path | None) -> dict[str, object]:
    """A whole `convert --quantize 4` against mlx-lm's own, each in processes of its own."""
    kit = WorkspaceKit(folder)
    TinyLlama(hidden=1024, layers=8, heads=8).build(kit.home / "ws")
    theirs = folder / "theirs"
    command = [sys.executable, "-m", "mlx_lm", "convert", "--hf-path", str(kit.home / "ws"), "--mlx-path", str(theirs),
               "-q", "--q-bits", "4", "--q-group-size", "64"]  # fmt: skip

    def ours() -> None:
        shutil.rmtree(kit.convert().execute(ConversionRequest("ws", "out", ConversionWish(bits=4))).preview.target)

    def mlx_lm() -> None:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        shutil.rmtree(theirs)

    mine, yardstick = alternate(ours, mlx_lm, runs)
    return {"mlxk_s": round(mine, 3), "mlx_lm_s": round(yardstick, 3), "ratio": round(mine / yardstick, 2)}


def alternate(first: Callable[[], None], second: Callable[[], None], runs: int) -> tuple[float, float]:
    """Medians of both in seconds, run in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_number in range(runs + 1):
        for step, taken in zip((first, second), times, strict=True):
            begin = time.perf_counter()
            step()
            if round_number:
                taken.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


@contextmanager
def loop_btrfs(folder: Path) -> Iterator[Path]:
    image, place = folder / "btrfs.img", folder / "btrfs"
    with image.open("wb") as file:
        file.truncate(1 << 30)
    place.mkdir()
    for command in (["mkfs.btrfs", "-q", str(image)], ["mount", "-o", "loop", str(image), str(place)]):
        subprocess.run(command, check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
