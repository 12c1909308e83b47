"""docs/chat.md tells every command of the chat, and no option that is not there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from entrypoints.cli.attachments import MOST_BYTES
from entrypoints.cli.chat_commands import CHAT_COMMANDS
from entrypoints.cli.chat_history import KEPT_ENTRIES
from entrypoints.cli.guard import guard
from entrypoints.cli.run_options import RUN
from entrypoints.cli.tool_files import tool_use

pytestmark = pytest.mark.spec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "chat.md").read_text(encoding="utf-8")


def test_the_page_tells_the_commands_of_the_chat() -> None:
    table = PAGE.partition("## A chat")[2].partition("## Loading")[0]
    assert re.findall(r"^\| `(/[^`]+)`", table, re.MULTILINE) == [each.usage for each in CHAT_COMMANDS]


def test_every_option_it_names_is_one() -> None:
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE)) - {"--help"}
    flags = {each.flag for each in RUN.options}
    assert named - {"--json"} <= flags
    assert {each.flag for each in RUN.options if each.group in ("The answer", "Loading")} <= named | {
        "--no-chat-template"
    }


def test_every_line_it_shows_is_one() -> None:
    for line in re.findall(r"^(?:.*\| )?(mlxk run .*?)(?: +#.*)?$", PAGE, re.MULTILINE):
        assert guard(shlex.split(line)[1:]).command is RUN


def test_its_figures_are_true() -> None:
    assert f"{MOST_BYTES / 1e6:.1f} MB" in PAGE
    assert f"{KEPT_ENTRIES:,}" in PAGE


def test_the_tools_it_shows_can_be_read(tmp_path: Path) -> None:
    shown = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "tools.json").write_text(shown[0])
    assert [tool.name for tool in tool_use(str(tmp_path / "tools.json"), "weather").offered] == ["weather"]
    assert json.loads(shown[0])
