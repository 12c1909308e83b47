"""A script writes its own block of a page and leaves the rest alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.results_page import put

PAGE = (
    "# Results\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\nBetween.\n\n<!-- b: begin -->\n<!-- b: end -->\nAfter.\n"
)


def test_a_block_is_written_anew_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text(PAGE, encoding="utf-8")
    put(page, "b", "\n| new |\n")
    put(page, "a", "newer")
    assert page.read_text(encoding="utf-8") == (
        "# Results\n\n<!-- a: begin -->\nnewer\n<!-- a: end -->\n\nBetween.\n\n"
        "<!-- b: begin -->\n| new |\n<!-- b: end -->\nAfter.\n"
    )


@pytest.mark.parametrize("text", ["", "<!-- c: begin -->\n", "<!-- c: end -->\n<!-- c: begin -->\n"])
def test_a_page_without_the_block_is_named_and_not_touched(tmp_path: Path, text: str) -> None:
    page = tmp_path / "results.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"results\.md has no block of results called c: add <!-- c: begin -->"):
        put(page, "c", "x")
    assert page.read_text(encoding="utf-8") == text
