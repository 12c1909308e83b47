"""Killed with SIGKILL before any change of the disk: the target is absent or complete, the source is untouched, and
the same command succeeds afterwards. A sample of the points here; every point under `-m slow`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from domain.workspace.cleanliness import Cleanliness
from domain.workspace.patch import RECORD
from domain.workspace.sentinel import SENTINEL
from tests.support.model_zoo.content import llama_config, safetensors, shard_index, text_model
from tests.support.model_zoo.places import CacheBuilder, add_workspace
from tests.support.tiny_llama import TinyLlama
from tests.support.workspace_kit import WorkspaceKit, leftovers, tree_of

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = (0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55)
MAX_POINTS = 400


def run(root: Path, at: int, *command: str) -> bool:
    """Whether the command was killed before its `at`-th change."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.crash_driver", str(root), str(at), *command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode in (0, -signal.SIGKILL), result.stderr
    return result.returncode != 0


def sweep(points: Iterable[int], make: Callable[[], WorkspaceKit], check: Callable[[WorkspaceKit, int], bool]) -> int:
    """check: runs the command once to its bomb, looks, and says whether it was killed. The number of crashes."""
    crashes = 0
    for at in points:
        kit = make()
        killed = check(kit, at)
        shutil.rmtree(kit.root)
        if not killed:
            return crashes
        crashes += 1
    return crashes


def fresh(folder: Path) -> WorkspaceKit:
    folder.mkdir()
    return WorkspaceKit(folder)


def clone_survives(points: Iterable[int], tmp_path: Path) -> int:
    def make() -> WorkspaceKit:
        kit = fresh(tmp_path / "run")
        CacheBuilder(kit.cache).add("org/Model", {**text_model(), "sub/notes.txt": "x"})
        return kit

    def check(kit: WorkspaceKit, at: int) -> bool:
        source = tree_of(kit.cache)
        killed = run(kit.root, at, "clone", "org/Model", "mine")
        target = kit.home / "mine"
        if target.exists():
            assert kit.state(target).cleanliness is Cleanliness.CLEAN, at  # type: ignore[union-attr]
            assert (target / "sub" / "notes.txt").read_text() == "x"
        else:
            assert not run(kit.root, 10**6, "clone", "org/Model", "mine"), at
        assert kit.state(target).cleanliness is Cleanliness.CLEAN, at  # type: ignore[union-attr]
        assert tree_of(kit.cache) == source, at
        run(kit.root, 10**6, "clone", "org/Model", "another")
        assert leftovers(kit.home) == [], at
        return killed

    return sweep(points, make, check)


def repair_survives(points: Iterable[int], tmp_path: Path) -> int:
    files = text_model()
    del files["model.safetensors"]
    shards = {f"model-0000{n}-of-00002.safetensors": safetensors({f"l.{n}": ("BF16", (4, 4))}) for n in (1, 2)}

    def make() -> WorkspaceKit:
        kit = fresh(tmp_path / "run")
        index = shard_index({"l.1": "elsewhere.safetensors"})
        add_workspace(kit.home / "ws", {**files, **shards, "model.safetensors.index.json": index})
        return kit

    def check(kit: WorkspaceKit, at: int) -> bool:
        source = tree_of(kit.home / "ws")
        killed = run(kit.root, at, "repair", "ws", "out")
        if not (kit.home / "out").exists():
            assert not run(kit.root, 10**6, "repair", "ws", "out"), at
        assert kit.state(kit.home / "out").cleanliness is Cleanliness.CLEAN, at  # type: ignore[union-attr]
        assert kit.inspect.execute(kit.resolve.execute("out")).healthy, at
        assert tree_of(kit.home / "ws") == source, at
        return killed

    return sweep(points, make, check)


def quantize_survives(points: Iterable[int], tmp_path: Path) -> int:
    def make() -> WorkspaceKit:
        kit = fresh(tmp_path / "run")
        TinyLlama().build(kit.home / "ws")
        return kit

    def check(kit: WorkspaceKit, at: int) -> bool:
        source = tree_of(kit.home / "ws")
        killed = run(kit.root, at, "quantize", "ws", "out")
        if not (kit.home / "out").exists():
            assert not run(kit.root, 10**6, "quantize", "ws", "out"), at
        assert kit.state(kit.home / "out").cleanliness is Cleanliness.CLEAN, at  # type: ignore[union-attr]
        assert tree_of(kit.home / "ws") == source, at
        return killed

    return sweep(points, make, check)


def doctor_survives(points: Iterable[int], tmp_path: Path, then: str) -> int:
    config = {"chat_template": "{% for %}", "eos_token": "<|im_end|>"}
    added = [{"id": 7, "content": "<|im_end|>"}, {"id": 5, "content": "<|im_start|>"}]
    broken = {**text_model(llama_config()), "tokenizer_config.json": config, "tokenizer.json": {"added_tokens": added}}

    def make() -> WorkspaceKit:
        kit = fresh(tmp_path / "run")
        CacheBuilder(kit.cache).add("org/Broken", broken)  # type: ignore[arg-type]
        assert not run(kit.root, 10**6, "clone", "org/Broken", "ws")
        return kit

    def check(kit: WorkspaceKit, at: int) -> bool:
        folder = kit.home / "ws"
        before = tree_of(folder)
        killed = run(kit.root, at, "fix", "ws")
        if then == "undo" and kit.doctor().examine("ws").undoable:
            kit.doctor().undo("ws")
            left = {path: text for path, text in tree_of(folder).items() if path != SENTINEL and ".tmp" not in path}
            assert left == {path: text for path, text in before.items() if path != SENTINEL}, at
        else:
            _, after = kit.doctor().fix("ws")
            assert not after.findings, at
            assert not after.unfinished, at
            assert (folder / RECORD).exists(), at
        assert kit.state(folder).cleanliness is Cleanliness.CLEAN, at  # type: ignore[union-attr]
        return killed

    return sweep(points, make, check)


def test_a_clone_killed_at_sampled_points_is_whole_or_absent(tmp_path: Path) -> None:
    assert clone_survives(SAMPLE[::2], tmp_path) >= 5


def test_an_index_repair_killed_at_sampled_points_is_whole_or_absent(tmp_path: Path) -> None:
    assert repair_survives(SAMPLE[1::3], tmp_path) >= 3


def test_a_mending_killed_at_sampled_points_can_be_finished(tmp_path: Path) -> None:
    assert doctor_survives(SAMPLE[1:7:2], tmp_path, "fix") >= 3


def test_a_mending_killed_at_sampled_points_can_be_taken_back(tmp_path: Path) -> None:
    assert doctor_survives(SAMPLE[2:7:2], tmp_path, "undo") >= 2


@pytest.mark.nightly
@pytest.mark.parametrize("survives", [clone_survives, repair_survives, quantize_survives])
def test_killed_at_every_point(survives: Callable[[Iterable[int], Path], int], tmp_path: Path) -> None:
    crashes = survives(range(MAX_POINTS), tmp_path)
    assert 20 < crashes < MAX_POINTS


@pytest.mark.nightly
@pytest.mark.parametrize("then", ["fix", "undo"])
def test_a_mending_killed_at_every_point(then: str, tmp_path: Path) -> None:
    crashes = doctor_survives(range(MAX_POINTS), tmp_path, then)
    assert 10 < crashes < MAX_POINTS
