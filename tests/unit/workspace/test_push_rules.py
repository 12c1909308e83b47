"""What goes to a hub, what that changes there, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.manifest import PYTORCH_INDEX, SAFETENSORS_INDEX, JsonState, ModelManifest, ShardIndex, WeightState
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.workspace.push import (
    Anomaly,
    ChangeSet,
    IgnoreRules,
    LocalFile,
    WorkspaceHealth,
    card_additions,
    compare_with_hub,
    workspace_health,
)
from tests.support.manifest_kit import manifest, weight

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.mark.parametrize(
    ("line", "path", "ignored"),
    [
        ("notes.txt", "notes.txt", True),
        ("notes.txt", "deep/down/notes.txt", True),
        ("notes.txt", "notes.txt.bak2", False),
        ("deep", "deep/down/notes.txt", True),
        ("deep/*.txt", "deep/notes.txt", True),
        ("deep/*.txt", "other/deep/notes.txt", False),
        ("/notes.txt", "notes.txt", True),
        ("/notes.txt", "deep/notes.txt", False),
        ("logs/", "logs/a.txt", True),
        ("logs/", "deep/logs/a.txt", True),
        ("logs/", "logs", False),
        ("deep/logs/", "deep/logs/a.txt", True),
        ("deep/logs/", "other/deep/logs/a.txt", False),
        ("l?gs/", "lags/a.txt", True),
        ("# notes.txt", "# notes.txt", False),
        ("   ", "a", False),
        ("NOTES.txt", "notes.txt", False),
    ],
)
def test_a_line_ignores_as_gitignore_s_do(line: str, path: str, ignored: bool) -> None:
    assert IgnoreRules(f"\n{line}\n").ignores(path) is ignored


def test_the_last_line_that_fits_decides() -> None:
    assert not IgnoreRules("*.txt\n!notes.txt").ignores("notes.txt")
    assert IgnoreRules("!notes.txt\n*.txt").ignores("notes.txt")
    assert not IgnoreRules("!*.bak").ignores("a.bak")
    assert IgnoreRules("").ignores("a.bak")


@pytest.mark.parametrize(
    "path",
    [
        ".mlxk_workspace.json", ".mlxk_anything", ".git/config", ".env", ".env.local", ".netrc", "token", "my.pem",
        "id_rsa.pub", "deep/id_ed25519", ".cache/a", ".huggingface/token", ".hg/a", ".svn/a", ".bzr/a", "server.key",
    ],
)  # fmt: skip
def test_secrets_and_histories_never_go_whatever_the_lines_say(path: str) -> None:
    assert IgnoreRules(f"!{path}\n!*").ignores(path)


@pytest.mark.parametrize(
    "path",
    [".DS_Store", ".hfignore", ".gitignore", "__pycache__/a", ".venv/a", "venv/a", "a.pyc", "deep/a.bak", "a.tmp"],
)
def test_defaults_stay_here_until_a_line_takes_them_back(path: str) -> None:
    assert IgnoreRules().ignores(path)
    assert not IgnoreRules(
        f"!{path.partition('/')[0]}{'/' if '/' in path and 'deep' not in path else ''}\n!{path}"
    ).ignores(path)


def there(path: str, size: int = 1) -> RemoteFile:
    return RemoteFile(path, size, "0" * 40)


def test_changes_are_told_by_content_and_asked_for_only_at_equal_size() -> None:
    asked = []

    def same(local: LocalFile, remote: RemoteFile) -> bool:
        asked.append((local.path, remote.path))
        return local.path == "same"

    local = [LocalFile(path, 1) for path in ("z", "same", "other", "larger", "a")]
    remote = [there("same"), there("other"), there("larger", 2), there("gone"), there(".gitattributes"), there("away")]
    changes = compare_with_hub(local, remote, same)
    assert changes == ChangeSet(("a", "z"), ("larger", "other"), ("away", "gone"))
    assert asked == [("same", "same"), ("other", "other")]
    assert changes.counts() == {"added": 2, "modified": 2, "deleted": 2}


@pytest.mark.parametrize(
    ("changes", "empty"),
    [
        (ChangeSet(), True), (ChangeSet(added=("a",)), False), (ChangeSet(modified=("a",)), False),
        (ChangeSet(deleted=("a",)), False),
    ],
)  # fmt: skip
def test_nothing_to_do_is_nothing_of_all_three(changes: ChangeSet, empty: bool) -> None:
    assert changes.empty is empty


def health(
    of: ModelManifest, *more: str, without: tuple[str, ...] = (), tokens: tuple[str, ...] = ()
) -> WorkspaceHealth:
    paths = [entry.path for entry in of.listing.files if entry.path not in without]
    return workspace_health(of, [LocalFile(path, 5) for path in (*paths, *more)], tokens)


def test_a_whole_workspace_is_counted_and_healthy() -> None:
    index = {SAFETENSORS_INDEX: ShardIndex(JsonState.OBJECT, SHARDS)}
    whole = manifest(weights=[*SHARDS, "other.bin"], indexes=index, files=["sub/readme.md"])
    assert health(whole) == WorkspaceHealth(
        files_count=5,
        total_bytes=25,
        config_exists=True,
        config_valid=True,
        weights_count=3,
        formats=("bin", "safetensors"),
        has_index=True,
        pattern_complete=True,
    )


def test_only_what_would_be_pushed_counts() -> None:
    found = health(manifest(weights=[*SHARDS]), without=(SHARDS[1],))
    assert (found.weights_count, found.has_index, found.pattern_complete) == (1, False, False)


@pytest.mark.parametrize(
    ("weights", "complete"),
    [
        (SHARDS, True),
        (SHARDS[:1], False),
        (("model-00001-of-00002.safetensors", "model-00002-of-00003.safetensors"), False),
        (("model-00002-of-00003.safetensors", *SHARDS), False),
        (("model-00000-of-00001.safetensors",), False),
        (("model.safetensors",), None),
        ((), None),
    ],
)
def test_numbered_shards_are_complete_from_one_to_the_total(weights: tuple[str, ...], complete: bool | None) -> None:
    assert health(manifest(weights=weights)).pattern_complete is complete


LOST_INDEX = {SAFETENSORS_INDEX: ShardIndex(JsonState.OBJECT, ("model.safetensors", "lost.safetensors"))}


@pytest.mark.parametrize(
    ("of", "anomaly"),
    [
        (manifest(JsonState.MISSING), Anomaly("config_missing", "config.json is missing", path="config.json")),
        (
            manifest(JsonState.INVALID),
            Anomaly("config_invalid_json", "config.json is no JSON object", path="config.json"),
        ),
        (manifest(weights=()), Anomaly("no_weights_found", "there are no weight files")),
        (
            manifest(weights=[weight(state=WeightState.EMPTY)]),
            Anomaly("empty_weight_file", "model.safetensors is empty", path="model.safetensors"),
        ),
        (
            manifest(weights=[weight(state=WeightState.LFS_POINTER)]),
            Anomaly("lfs_pointer_detected", "model.safetensors is a pointer, not the file", path="model.safetensors"),
        ),
        (
            manifest(weights=[weight(state=WeightState.WRONG_LENGTH)]),
            Anomaly("weight_file_broken", "model.safetensors: wrong length", path="model.safetensors"),
        ),
        (
            manifest(indexes={PYTORCH_INDEX: ShardIndex(JsonState.INVALID)}),
            Anomaly("index_parse_error", f"{PYTORCH_INDEX} holds no weight map", path=PYTORCH_INDEX),
        ),
        (
            manifest(indexes=LOST_INDEX),
            Anomaly(
                "index_missing_shard",
                f"{SAFETENSORS_INDEX} names lost.safetensors, which is not there",
                path="lost.safetensors",
            ),
        ),
    ],
)
def test_each_anomaly_has_its_code_and_its_file(of: ModelManifest, anomaly: Anomaly) -> None:
    found = health(of)
    assert found.anomalies == (anomaly,)
    assert not found.healthy


@pytest.mark.parametrize("name", ["a.partial", "a.incomplete", "a.partial.3"])
def test_half_a_download_is_a_warning(name: str) -> None:
    found = health(manifest(), name, "partial.txt")
    assert found.anomalies == (
        Anomaly("partial_marker", f"{name} looks like half a download", serious=False, path=name),
    )
    assert found.healthy


def test_a_hub_token_in_a_file_is_serious() -> None:
    found = health(manifest(), tokens=("notes.txt",))
    assert found.anomalies == (Anomaly("token_found", "notes.txt holds what looks like a hub token", path="notes.txt"),)
    assert not found.healthy


@pytest.mark.parametrize(
    ("front_matter", "chats", "origin", "additions"),
    [
        ({}, True, "org/a", {"tags": ["mlx", "chat"], "pipeline_tag": "text-generation", "base_model": "org/a"}),
        ({}, False, None, {"tags": ["mlx"], "pipeline_tag": "text-generation"}),
        ({"tags": ["x", 7], "pipeline_tag": "p", "base_model": "b"}, True, "org/a", {"tags": ["x", "mlx", "chat"]}),
        ({"tags": ["mlx"], "pipeline_tag": "p"}, True, None, {"tags": ["mlx", "chat"]}),
        ({"tags": ["mlx"], "pipeline_tag": "p"}, False, None, {}),
        ({"tags": "mlx", "pipeline_tag": "p", "base_model": "b"}, False, "o/a", {"tags": ["mlx"]}),
        (
            {"tags": ["chat", "mlx"], "pipeline_tag": "", "base_model": "b"},
            True,
            "o",
            {"pipeline_tag": "text-generation"},
        ),
    ],
)
def test_a_card_gets_what_it_does_not_say(
    front_matter: dict[str, Any], chats: bool, origin: str | None, additions: dict[str, Any]
) -> None:
    assert card_additions(front_matter, chats=chats, pipeline="text-generation", origin=origin) == additions


def test_a_file_of_the_hub_is_found_by_its_path() -> None:
    model = RemoteModel("o/a", "main", "0" * 40, (there("a"), there("b", 7)))
    assert model.file("b") == there("b", 7)
    assert model.file("c") is None
