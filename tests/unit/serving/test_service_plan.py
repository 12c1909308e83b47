"""What a service keeps of the environment, and how its file shows that nobody has changed it."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from domain.serving.service_plan import MARK, is_ours, service_environment, signed
from domain.serving.stored_prompts import StoredPrompts, total_bytes


@pytest.mark.parametrize("name", ["PATH", "HF_HOME", "HF_HUB_CACHE", "MLXK_PORT", "MLXK2_ANY", "XDG_STATE_HOME"])
def test_places_and_our_own_variables_are_kept(name: str) -> None:
    assert service_environment({name: "x", "OTHER": "y"}) == {name: "x"}
    assert service_environment({name: ""}) == {}


@pytest.mark.parametrize("name", ["MLXK_API_KEY", "MLXK_HF_TOKEN", "MLXK_SECRET", "MLXK2_PASSWORD", "MLXK_KEYS"])
def test_secrets_are_not(name: str) -> None:
    assert service_environment({name: "x"}) == {}


@pytest.mark.parametrize("name", ["MLXK_API_KEY_FILE", "MLXK_MAX_TOKENS", "MLXK_DRAFT_TOKENS"])
def test_names_of_files_and_numbers_of_tokens_are_no_secrets(name: str) -> None:
    assert service_environment({name: "x"}) == {name: "x"}


def test_variables_come_in_order() -> None:
    assert list(service_environment({"PATH": "p", "HF_HOME": "h", "MLXK_A": "a"})) == ["HF_HOME", "MLXK_A", "PATH"]


@pytest.mark.parametrize(("before", "behind"), [("# ", ""), ("<!-- ", " -->")])
def test_a_file_is_ours_until_a_character_changes(before: str, behind: str) -> None:
    text = signed("[Unit]\nA=caf\udcff\n", before, behind)
    assert is_ours(text)
    assert not is_ours(text.replace("A=", "B="))
    assert not is_ours("[Unit]\n")
    assert not is_ours(text + "[Service]\n")
    assert not is_ours("[Service]\n" + text)


def test_a_file_that_quotes_the_mark_is_judged_by_its_last_line() -> None:
    assert is_ours(signed(f"# {MARK} 123\nrest\n", "# ", ""))


def test_what_is_remembered_adds_up() -> None:
    kept = [StoredPrompts(PurePath("a"), "m", "cache", None, 1, 1, size, None, in_use=False) for size in (3, 4)]
    assert total_bytes(kept) == 7
