"""The environment and the flags, read once, into frozen values that remember where they came from.

This is the only module that reads `os.environ`; everything else gets a Settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from domain.byte_size import parse_size
from domain.errors import UsageError
from domain.serving.load_wishes import LoadWishes

DEFAULT_HUB = "https://huggingface.co"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})

T = TypeVar("T")


class Source(StrEnum):
    """Where a value came from; a flag beats the environment, which beats the default."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    value: T
    source: Source
    name: str


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How a server loads the model that it is started with; as in LoadWishes."""

    adapter: Setting[str | None]
    draft_model: Setting[str | None]
    draft_ngram: Setting[int | None]
    draft_tokens: Setting[int | None]
    kv_bits: Setting[int | None]
    kv_group_size: Setting[int | None]
    max_kv_size: Setting[int | None]

    @property
    def wishes(self) -> LoadWishes:
        return LoadWishes(**{each.name: getattr(self, each.name).value for each in fields(self)})

    @property
    def given(self) -> tuple[str, ...]:
        """The flags or variables that say something."""
        settings = [getattr(self, each.name) for each in fields(self)]
        return tuple(each.name for each in settings if each.value is not None)


@dataclass(frozen=True, slots=True)
class Settings:
    """environ: the process's environment as it was at start-up, for child processes; never printed."""

    hf_cache_dir: Setting[Path]
    user_cache_dir: Setting[Path]
    user_state_dir: Setting[Path]
    workspace_home: Setting[Path | None]
    host: Setting[str]
    port: Setting[int]
    log_level: Setting[str]
    log_json: Setting[bool]
    max_tokens: Setting[int | None]
    preload_model: Setting[str | None]
    debug: Setting[bool]
    hf_token: Setting[str | None]
    hub: Setting[str]
    force: Setting[bool]
    share: Setting[bool]
    history: Setting[bool]
    colour: Setting[bool]
    memory_limit: Setting[int | None]
    cache_ram: Setting[int | None]
    cache_disk: Setting[int]
    cache_dir: Setting[Path]
    loading: LoadSettings
    environ: Mapping[str, str]

    def __repr__(self) -> str:
        """Without secrets: neither the token nor the environment."""
        return f"Settings(host={self.host.value!r}, port={self.port.value!r}, cache={str(self.hf_cache_dir.value)!r})"


