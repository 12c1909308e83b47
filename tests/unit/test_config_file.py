"""mlxk.toml: a source between the environment and the defaults, and strict about what stands in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from domain.duration import parse_duration
from domain.errors import UsageError
from domain.serving.load_wishes import LoadWishes
from domain.serving.model_settings import ModelSettings
from entrypoints.cli.commands import serve
from entrypoints.config_file import MODEL_KEYS, PRELOAD, SERVER_KEYS, SETTING_OF, WISHES
from entrypoints.settings import Settings, Source, load_settings

EVERYTHING = """
[server]
host = "::1"
port = 9000
log_level = "warning"
log_json = true
max_tokens = 200
memory_limit = "3GiB"
cache_ram = 4096
cache_disk = "1GB"
cache_dir = "prompts"
idle_ttl = "1h30m"
transcription_timeout = "15m"
model = "demo"
preload = ["org/small"]
share = true
force = true
api_key_file = "keys"
no_auth = false
allow_host = ["mac.lan", "studio.lan"]
cors_origin = ["http://localhost:3000"]
max_body = "1MB"
access_log = false
embed_backend = "http://127.0.0.1:8002"
allow_remote_backend = false

[aliases]
fast = "org/small"
fastest = "fast"

[models."org/small"]
pinned = true
idle_ttl = 600
max_tokens = 99
adapter = "lora"
draft_model = "org/tiny"
draft_ngram = 2
draft_tokens = 4
kv_bits = 8
kv_group_size = 32
max_kv_size = 512
cpu = true

