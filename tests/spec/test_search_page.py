"""docs/search-with-pipes.md: its very commands, one after the other, over small models."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli_process import clean_environment
from tests.support.small_embedders import small_embedder, small_reranker

pytestmark = pytest.mark.spec

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/search-with-pipes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
NOTES = {
    "home.md": "I sleep in a bed.\n\nThe cat sat on the mat.\n",
    "deep/work.md": "On monday I work.\n\n\n\nThe office is green, and far away.\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes, models, and an `mlxk` on the path; with the results of all commands of the page."""
    home = tmp_path_factory.mktemp("search")
    for name, text in NOTES.items():
        (home / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "notes" / name).write_text(text)
    small_embedder(home / "models/small-embedder")
    small_reranker(home / "models/small-reranker")
    script = home / "bin/mlxk"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/mlxk/__main__.py" "$@"\n')
    script.chmod(0o755)
    env = clean_environment(home, HOME=str(home), MLXK_WORKSPACE_HOME=str(home / "models"))
    env |= {"PATH": f"{script.parent}:{Path(sys.executable).parent}:{env['PATH']}"}
    env |= {"EMBEDDER": "small-embedder", "RERANKER": "small-reranker", "CHAT": "demo"}
    names, *rest = COMMANDS
    assert {line.split("=")[0] for line in names.splitlines()} == {
        f"export {each}" for each in ("EMBEDDER", "CHAT", "RERANKER")
    }
    for at, command in enumerate(rest):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], env=env, cwd=home, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), (command, done)
        (home / f"shown-{at}").write_text(done.stdout)
    return home


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_index_has_a_line_for_each_paragraph_and_says_where_it_stands(folder: Path) -> None:
    assert [(each["path"], each["text"]) for each in lines(folder / "index.jsonl")] == [
        ("notes/deep/work.md", "On monday I work."),
        ("notes/deep/work.md", "The office is green, and far away."),
        ("notes/home.md", "I sleep in a bed."),
        ("notes/home.md", "The cat sat on the mat."),
    ]


def test_the_search_finds_the_three_nearest(folder: Path) -> None:
    hits = lines(folder / "hits.jsonl")
    near = [float(str(each["nearness"])) for each in hits]
    assert len(hits) == 3
    assert near == sorted(near, reverse=True)
    assert -1.001 <= near[-1] <= near[0] <= 1.001


def test_the_chat_model_answers(folder: Path) -> None:
    assert (folder / "shown-2").read_text().strip()


def test_the_reranker_keeps_the_best_and_where_they_stand(folder: Path) -> None:
    best = lines(folder / "best.jsonl")
    assert len(best) == 2
    assert all(str(each["path"]).startswith("notes/") and "relevance_score" in each for each in best)
