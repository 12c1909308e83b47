"""mlxk.toml: what a server's owner has settled once and for all. Strict: what is not known here is refused by name."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from domain.duration import parse_duration
from domain.errors import UsageError
from domain.serving.load_wishes import LoadWishes
from domain.serving.model_settings import ModelSettings
from entrypoints.cli.suggestions import did_you_mean
from entrypoints.setting_values import FileValue, as_positive

T = TypeVar("T")
D = TypeVar("D")

LARGEST_BYTES = 1_000_000
TABLES = ("server", "aliases", "models")
SECRETS = ("api_key", "api_keys", "token", "hf_token")


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand behind a key. words: for people. path: a relative one starts at the file's folder."""

    words: str
    kinds: tuple[type, ...]
    many: bool = False
    path: bool = False

    def fits(self, value: object) -> bool:
        if self.many:
            return isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value)
        if isinstance(value, bool):
            return bool in self.kinds
        return isinstance(value, self.kinds) and (not isinstance(value, str) or bool(value.strip()))


TEXT = Shape("text in quotes", (str,))
WHOLE = Shape("a whole number", (int,))
SWITCH = Shape("true or false", (bool,))
SIZE = Shape('a size such as "2GiB", or a number of bytes', (str, int))
DURATION = Shape('a duration such as "10m", or a number of seconds', (str, int, float))
PATH = Shape("a path in quotes", (str,), path=True)
TEXTS = Shape('a list such as ["one", "two"]', (), many=True)

# A key of [server] for [models], not for a setting.
PRELOAD = "preload"
# Keys of [server], each with a setting that takes its value.
SERVER_KEYS: Mapping[str, Shape] = {
    "host": TEXT,
    "port": WHOLE,
    "log_level": TEXT,
    "log_json": SWITCH,
    "max_tokens": WHOLE,
    "memory_limit": SIZE,
    "cache_ram": SIZE,
    "cache_disk": SIZE,
    "cache_dir": PATH,
    "idle_ttl": DURATION,
    "model": TEXT,
    PRELOAD: TEXTS,
    "share": SWITCH,
    "force": SWITCH,
    "api_key_file": PATH,
    "no_auth": SWITCH,
    "allow_host": TEXTS,
    "cors_origin": TEXTS,
    "max_body": SIZE,
    "access_log": SWITCH,
    "transcription_timeout": DURATION,
    "embed_backend": TEXT,
    "allow_remote_backend": SWITCH,
}
SETTING_OF = {"model": "preload_model"}  # where key and setting are not called the same

MODEL_KEYS: Mapping[str, Shape] = {
    "pinned": SWITCH,
    "preload": SWITCH,
    "idle_ttl": DURATION,
    "max_tokens": WHOLE,
    "adapter": PATH,
    "draft_model": TEXT,
    "draft_ngram": WHOLE,
    "draft_tokens": WHOLE,
    "kv_bits": WHOLE,
    "kv_group_size": WHOLE,
    "max_kv_size": WHOLE,
    "cpu": SWITCH,
}
WISHES = ("adapter", "draft_model", "draft_ngram", "draft_tokens", "kv_bits", "kv_group_size", "max_kv_size", "cpu")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """server: the values of [server] by setting name. warnings: what its owner should mend."""

    path: Path | None = None
    server: Mapping[str, FileValue] = field(default_factory=dict)
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


NO_FILE = ConfigFile()


def find_config(named: str | None, environ: Mapping[str, str]) -> ConfigFile:
    """The file that is named, or the one of MLXK_CONFIG, or the usual one; none of them is NO_FILE. Raises UsageError
    for a named file that is not there, and for one that cannot be read or means nothing.
    """
    chosen = named or environ.get("MLXK_CONFIG", "").strip()
    if chosen:
        return read_config(Path(chosen).expanduser().absolute())
    base = environ.get("XDG_CONFIG_HOME", "").strip() or os.path.join(environ.get("HOME") or "~", ".config")  # noqa: PTH118
    usual = Path(base).expanduser() / "mlxk" / "mlxk.toml"
    return read_config(usual) if usual.is_file() else NO_FILE


def read_config(path: Path) -> ConfigFile:
    """Raises UsageError that names file, table, key and value, and what is allowed."""
    content, warnings = _content(path)
    _known(path, "", content, TABLES)
    server = _table(path, "server", content.get("server", {}), SERVER_KEYS)
    return ConfigFile(
        path,
        {SETTING_OF.get(key, key): value for key, value in server.items() if key != PRELOAD},
        _models(path, content.get("models", {}), server.get(PRELOAD)),
        _aliases(path, content.get("aliases", {})),
        warnings,
    )


def _content(path: Path) -> tuple[dict[str, object], tuple[str, ...]]:
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise UsageError(f"{path} is no file", hint="--config names a TOML file")
            text = file.read(LARGEST_BYTES + 1)
        if len(text) > LARGEST_BYTES:
            raise UsageError(f"{path} has more than {LARGEST_BYTES:,} bytes", hint="is it the configuration?")
        return tomllib.loads(text.decode("utf-8")), _open_to_others(path, facts)
    except OSError as fault:
        hint = "--config and MLXK_CONFIG name a TOML file; see docs/server-handbook.md"
        raise UsageError(f"{path} cannot be read: {fault.strerror or fault}", hint=hint) from fault
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as fault:
        raise UsageError(f"{path} is no TOML: {fault}", hint="see docs/server-handbook.md for an example") from fault