[models.other]
preload = true
"""


def settings_of(folder: Path, text: str, flags: dict[str, object] | None = None, **environ: str) -> Settings:
    path = folder / "mlxk.toml"
    path.write_text(text)
    path.chmod(0o644)
    return load_settings({"config": str(path), **(flags or {})}, {"HOME": str(folder), **environ}, with_file=True)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as seen:
        settings_of(folder, text)
    return f"{seen.value.message} | {seen.value.hint}"


def test_every_key_reaches_its_setting(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, EVERYTHING)
    names = {key: SETTING_OF.get(key, key) for key in SERVER_KEYS if key != PRELOAD}
    embedding: dict[str, object] = {
        "embed_backend": settings.embedding.backend.value,
        "allow_remote_backend": settings.embedding.allow_remote.value,
    }
    embedding["transcription_timeout"] = settings.hearing.timeout.value
    values = dict(embedding)
    values |= {
        key: getattr(settings if hasattr(settings, name) else settings.doors, name).value
        for key, name in names.items()
        if key not in embedding
    }
    assert values == {
        "host": "::1", "port": 9000, "log_level": "warning", "log_json": True, "max_tokens": 200,
        "memory_limit": 3 * 2**30, "cache_ram": 4096, "cache_disk": 10**9, "cache_dir": tmp_path / "prompts",
        "idle_ttl": 5400.0, "model": "demo", "share": True, "force": True,
        "api_key_file": tmp_path / "keys", "no_auth": False, "allow_host": ("mac.lan", "studio.lan"),
        "cors_origin": ("http://localhost:3000",), "max_body": 10**6, "access_log": False,
        "embed_backend": "http://127.0.0.1:8002", "allow_remote_backend": False,
        "transcription_timeout": 900.0,
    }  # fmt: skip
    assert settings.port.source is Source.FILE
    assert settings.port.name == f"{tmp_path}/mlxk.toml: [server] port"
    wishes = LoadWishes(
        adapter=str(tmp_path / "lora"), draft_model="org/tiny", draft_ngram=2, draft_tokens=4, kv_bits=8,
        kv_group_size=32, max_kv_size=512, cpu=True,
    )  # fmt: skip
    assert settings.serving_rules.models == {
        "org/small": ModelSettings(wishes, pinned=True, preload=True, idle_seconds=600.0, max_tokens=99),
        "other": ModelSettings(preload=True),
    }
    assert settings.serving_rules.aliases == {"fast": "org/small", "fastest": "fast"}
    assert settings.serving_rules.idle_seconds == 5400.0


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    text = '[server]\nport = 9000\nhost = "::1"\nmax_tokens = 5\n'
    settings = settings_of(tmp_path, text, {"port": 7000}, MLXK2_PORT="8001", MLXK2_HOST="127.0.0.2")
    assert (settings.port.value, settings.port.source) == (7000, Source.FLAG)
    assert (settings.host.value, settings.host.source) == ("127.0.0.2", Source.ENVIRONMENT)
    assert (settings.max_tokens.value, settings.max_tokens.source) == (5, Source.FILE)
    assert (settings.share.value, settings.share.source) == (False, Source.DEFAULT)


def test_every_option_of_serve_that_is_a_setting_may_stand_in_the_file() -> None:
    fields = {each.name for each in dataclasses.fields(Settings)}
    given = {name for name in serve.Arguments().flags() if name in fields}
    assert given <= {SETTING_OF.get(key, key) for key in SERVER_KEYS}
    assert set(WISHES) == set(serve.LOADING_NAMES) == {each.name for each in dataclasses.fields(LoadWishes)} - {"force"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\nprot = 1", "[server] prot: unknown key | did you mean 'port'?"),
        ("[sever]\nport = 1", "mlxk.toml: sever: unknown table | did you mean 'server'?"),
        ("port = 1", "mlxk.toml: port: unknown key | allowed are server, aliases, models"),
        ('[server]\nport = "x"', "[server] port = 'x': must be a whole number | for example port = 8000"),
        ("[server]\nport = 70000", "[server] port=70000: a port is a number from 0 to 65535"),
        ("[server]\nport = true", "[server] port = true: must be a whole number"),
        ("[server]\nport = 8000.0", "[server] port = 8000.0: must be a whole number"),
        ("[server]\nlog_json = 1", "[server] log_json = 1: must be true or false"),
        ('[server]\nlog_level = "loud"', "log_level=loud: must be one of debug, info"),
        ('[server]\nhost = " "', "[server] host = ' ': must be text in quotes"),
        ('[server]\nmemory_limit = "much"', "memory_limit=much: must be a size such as 512MB"),
        ('[server]\nidle_ttl = "soon"', "idle_ttl=soon: must be a duration such as 90"),
        ("[server]\nidle_ttl = -1", "idle_ttl=-1: must be a duration"),
        ('[server]\npreload = "demo"', "preload = 'demo': must be a list such as"),
        ("[server]\npreload = [1]", "preload = [1]: must be a list such as"),
        ('[server]\napi_key = "s3cret"', "[server] api_key: no secrets in this file | api_key_file names"),
        ("server = 1", "mlxk.toml: server must be a table"),
        ("[aliases]\nfast = 1", "[aliases] fast = 1: must be text in quotes"),
        ('[aliases]\na = "b"\nb = "a"', "[aliases] go in a circle: a -> b -> a"),
        ('[aliases]\na = "a"', "[aliases] go in a circle: a -> a"),
        ('[models.x]\npined = true', "[models.\"x\"] pined: unknown key | did you mean 'pinned'?"),
        ("[models]\nx = 1", 'models."x" must be a table'),
        ("[models.x]\nkv_bits = 0", "kv_bits=0: must be at least 1"),
        ("[models.x]\nmax_tokens = 0", "max_tokens=0: must be at least 1"),
        ('[models.""]\npinned = true', "a model without a name"),
        ('[server]\npreload = ["x"]\n[models.x]\npreload = false', "and [models.\"x\"] says preload = false"),
        ("[server\n", "is no TOML: "),
        ('[server]\nport = 1\nport = 2', "is no TOML: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_table_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, told: str
) -> None:
    seen = refusal(tmp_path, text)
    assert told in seen
    assert str(tmp_path / "mlxk.toml") in seen
    assert "s3cret" not in seen


def test_what_is_no_text_or_much_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mlxk.toml"
    for content in (b"\xff\xfe", b"#" * 1_000_001, b"a = " + b"[" * 5_000):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"mlxk\.toml"):
            load_settings({"config": str(path)}, {}, with_file=True)
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings({"config": str(tmp_path)}, {}, with_file=True)


def test_the_file_is_the_named_one_or_the_variables_or_the_usual_one(tmp_path: Path) -> None:
    places = [tmp_path / "flag.toml", tmp_path / "variable.toml", tmp_path / "x/mlxk/mlxk.toml"]
    places.append(tmp_path / ".config/mlxk/mlxk.toml")
    for number, path in enumerate(places):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[server]\nport = {number + 1}\n")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "x"), "MLXK_CONFIG": str(places[1])}

    def port(flag: Path | None = None) -> int:
        return load_settings({"config": None if flag is None else str(flag)}, environ, with_file=True).port.value

    assert port(places[0]) == 1
    assert port() == 2
    environ["MLXK_CONFIG"] = ""
    assert port() == 3
    environ["XDG_CONFIG_HOME"] = ""
    assert port() == 4
    places[3].unlink()
    assert port() == 8000


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml cannot be read: No such file"):
        load_settings({}, {"MLXK_CONFIG": str(tmp_path / "nowhere.toml")}, with_file=True)


def test_settings_without_the_file_do_not_look_at_it(tmp_path: Path) -> None:
    assert load_settings({}, {"MLXK_CONFIG": str(tmp_path / "nowhere.toml")}).config_file is None


@pytest.mark.parametrize(("mode", "warned"), [(0o644, False), (0o600, False), (0o664, True), (0o646, True)])
def test_a_file_that_others_can_change_is_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    path = tmp_path / "mlxk.toml"
    path.write_text("")
    path.chmod(mode)
    settings = load_settings({"config": str(path)}, {}, with_file=True)
    assert (settings.config_warnings != ()) is warned
    assert all("chmod go-w" in each for each in settings.config_warnings)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("1.5", 1.5), ("45s", 45), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1H", 3600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "10 m", "1m1h", "ten", "1e3", "nan", "10ms"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(text)


def test_every_key_of_a_model_is_read() -> None:
    assert set(MODEL_KEYS) == {*WISHES, "pinned", "preload", "idle_ttl", "max_tokens"}
