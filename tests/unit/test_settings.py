"""Flag beats environment beats default, and each value remembers which it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import UsageError
from entrypoints.settings import Source, load_settings


def test_defaults() -> None:
    settings = load_settings({}, {"HOME": "/home/someone"})
    assert (settings.host.value, settings.port.value, settings.log_level.value) == ("127.0.0.1", 8000, "info")
    assert settings.hf_cache_dir.value == Path("/home/someone/.cache/huggingface/hub")
    assert settings.max_tokens.value is None
    assert settings.port.source is Source.DEFAULT


def test_a_flag_beats_the_environment_which_beats_the_default() -> None:
    environ = {"MLXK2_PORT": "9000", "MLXK2_HOST": "::1"}
    settings = load_settings({"port": 7000}, environ)
    assert (settings.port.value, settings.port.source) == (7000, Source.FLAG)
    assert (settings.host.value, settings.host.source) == ("::1", Source.ENVIRONMENT)


def test_an_empty_variable_counts_as_unset() -> None:
    settings = load_settings({}, {"HOME": "/h", "HF_HOME": "", "MLXK2_PORT": " ", "HF_TOKEN": ""})
    assert settings.hf_cache_dir.value == Path("/h/.cache/huggingface/hub")
    assert settings.port.source is Source.DEFAULT
    assert settings.hf_token.value is None


def test_hf_hub_cache_beats_hf_home_beats_xdg(tmp_path: Path) -> None:
    environ = {"HOME": "/h", "XDG_CACHE_HOME": "/x"}
    assert load_settings({}, environ).hf_cache_dir.value == Path("/x/huggingface/hub")
    environ["HF_HOME"] = "/hf"
    assert load_settings({}, environ).hf_cache_dir.value == Path("/hf/hub")
    environ["HF_HUB_CACHE"] = "/hub"
    assert load_settings({}, environ).hf_cache_dir.value == Path("/hub")


@pytest.mark.parametrize(
    ("word", "expected"), [("0", False), ("no", False), ("FALSE", False), ("1", True), ("on", True)]
)
def test_boolean_variables_read_words_and_zero_is_false(word: str, expected: bool) -> None:
    assert load_settings({}, {"MLXK2_LOG_JSON": word}).log_json.value is expected


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1H30m", 5400), ("1d", 86400)]
)
def test_times_are_read_with_or_without_a_unit(text: str, seconds: float) -> None:
    assert load_settings({}, {"MLXK_IDLE_TTL": text}).idle_ttl.value == seconds
    assert load_settings({"idle_ttl": text}, {}).idle_ttl.value == seconds


@pytest.mark.parametrize(
    "environ",
    [
        {"MLXK_IDLE_TTL": "soon"},
        {"MLXK_IDLE_TTL": "-1"},
        {"MLXK2_PORT": "http"},
        {"MLXK2_PORT": "70000"},
        {"MLXK2_LOG_JSON": "maybe"},
        {"MLXK2_LOG_LEVEL": "loud"},
        {"MLXK2_MAX_TOKENS": "0"},
    ],
)
def test_a_variable_that_cannot_be_read_is_named_with_its_value(environ: dict[str, str]) -> None:
    ((name, value),) = environ.items()
    with pytest.raises(UsageError, match=f"{name}={value}"):
        load_settings({}, environ)


def test_a_flag_is_checked_like_a_variable() -> None:
    with pytest.raises(UsageError, match="--port=70000"):
        load_settings({"port": 70000}, {})


def test_a_workspace_home_that_does_not_exist_is_ignored_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert load_settings({}, {"MLXK_WORKSPACE_HOME": str(missing)}).workspace_home.value is None
    assert not missing.exists()
    assert load_settings({}, {"MLXK_WORKSPACE_HOME": str(tmp_path)}).workspace_home.value == tmp_path


def test_hf_token_beats_the_old_name_and_is_never_shown() -> None:
    settings = load_settings({}, {"HF_TOKEN": "hf_secret1", "HUGGINGFACE_HUB_TOKEN": "hf_secret2"})
    assert settings.hf_token.value == "hf_secret1"
    assert "secret" not in repr(settings)
    assert load_settings({}, {"HUGGINGFACE_HUB_TOKEN": "hf_secret2"}).hf_token.value == "hf_secret2"


def test_state_lies_in_the_users_state_folder() -> None:
    assert load_settings({}, {"HOME": "/h"}).user_state_dir.value == Path("/h/.local/state/mlxk")
    assert load_settings({}, {"HOME": "/h", "XDG_STATE_HOME": "/s"}).user_state_dir.value == Path("/s/mlxk")


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "0"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_is_allowed_unless_somebody_says_no(environ: dict[str, str], allowed: bool) -> None:
    assert load_settings({}, environ).colour.value is allowed


def test_history_is_on_unless_it_is_switched_off() -> None:
    assert load_settings({}, {}).history.value
    assert not load_settings({}, {"MLXK_HISTORY": "0"}).history.value


@pytest.mark.parametrize(
    ("word", "on"),
    [("0", False), ("false", False), ("off", False), ("1", True), ("yes", True), ("whatever", True), ("", True)],
)
def test_what_pictures_tell_is_read_unless_it_is_switched_off(word: str, on: bool) -> None:
    environ = {"MLXK2_EXIF_METADATA": word, "MLXK2_VISION_METADATA_CONTEXT": word}
    seeing = load_settings({}, environ).seeing
    assert (seeing.exif.value, seeing.describe.value) == (on, on)


def test_pictures_are_looked_at_all_at_once_unless_a_chunk_is_set() -> None:
    assert load_settings({}, {}).seeing.chunk.value is None
    assert load_settings({}, {"MLXK2_VISION_CHUNK_SIZE": "4"}).seeing.chunk.value == 4
    for wrong in ("0", "101", "two"):
        with pytest.raises(UsageError, match=f"MLXK2_VISION_CHUNK_SIZE={wrong}"):
            load_settings({}, {"MLXK2_VISION_CHUNK_SIZE": wrong})
