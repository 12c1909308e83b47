"""docs/testing.md and docs/testing-details.md are what the rules, the Makefile and the variables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.generate_testing_docs import FOLDERS, PAGES, PARTS, ROOT, renewed
from tests.support.live_environment import NO_INDEX, NO_MODEL, NO_SPACE
from tests.support.portfolio.gates import VISION_TOO_LARGE

pytestmark = pytest.mark.spec


@pytest.mark.parametrize("page", PAGES, ids=lambda each: each.name)
def test_the_generated_parts_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == renewed(text), "run `make docs`"


def test_every_part_stands_in_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"<!-- made: (\w+) -->", text)) == set(PARTS)


def test_every_folder_of_tests_is_told() -> None:
    there = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert there == set(FOLDERS)


def test_reasons_to_skip_are_told_in_their_own_words() -> None:
    text = PAGES[1].read_text(encoding="utf-8").replace("\n", " ")
    for words in (NO_INDEX, NO_MODEL, NO_SPACE, VISION_TOO_LARGE):
        assert f'"{words}"' in text, words
