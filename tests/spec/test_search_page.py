"""docs/search-with-pipes.md: its very commands, one after the other, over small models."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli_process import clean_environment
from tests.support.small_embedders import small_reranker

pytestmark = pytest.mark.spec

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/search-with-pipes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
RAIN = "Take your umbrella, for the forecast speaks of rain."
NOTES = {
    "home/kitchen.md": "This recipe for bread asks for flour and a hot pan.\n\nThe bank adds interest to every debt.\n",
    "weather.md": f"\n\n{RAIN}\n\n\n\nThe football team won the match in the stadium.\n",
    "garden.md": "Water the soil until the tulip shows its first leaf.",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes, models, and an `mlxk` on the path; with the results of all commands of the page."""
    home = tmp_path_factory.mktemp("search")
    for name, text in NOTES.items():
        (home / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "notes" / name).write_text(text)
    shutil.copytree(ROOT / "tests/assets/embedding-encoder", home / "models/embedding-encoder")
    small_reranker(home / "models/small-reranker")
    script = home / "bin/mlxk"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/mlxk/__main__.py" "$@"\n')
    script.chmod(0o755)
    env = clean_environment(home, HOME=str(home), MLXK_WORKSPACE_HOME=str(home / "models"))
    env |= {"PATH": f"{script.parent}:{Path(sys.executable).parent}:{env['PATH']}"}
    env |= {"EMBEDDER": "embedding-encoder", "RERANKER": "small-reranker", "CHAT": "demo"}
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
    found = [(each["path"], str(each["text"]).split()[0]) for each in lines(folder / "index.jsonl")]
    assert found == [
        ("notes/garden.md", "Water"),
        ("notes/home/kitchen.md", "This"),
        ("notes/home/kitchen.md", "The"),
        ("notes/weather.md", "Take"),
        ("notes/weather.md", "The"),
    ]


def test_the_search_finds_the_paragraph_that_answers_the_question_first(folder: Path) -> None:
    hits = lines(folder / "hits.jsonl")
    near = [float(str(each["nearness"])) for each in hits]
    assert (len(hits), hits[0]["text"], hits[0]["path"]) == (3, RAIN, "notes/weather.md")
    assert near == sorted(near, reverse=True)
    assert near[0] > near[1] + 0.1


def test_the_chat_model_answers(folder: Path) -> None:
    assert (folder / "shown-2").read_text().strip()


def test_the_reranker_keeps_the_best_and_where_they_stand(folder: Path) -> None:
    best = lines(folder / "best.jsonl")
    assert len(best) == 2
    assert all(str(each["path"]).startswith("notes/") and "relevance_score" in each for each in best)