def load_settings(flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """flags: values keyed by setting name; None means "not given". environ: default the process's own.

    Raises UsageError naming the variable and its value when one cannot be read.
    """
    reader = _Reader(flags or {}, dict(os.environ) if environ is None else dict(environ))
    return Settings(
        hf_cache_dir=_cache_dir(reader.environ),
        user_cache_dir=_user_cache_dir(reader.environ),
        user_state_dir=_user_state_dir(reader.environ),
        workspace_home=reader.read("workspace_home", "MLXK_WORKSPACE_HOME", _existing_folder, default=None),
        host=reader.read("host", "MLXK2_HOST", _text, default="127.0.0.1"),
        port=reader.read("port", "MLXK2_PORT", _port, default=8000),
        log_level=reader.read("log_level", "MLXK2_LOG_LEVEL", _log_level, default="info"),
        log_json=reader.read("log_json", "MLXK2_LOG_JSON", _boolean, default=False),
        max_tokens=reader.read("max_tokens", "MLXK2_MAX_TOKENS", _positive, default=None),
        preload_model=reader.read("preload_model", "MLXK2_PRELOAD_MODEL", _text, default=None),
        debug=reader.read("debug", "MLXK2_DEBUG", _boolean, default=False),
        hf_token=_hf_token(reader),
        hub=reader.read("hub", "HF_ENDPOINT", _text, default=DEFAULT_HUB),
        share=reader.read("share", "MLXK_SHARE", _boolean, default=False),
        force=reader.read("force", "MLXK_FORCE", _boolean, default=False),
        history=reader.read("history", "MLXK_HISTORY", _boolean, default=True),
        colour=_colour(reader.environ),
        memory_limit=reader.read("memory_limit", "MLXK_MEMORY_LIMIT", parse_size, default=None),
        cache_ram=reader.read("cache_ram", "MLXK_CACHE_RAM", parse_size, default=None),
        cache_disk=reader.read("cache_disk", "MLXK_CACHE_DISK", parse_size, default=0),
        cache_dir=reader.read("cache_dir", "MLXK_CACHE_DIR", _folder, default=_prompts_dir(reader.environ)),
        loading=_loading(reader),
        environ=reader.environ,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    flags: Mapping[str, object]
    environ: Mapping[str, str]

    def read(self, name: str, variable: str, parse: Callable[[str], T], default: T) -> Setting[T]:
        """A variable that is set but empty counts as unset."""
        flag = self.flags.get(name)
        if flag is not None:
            option = f"--{name.replace('_', '-')}"
            return Setting(_parsed(option, str(flag), parse), Source.FLAG, option)
        text = self.environ.get(variable, "").strip()
        if not text:
            return Setting(default, Source.DEFAULT, variable)
        return Setting(_parsed(variable, text, parse), Source.ENVIRONMENT, variable)


def _parsed(name: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as fault:
        raise UsageError(f"{name}={text}: {fault}", hint=f"give {name} a value that fits, or leave it out") from fault


def _loading(reader: _Reader) -> LoadSettings:
    return LoadSettings(
        adapter=reader.read("adapter", "MLXK_ADAPTER", _text, default=None),
        draft_model=reader.read("draft_model", "MLXK_DRAFT_MODEL", _text, default=None),
        draft_ngram=reader.read("draft_ngram", "MLXK_DRAFT_NGRAM", _positive, default=None),
        draft_tokens=reader.read("draft_tokens", "MLXK_DRAFT_TOKENS", _positive, default=None),
        kv_bits=reader.read("kv_bits", "MLXK_KV_BITS", _positive, default=None),
        kv_group_size=reader.read("kv_group_size", "MLXK_KV_GROUP_SIZE", _positive, default=None),
        max_kv_size=reader.read("max_kv_size", "MLXK_MAX_KV_SIZE", _positive, default=None),
    )


def _cache_dir(environ: Mapping[str, str]) -> Setting[Path]:
    """HF_HUB_CACHE, else HF_HOME/hub, else huggingface/hub in the user's cache folder, as the hub library has it."""
    if named := environ.get("HF_HUB_CACHE", "").strip():
        return Setting(Path(named).expanduser(), Source.ENVIRONMENT, "HF_HUB_CACHE")
    if home := environ.get("HF_HOME", "").strip():
        return Setting(Path(home).expanduser() / "hub", Source.ENVIRONMENT, "HF_HOME")
    return Setting(_xdg_cache(environ) / "huggingface" / "hub", Source.DEFAULT, "HF_HOME")


def _user_cache_dir(environ: Mapping[str, str]) -> Setting[Path]:
    """Where mlxk keeps what it can always make again."""
    return Setting(_xdg_cache(environ) / "mlxk", Source.DEFAULT, "XDG_CACHE_HOME")


def _user_state_dir(environ: Mapping[str, str]) -> Setting[Path]:
    """Where mlxk keeps what it cannot make again and nobody would miss for long: the history of chats."""
    named = environ.get("XDG_STATE_HOME", "").strip()
    base = Path(named).expanduser() if named else Path(environ.get("HOME") or "~").expanduser() / ".local" / "state"
    return Setting(base / "mlxk", Source.DEFAULT, "XDG_STATE_HOME")


def _colour(environ: Mapping[str, str]) -> Setting[bool]:
    """Whether a terminal may be given colours: NO_COLOR with any value forbids them, and a dumb one has none."""
    forbidden = bool(environ.get("NO_COLOR", ""))
    source = Source.ENVIRONMENT if forbidden else Source.DEFAULT
    return Setting(not forbidden and environ.get("TERM") != "dumb", source, "NO_COLOR")


def _prompts_dir(environ: Mapping[str, str]) -> Path:
    """Where prompts are remembered on the disk."""
    return _xdg_cache(environ) / "mlxk" / "prompts"


def _xdg_cache(environ: Mapping[str, str]) -> Path:
    named = environ.get("XDG_CACHE_HOME", "").strip()
    return Path(named).expanduser() if named else Path(environ.get("HOME") or "~").expanduser() / ".cache"


def _hf_token(reader: _Reader) -> Setting[str | None]:
    first: Setting[str | None] = reader.read("hf_token", "HF_TOKEN", _text, None)
    if first.value is not None:
        return first
    return reader.read("hf_token", "HUGGINGFACE_HUB_TOKEN", _text, None)


def _text(text: str) -> str:
    return text


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _existing_folder(text: str) -> Path | None:
    """A workspace home that does not exist is ignored, and never created."""
    folder = Path(text).expanduser()
    return folder.resolve() if folder.is_dir() else None


def _port(text: str) -> int:
    number = _whole(text)
    if not 0 <= number <= 65535:
        raise ValueError("a port is a number from 0 to 65535")
    return number


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError("must be one of 1, true, yes, on, 0, false, no, off")
