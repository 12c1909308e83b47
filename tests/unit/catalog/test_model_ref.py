"""Names as people type them, and as the hub's cache spells them."""

from __future__ import annotations

import string

import pytest
from huggingface_hub.utils import HFValidationError, validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.model_ref import ModelRef, cache_folder_name, hub_name_problem, name_from_cache_folder
from domain.errors import InvalidRequest

PART = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=100)


@pytest.mark.parametrize(
    ("spec", "name", "revision"),
    [
        ("org/name", "org/name", None),
        ("gpt2", "gpt2", None),
        ("org/name@main", "org/name", "main"),
        ("org/name@refs/pr/1", "org/name", "refs/pr/1"),
        ("name@4c2f0b7", "name", "4c2f0b7"),
        ("./here@home", "./here@home", None),
        ("~/models/x", "~/models/x", None),
        ("..", "..", None),
        ("/abs/olute", "/abs/olute", None),
    ],
)
def test_a_name_and_its_revision_are_told_apart(spec: str, name: str, revision: str | None) -> None:
    ref = ModelRef.parse(spec)
    assert (ref.name, ref.revision, str(ref)) == (name, revision, spec)


@pytest.mark.parametrize("spec", [".", "..", "./x", "../x", "/x", "~/x", "~"])
def test_paths_say_so_by_how_they_begin(spec: str) -> None:
    assert ModelRef.parse(spec).is_path


@pytest.mark.parametrize("spec", ["x", "org/x", ".hidden", "~x", "...", "x/.y"])
def test_other_names_are_no_paths(spec: str) -> None:
    assert not ModelRef.parse(spec).is_path


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("a\nb", "control characters"),
        ("a\x00", "control characters"),
        ("a/b/c", "at most one '/'"),
        ("a//b", "slashes stand between two parts"),
        ("a/", "slashes stand between two parts"),
        ("a\\b", "a backslash"),
        ("org/..", "'.' and '..' are no names"),
        ("name@", "both parts filled"),
        ("@main", "both parts filled"),
        ("name@../../etc", "can be no branch"),
        ("name@/etc", "can be no branch"),
        ("name@a b", "can be no branch"),
        ("name@.hidden", "can be no branch"),
    ],
)
def test_text_that_can_name_no_model_is_refused_with_the_reason(spec: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a model name") as refusal:
        ModelRef.parse(spec)
    assert words in refusal.value.message
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("models--org--name", "org/name"),
        ("models--gpt2", "gpt2"),
        ("models--org--a--b", "org/a--b"),
        ("models--org---b", "org/-b"),
        ("models--a--", "a--"),
        ("models----b", "--b"),
        ("models--", None),
        ("datasets--org--name", None),
        (".locks", None),
    ],
)
def test_cache_folders_read_as_names(folder: str, name: str | None) -> None:
    assert name_from_cache_folder(folder) == name


@given(st.text(min_size=1).filter(lambda text: "/" not in text))
def test_a_cache_folder_is_found_again_under_the_name_it_reads_as(rest: str) -> None:
    name = name_from_cache_folder(f"models--{rest}")
    assert name is not None
    assert cache_folder_name(name) == f"models--{rest}"


@given(st.tuples(PART, PART).map("/".join) | PART)
def test_every_name_the_hub_takes_survives_the_cache_in_both_directions(name: str) -> None:
    if hub_name_problem(name) is None:
        assert name_from_cache_folder(cache_folder_name(name)) == name


@given(st.tuples(PART, PART).map("/".join) | PART)
def test_the_naming_rules_are_the_hub_librarys_own(name: str) -> None:
    try:
        validate_repo_id(name)
    except HFValidationError:
        assert hub_name_problem(name) is not None
    else:
        assert hub_name_problem(name) is None


def test_names_beyond_96_characters_are_refused_with_the_number() -> None:
    ModelRef.parse("org/" + "n" * 96).require_hub_name()
    with pytest.raises(InvalidRequest, match="at most 96 characters, this one has 97"):
        ModelRef.parse("org/" + "n" * 97).require_hub_name()


@given(st.text(max_size=60))
def test_any_text_either_parses_and_prints_back_or_is_refused(spec: str) -> None:
    try:
        ref = ModelRef.parse(spec)
    except InvalidRequest:
        return
    assert str(ref) == spec
    assert ModelRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    ("spec", "shown"),
    [("a/b/c", "a/b/c"), ("a/b/" + "c" * 116, "a/b/" + "c" * 116), ("a/b/" + "c" * 117, "a/b/" + "c" * 113 + "...")],
)
def test_a_refused_name_is_shown_cut_with_how_names_are_written(spec: str, shown: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ModelRef.parse(spec)
    assert caught.value.message.startswith(f"{shown!r} is not a model name: ")
    assert caught.value.hint == "name a model as org/name, name, name@revision, or a folder as ./folder"
    assert caught.value.param == "model"
