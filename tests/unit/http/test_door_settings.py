"""Keys, hosts and origins as a server's owner gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import UsageError
from entrypoints.http.keys import gather_keys, read_key_file
from entrypoints.http.server import serve
from entrypoints.settings import load_settings

KEY, OTHER = "first-key-0001", "second-key-002"


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_key_file_has_a_key_a_line(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"# for the laptop\n{KEY}\n\n  {OTHER}  \n")
    assert read_key_file(path) == (KEY, OTHER)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o604])
def test_a_key_file_that_others_can_read_is_refused_with_its_remedy(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, KEY, mode)
    with pytest.raises(UsageError) as refused:
        read_key_file(path)
    assert refused.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    "text", ["", "# none\n", "short\n", "with space inside\n", "with,comma-inside\n", f"{KEY}\nk\u00e9y-of-umlauts\n"]
)
def test_a_key_file_without_good_keys_is_refused_without_telling_them(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_key_file(key_file(tmp_path, text))
    assert not any(word in f"{refused.value} {refused.value.hint}" for word in ("short", "inside", "umlauts", KEY))


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing"):
        read_key_file(tmp_path / "nothing")


def test_keys_of_flags_variable_and_file_all_count(tmp_path: Path) -> None:
    path = key_file(tmp_path, OTHER)
    by_flag = load_settings({"api_key": f"{KEY},{OTHER}"}, {"MLXK_API_KEY_FILE": str(path)})
    assert gather_keys(by_flag.doors) == (KEY, OTHER)
    by_variable = load_settings({"api_key_file": str(path)}, {"MLXK_API_KEY": f" {KEY} ,"})
    assert gather_keys(by_variable.doors) == (KEY, OTHER)
    assert KEY not in repr(by_variable) + repr(by_variable.doors)


def test_a_key_that_anybody_could_guess_is_refused_and_not_told() -> None:
    with pytest.raises(UsageError) as refused:
        load_settings({}, {"MLXK_API_KEY": "hunter2"})
    assert "hunter2" not in f"{refused.value} {refused.value.hint}"
    assert "MLXK_API_KEY" in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_others_are_not_let_in_by_accident(host: str, tmp_path: Path) -> None:
    settings = load_settings({"host": host, "port": 0}, {"HOME": str(tmp_path)})
    with pytest.raises(UsageError, match="no API key is set") as refused:
        serve(settings)
    assert "--api-key-file" in str(refused.value.hint)
    assert "--no-auth" in str(refused.value.hint)


def test_no_auth_and_keys_contradict_each_other(tmp_path: Path) -> None:
    settings = load_settings({"no_auth": True, "api_key": KEY, "port": 0}, {"HOME": str(tmp_path)})
    with pytest.raises(UsageError, match="contradicts"):
        serve(settings)


def test_hosts_and_origins_are_lists() -> None:
    doors = load_settings(
        {"allow_host": "Mac.lan,[::1]"}, {"MLXK_CORS_ORIGIN": "http://localhost:3000/, https://a.example"}
    ).doors
    assert doors.allow_host.value == ("mac.lan", "::1")
    assert doors.cors_origin.value == ("http://localhost:3000", "https://a.example")


@pytest.mark.parametrize(
    "flags",
    [
        {"allow_host": "http://mac.lan"},
        {"allow_host": "mac.lan:8000"},
        {"allow_host": "*"},
        {"cors_origin": "localhost:3000"},
        {"cors_origin": "http://a/b"},
        {"max_body": "much"},
    ],
)
def test_what_is_no_host_origin_or_size_is_refused(flags: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        load_settings(flags, {})


def test_debug_beats_every_level_but_that_of_a_flag() -> None:
    debug = {"MLXK2_DEBUG": "1"}
    assert load_settings({}, {}).verbosity == "info"
    assert load_settings({}, debug).verbosity == "debug"
    assert load_settings({}, {**debug, "MLXK2_LOG_LEVEL": "error"}).verbosity == "debug"
    assert load_settings({"log_level": "error"}, debug).verbosity == "error"
