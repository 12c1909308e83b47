"""docs/server-handbook.md: its examples are run against a real server, its tables compared with the code."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from entrypoints.cli.guard import guard
from entrypoints.config_file import (
    DURATION,
    MODEL_KEYS,
    PATH,
    SERVER_KEYS,
    SIZE,
    SWITCH,
    TEXT,
    TEXTS,
    WHOLE,
    Shape,
    read_config,
)
from entrypoints.http.errors import STATUS
from tests.support.cli_process import clean_environment

pytestmark = pytest.mark.spec

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/server-handbook.md").read_text(encoding="utf-8")
SERVER_PAGE = (ROOT / "docs/server.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("mlxk ")]
WORDS = {
    "text": TEXT, "whole number": WHOLE, "true or false": SWITCH, "size": SIZE, "duration": DURATION, "path": PATH,
    "list of texts": TEXTS,
}  # fmt: skip
BASE = "http://127.0.0.1:8000"


def requests() -> list[ParameterSet]:
    """Each request, and the JSON block that follows it at once, if one does."""
    found = []
    for at, (kind, text) in enumerate(BLOCKS):
        if kind == "sh" and text.startswith("curl "):
            following = BLOCKS[at + 1] if at + 1 < len(BLOCKS) else ("", "")
            found.append(pytest.param(text, following[1] if following[0] == "json" else None))
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server as the page begins with: the built-in model is loaded."""
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlxk", "serve", "--json", "--port", "0", "--model", "demo"],
        cwd=ROOT, env=clean_environment(home, HOME=str(home)), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        said = "".join(iter(lambda: process.stdout.readline() if process.stdout else "", "}\n")) + "}"
        yield json.loads(said)["data"]["url"]
        process.terminate()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are written for curl, which is not here")
@pytest.mark.parametrize(("command", "shown"), requests())
def test_every_request_is_answered_as_shown(url: str, command: str, shown: str | None) -> None:
    assert BASE in command
    words = shlex.split(command.replace("\\\n", " ").replace(BASE, url))
    ended = subprocess.run([words[0], "--fail-with-body", *words[1:]], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    if shown is not None:
        assert misses(json.loads(shown), json.loads(ended.stdout)) == []
    elif '"stream": true' in command:
        assert ended.stdout.rstrip().endswith("data: [DONE]")
    else:
        assert ended.stdout.startswith("# HELP mlxk_")


def misses(shown: Any, real: Any, place: str = "") -> list[str]:
    """Fields that the page shows and the answer lacks, or has as another kind of value; fixed words are the same."""
    if isinstance(shown, dict) and isinstance(real, dict):
        return [
            fault
            for name, value in shown.items()
            for fault in (misses(value, real[name], f"{place}.{name}") if name in real else [f"{place}.{name} is not"])
        ]
    if isinstance(shown, list) and isinstance(real, list) and shown and real:
        return misses(shown[0], real[0], f"{place}[]")
    if type(shown) is not type(real):
        return [f"{place}: {real!r}"]
    fixed = place.rpartition(".")[2] in ("object", "status", "state", "service", "kind", "model", "owned_by", "role")
    return [f"{place}: {real!r}"] if fixed and shown != real else []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_passes_the_guard(command: str) -> None:
    assert guard(shlex.split(command)[1:]).command is not None


def test_every_file_is_read_without_a_complaint(tmp_path: Path) -> None:
    files = [text for kind, text in BLOCKS if kind == "toml"]
    assert files
    for text in files:
        path = tmp_path / "mlxk.toml"
        path.write_text(text)
        config = read_config(path)
        assert config.server
        assert config.models
        assert config.aliases


def table(title: str) -> dict[str, str]:
    """First and second column, without the backquotes."""
    rows = PAGE.partition(f"| {title} |")[2].partition("\n\n")[0].splitlines()[2:]
    return {cells[1].strip(" `"): cells[2].strip() for cells in (row.split("|") for row in rows)}


@pytest.mark.parametrize(("title", "keys"), [("`[server]`", SERVER_KEYS), ('`[models."name"]`', MODEL_KEYS)])
def test_every_key_of_the_file_is_in_its_table_with_its_kind(title: str, keys: dict[str, Shape]) -> None:
    told = table(title)
    assert {name: WORDS[words] for name, words in told.items()} == dict(keys)


def test_every_error_of_the_server_has_a_way_out_and_its_true_status() -> None:
    told = table("`type`")
    rows = SERVER_PAGE.partition("| status | `type` |")[2].partition("\n\n")[0].splitlines()[2:]
    named = {word for row in rows for word in re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row.split("|")[2]))}
    assert named <= set(told)
    statuses = {(kind.type, str(status)) for kind, status in STATUS.items()}
    assert {(kind, status) for kind, status in told.items() if (kind, status) not in statuses} == set()


def test_links_lead_to_pages_that_are_there() -> None:
    for name, anchor in re.findall(r"\]\(([\w.-]+)(#[\w-]+)?\)", PAGE):
        page = (ROOT / "docs" / name).read_text(encoding="utf-8")
        titles = {
            re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in re.findall(r"^#+ (.*)$", page, re.M)
        }
        assert not anchor or anchor[1:] in titles
