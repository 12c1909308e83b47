"""docs/cli.md is what the option table says."""

from __future__ import annotations

import pytest

from entrypoints.cli.options import COMMANDS
from scripts.generate_cli_docs import PAGE, page

pytestmark = pytest.mark.spec


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_page_tells_every_command_and_option() -> None:
    text = page()
    for command in COMMANDS:
        section = text.partition(f"## mlxk {command.name}\n")[2].partition("\n## ")[0]
        assert all(f"`{option.usage}`" in section for option in command.options)
