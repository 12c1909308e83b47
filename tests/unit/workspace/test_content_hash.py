"""Content hash v2: the recipe, the sentinel that carries it, and what a stat walk can tell."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.workspace.cleanliness import FoundFile, compare
from domain.workspace.content_hash import (
    ALGORITHM,
    FULL_READ_LIMIT_BYTES,
    FileRecord,
    Recipe,
    Unhashable,
    aggregate,
    header_length,
    link_digest,
    name_and_size_digest,
    recipe_of,
    record_path_problem,
    text_digest,
)
from domain.workspace.exclusion import DEFAULT_EXCLUDES, Exclusion
from domain.workspace.sentinel import Fingerprint, Sentinel

NOW = datetime(2026, 4, 20, 10, 30, tzinfo=UTC)
SHA = text_digest(b"x")
EXCLUDES_DIGEST = "fe3ad3b261cc4ddf"
NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\\/:"), min_size=1, max_size=8)


def records(*paths: str) -> list[FileRecord]:
    return [FileRecord(path, 3, 7, SHA) for path in paths]


def test_the_aggregate_is_path_nul_digest_of_every_file_in_path_order() -> None:
    expected = hashlib.sha256(f"a\0{SHA}b/c\0{SHA}".encode()).hexdigest()
    assert aggregate(records("b/c", "a")) == f"sha256:{expected}"


def test_a_renamed_file_changes_the_aggregate() -> None:
    assert aggregate(records("a")) != aggregate(records("b"))


@pytest.mark.parametrize(
    ("name", "size", "recipe"),
    [
        ("model.safetensors", 10, Recipe.HEADER),
        ("model.safetensors", FULL_READ_LIMIT_BYTES + 1, Recipe.HEADER),
        ("model.gguf", FULL_READ_LIMIT_BYTES, Recipe.WHOLE),
        ("model.gguf", FULL_READ_LIMIT_BYTES + 1, Recipe.NAME_AND_SIZE),
        ("config.json", 0, Recipe.WHOLE),
    ],
)
def test_the_recipe_follows_name_and_size(name: str, size: int, recipe: Recipe) -> None:
    assert recipe_of(name, size) is recipe


def test_links_and_huge_files_have_digests_of_their_own_form() -> None:
    assert link_digest("a/b") == f"sha256:{hashlib.sha256(b'SYMLINK' + bytes(1) + b'a/b').hexdigest()}"
    assert name_and_size_digest("x.gguf", 12) == f"sha256:{hashlib.sha256(b'x.gguf' + bytes(1) + b'12').hexdigest()}"


@pytest.mark.parametrize("prefix", [b"", b"\1\0\0", bytes(8), ((100 << 20) + 1).to_bytes(8, "little")])
def test_a_broken_header_length_refuses_the_hash(prefix: bytes) -> None:
    with pytest.raises(Unhashable):
        header_length(prefix)


def test_the_largest_header_is_still_taken() -> None:
    assert header_length((100 << 20).to_bytes(8, "little")) == 100 << 20


@pytest.mark.parametrize("path", [None, 3, "", "a\0b", "a\\b", "/etc/passwd", "C:x", "..", "a/../b"])
def test_a_recorded_path_that_could_lead_elsewhere_makes_the_state_unknown(path: object) -> None:
    assert record_path_problem(path)
    sentinel = Sentinel({"managed": True}).with_fingerprint(Fingerprint.of(records("a"), (), NOW))
    index = [{"path": path, "size": 1, "mtime_ns": 1, "sha": SHA}]
    broken = sentinel.replacing(file_index=index)
    assert broken.fingerprint() is None
    assert "--recalc-hash" in str(broken.fingerprint_problem())


def test_two_dots_inside_a_name_lead_nowhere() -> None:
    assert record_path_problem("a..b/c") is None


@pytest.mark.parametrize(
    "change",
    [
        {"hash_algorithm": "v1"},
        {"hash_algorithm": None},
        {"file_index": "x"},
        {"file_index": ["x"]},
        {"file_index": [{"path": "a", "size": True, "mtime_ns": 1, "sha": SHA}]},
        {"file_index": [{"path": "a", "size": 1, "mtime_ns": 1, "sha": "md5:1"}]},
    ],
)
def test_a_sentinel_that_is_not_v2_or_broken_has_no_fingerprint(change: dict[str, object]) -> None:
    whole = Sentinel({"managed": True}).with_fingerprint(Fingerprint.of(records("a"), (), NOW))
    assert whole.fingerprint() is not None
    assert whole.replacing(**change).fingerprint() is None


def test_a_sentinel_keeps_its_field_names_and_what_it_does_not_know() -> None:
    made = Sentinel.new(version="3.0.0", operation="clone", now=NOW, source_repo="org/m", source_revision="a" * 40)
    marked = made.replacing(colour="blue").with_fingerprint(Fingerprint.of(records("b", "a"), ("*.tmp",), NOW))
    assert marked.values == {
        "mlxk_version": "3.0.0",
        "created_at": "2026-04-20T10:30:00Z",
        "source_repo": "org/m",
        "source_revision": "a" * 40,
        "managed": True,
        "operation": "clone",
        "colour": "blue",
        "hash_algorithm": "v2",
        "content_hash": aggregate(records("a", "b")),
        "hash_modified": "2026-04-20T10:30:00Z",
        "exclude_patterns": ["*.tmp"],
        "file_index": [{"path": path, "size": 3, "mtime_ns": 7, "sha": SHA} for path in ("a", "b")],
    }
    assert marked.fingerprint() == Fingerprint.of(records("a", "b"), ("*.tmp",), NOW)


def test_the_default_excludes_are_the_fixed_list() -> None:
    assert hashlib.sha256("\n".join(DEFAULT_EXCLUDES).encode()).hexdigest().startswith(EXCLUDES_DIGEST)


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("a.tmp", True),
        (".mlxk_workspace.json", True),
        ("._config.json", True),
        ("Icon\r", True),
        (".config.json.swp", True),
        ("config.json", False),
        (".git", False),
        ("tmp", False),
    ],
)
def test_files_are_dropped_by_base_name(name: str, dropped: bool) -> None:
    assert Exclusion(DEFAULT_EXCLUDES).drops(name) is dropped


def test_folders_are_pruned_by_patterns_with_a_slash_only() -> None:
    exclusion = Exclusion(DEFAULT_EXCLUDES)
    assert exclusion.prunes(".git")
    assert exclusion.prunes("System Volume Information")
    assert not exclusion.prunes("logs.log")
    assert not Exclusion(()).prunes(".git")


def test_a_comparison_tells_added_missing_changed_and_drifted_apart() -> None:
    known = {each.path: each for each in [*records("same", "gone", "bigger", "later"), FileRecord("l", 0, 0, SHA)]}
    found = [
        FoundFile("same", 3, 7),
        FoundFile("bigger", 4, 7),
        FoundFile("later", 3, 8),
        FoundFile("new", 1, 1),
        FoundFile("l", 0, 0, link_digest("elsewhere")),
    ]
    comparison = compare(known, found)
    assert comparison.added == ("new",)
    assert comparison.missing == ("gone",)
    assert comparison.changed == ("bigger", "l")
    assert comparison.drifted == ("later",)


def test_a_link_that_leads_out_is_a_change() -> None:
    assert compare({"l": FileRecord("l", 0, 0, SHA)}, [FoundFile("l", 0, 0, "")]).changed == ("l",)


@given(st.dictionaries(NAMES, st.integers(0, 9), max_size=5), st.dictionaries(NAMES, st.integers(0, 9), max_size=5))
def test_a_comparison_is_surely_modified_unless_both_sides_have_the_same_names_and_sizes(
    then: dict[str, int], now: dict[str, int]
) -> None:
    known = {path: FileRecord(path, size, 7, SHA) for path, size in then.items()}
    comparison = compare(known, [FoundFile(path, size, 7) for path, size in now.items()])
    assert comparison.surely_modified == (then != now)


def test_a_link_s_target_is_bytes_whatever_it_is_called() -> None:
    assert link_digest("caf\udcff") == text_digest(b"SYMLINK\0caf\xff")


def sentinel(**values: object) -> Sentinel:
    return Sentinel({"hash_algorithm": ALGORITHM, "file_index": [], **values})


ENTRY = {"path": "a", "size": 3, "mtime_ns": 7, "sha": SHA}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hash_algorithm": "v1"}, f"the sentinel has no content hash {ALGORITHM}: "),
        ({"file_index": None}, "the sentinel has no file index: "),
        ({"file_index": [ENTRY, 7]}, "the sentinel's file index is broken (an entry is no object): "),
        ({"file_index": [{**ENTRY, "path": "../a"}]}, f"broken ({record_path_problem('../a')}): "),
        ({"file_index": [{**ENTRY, "size": "3"}]}, "broken (an entry has no size, time or digest): "),
        ({"file_index": [{**ENTRY, "mtime_ns": 7.0}]}, "broken (an entry has no size, time or digest): "),
        ({"file_index": [{**ENTRY, "sha": "md5:1"}]}, "broken (an entry has no size, time or digest): "),
    ],
)
def test_a_sentinel_that_tells_nothing_says_why_and_the_way_out(values: dict[str, object], words: str) -> None:
    broken = sentinel(**values)
    problem = broken.fingerprint_problem()
    assert problem is not None
    assert words in problem
    assert "run `mlxk show <workspace> --recalc-hash` to " in problem
    assert broken.fingerprint() is None


def test_a_sentinel_with_a_sound_index_has_no_problem() -> None:
    assert sentinel(file_index=[ENTRY]).fingerprint_problem() is None
    assert sentinel(file_index=[ENTRY]).fingerprint() == Fingerprint(
        "", "", DEFAULT_EXCLUDES, (FileRecord("a", 3, 7, SHA),)
    )


def test_other_file_times_change_the_index_alone_and_in_its_order() -> None:
    before = sentinel(file_index=[ENTRY], note="kept")
    after = before.with_records([FileRecord("b", 1, 2, SHA), FileRecord("a", 3, 9, SHA)])
    assert after.values == {
        "hash_algorithm": ALGORITHM,
        "note": "kept",
        "file_index": [{**ENTRY, "mtime_ns": 9}, {"path": "b", "size": 1, "mtime_ns": 2, "sha": SHA}],
    }