def _open_to_others(path: Path, facts: os.stat_result) -> tuple[str, ...]:
    if facts.st_uid not in (os.geteuid(), 0):
        return (f"{path} belongs to another user, who decides what this server does",)
    if stat.S_IMODE(facts.st_mode) & 0o022:
        return (f"{path} can be changed by others: chmod go-w {path}",)
    return ()


def _known(path: Path, table: str, content: Mapping[str, object], keys: Sequence[str] | Mapping[str, Shape]) -> None:
    for key, value in content.items():
        if key in keys:
            continue
        if key in SECRETS:
            raise UsageError(
                f"{_place(path, table)} {key}: no secrets in this file", hint="api_key_file names a file that has them"
            )
        what = "table" if isinstance(value, dict) else "key"
        hint = did_you_mean(key, keys) or f"allowed are {', '.join(keys)}"
        raise UsageError(f"{_place(path, table)} {key}: unknown {what}", hint=hint)


def _table(path: Path, table: str, content: object, shapes: Mapping[str, Shape]) -> dict[str, FileValue]:
    if not isinstance(content, dict):
        raise UsageError(f"{path}: {table} must be a table", hint=f"write [{table}] and its keys below it")
    _known(path, table, content, shapes)
    values = {}
    for key, value in content.items():
        shape, place = shapes[key], f"{_place(path, table)} {key}"
        if not shape.fits(value):
            raise UsageError(f"{place} = {_shown(value)}: must be {shape.words}", hint=f"for example {_example(key)}")
        texts = tuple(_text(path, shape, each) for each in (value if shape.many else [value]))
        values[key] = FileValue(texts, place)
    return values


def _models(path: Path, content: object, preload: FileValue | None) -> dict[str, ModelSettings]:
    """By name; those that [server] preload names are among them."""
    if not isinstance(content, dict):
        raise UsageError(f"{path}: models must be tables", hint='write [models."org/name"]')
    found = {name: _model(path, name, each) for name, each in content.items()}
    for name in () if preload is None else preload.texts:
        values = found.get(name, {})
        if "preload" in values and values["preload"].texts == ("false",):
            raise UsageError(
                f'{preload.place if preload else path}: names {name!r}, and [models."{name}"] says preload = false',
                hint="leave one of them out",
            )
        found[name] = {**values, "preload": FileValue(("true",), f"{path}: [server] preload")}
    return {name: _settings(values) for name, values in found.items()}


def _model(path: Path, name: str, content: object) -> dict[str, FileValue]:
    if not name.strip():
        raise UsageError(f"{path}: a model without a name", hint='write [models."org/name"]')
    return _table(path, f'models."{name}"', content, MODEL_KEYS)


def _settings(values: Mapping[str, FileValue]) -> ModelSettings:
    wishes = {name: _wish(MODEL_KEYS[name], values[name]) for name in WISHES if name in values}
    return ModelSettings(
        loading=LoadWishes(**wishes),  # type: ignore[arg-type]  # the names and kinds are those of MODEL_KEYS
        pinned=_said(values, "pinned", _true, default=False),
        preload=_said(values, "preload", _true, default=False),
        idle_seconds=_said(values, "idle_ttl", parse_duration, default=None),
        max_tokens=_said(values, "max_tokens", as_positive, default=None),
    )


def _wish(shape: Shape, value: FileValue) -> object:
    if shape is SWITCH:
        return value.read(_true)
    return value.read(as_positive) if shape is WHOLE else value.texts[0]


def _said(values: Mapping[str, FileValue], name: str, parse: Callable[[str], T], *, default: D) -> T | D:
    return values[name].read(parse) if name in values else default


def _true(text: str) -> bool:
    return text == "true"


def _aliases(path: Path, content: object) -> dict[str, str]:
    if not isinstance(content, dict):
        raise UsageError(f"{path}: aliases must be a table", hint='write [aliases] and below it fast = "org/name"')
    for name, model in content.items():
        if not name.strip() or not TEXT.fits(model):
            hint = 'for example fast = "org/name"'
            raise UsageError(f"{path}: [aliases] {name} = {_shown(model)}: must be {TEXT.words}", hint=hint)
    _no_circle(path, content)
    return dict(content)


def _no_circle(path: Path, aliases: Mapping[str, str]) -> None:
    for first in aliases:
        met = [first]
        while met[-1] in aliases:
            following = aliases[met[-1]]
            if following in met:
                way = " -> ".join([*met, following])
                raise UsageError(f"{path}: [aliases] go in a circle: {way}", hint="let one of them name a model")
            met.append(following)


def _text(path: Path, shape: Shape, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if shape.path:
        return str((path.parent / Path(str(value)).expanduser()).absolute())
    return str(value).strip()


def _place(path: Path, table: str) -> str:
    return f"{path}: [{table}]" if table else f"{path}:"


def _shown(value: object) -> str:
    text = "true" if value is True else "false" if value is False else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _example(key: str) -> str:
    examples = {
        WHOLE: "8000" if key == "port" else "512", SWITCH: "true", SIZE: '"2GiB"', DURATION: '"10m"', TEXT: '"info"',
        PATH: '"~/somewhere"', TEXTS: '["demo"]',
    }  # fmt: skip
    return f"{key} = {examples[{**SERVER_KEYS, **MODEL_KEYS}[key]]}"
