"""The environment and the flags, read once, into frozen values that remember where they came from.

This is the only module that reads `os.environ`; everything else gets a Settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from domain.byte_size import parse_size
from domain.duration import parse_duration
from domain.serving.load_wishes import LoadWishes
from domain.serving.model_settings import ServingRules
from entrypoints.door_settings import DoorSettings, read_doors
from entrypoints.embedding_settings import EmbeddingSettings, read_embedding
from entrypoints.hearing_settings import HearingSettings, read_hearing
from entrypoints.setting_values import (
    LOG_LEVELS,
    Reader,
    Setting,
    Source,
    as_boolean,
    as_chunk,
    as_existing_folder,
    as_folder,
    as_log_level,
    as_not_off,
    as_port,
    as_positive,
    as_text,
)

if TYPE_CHECKING:
    from entrypoints.config_file import ConfigFile

__all__ = ["LOG_LEVELS", "LoadSettings", "Setting", "Settings", "Source", "load_settings"]

DEFAULT_HUB = "https://huggingface.co"


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
    cpu: Setting[bool | None]

    @property
    def wishes(self) -> LoadWishes:
        values = {each.name: getattr(self, each.name).value for each in fields(self)}
        return LoadWishes(**{name: value for name, value in values.items() if value is not None})

    @property
    def given(self) -> tuple[str, ...]:
        """The flags or variables that say something."""
        settings = [getattr(self, each.name) for each in fields(self)]
        return tuple(each.name for each in settings if each.value is not None)


@dataclass(frozen=True, slots=True)
class SeeingSettings:
    """How pictures are shown; as in PictureRules."""

    chunk: Setting[int | None]
    describe: Setting[bool]
    exif: Setting[bool]


@dataclass(frozen=True, slots=True)
class Settings:
    """environ: the process's environment as it was at start-up, for child processes; never printed. config_file: the
    one that was read, None where none was asked for or found; config_warnings: what its owner should mend.
    """

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
    strict_delete: Setting[bool]
    share: Setting[bool]
    history: Setting[bool]
    colour: Setting[bool]
    memory_limit: Setting[int | None]
    cache_ram: Setting[int | None]
    cache_disk: Setting[int]
    cache_dir: Setting[Path]
    idle_ttl: Setting[float]
    loading: LoadSettings
    seeing: SeeingSettings
    doors: DoorSettings
    embedding: EmbeddingSettings
    hearing: HearingSettings
    serving_rules: ServingRules
    config_file: Path | None
    config_warnings: tuple[str, ...]
    environ: Mapping[str, str]

    @property
    def verbosity(self) -> str:
        """The level of the log, here and in workers: MLXK2_DEBUG makes it debug unless a flag asks for another."""
        chosen = self.log_level.source is Source.FLAG
        return "debug" if self.debug.value and not chosen else self.log_level.value

    def __repr__(self) -> str:
        """Without secrets: neither the token nor the environment."""
        return f"Settings(host={self.host.value!r}, port={self.port.value!r}, cache={str(self.hf_cache_dir.value)!r})"


def load_settings(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, *, with_file: bool = False
) -> Settings:
    """flags: values keyed by setting name; None means "not given". environ: default the process's own. with_file: the
    configuration counts too; a command that can do without it must not fail for it. Its name is the flag `config`.

    Raises UsageError naming the variable, or file and key, and its value when one cannot be read.
    """
    flags, environ = flags or {}, dict(os.environ) if environ is None else dict(environ)
    config = _config(flags, environ) if with_file else None
    return _settings(Reader(flags, environ, config.server if config else {}), config)


def keep_from_children(variable: str) -> None:
    """What this process alone was told: libraries and child processes do not see it from now on; Settings.environ still
    does.
    """
    os.environ.pop(variable, None)


def _config(flags: Mapping[str, object], environ: Mapping[str, str]) -> ConfigFile:
    from entrypoints.config_file import find_config  # tomllib is for those that need it

    named = flags.get("config")
    return find_config(None if named is None else str(named), environ)


def _settings(reader: Reader, config: ConfigFile | None) -> Settings:
    idle_ttl = reader.read("idle_ttl", "MLXK_IDLE_TTL", parse_duration, default=0.0)
    return Settings(
        hf_cache_dir=_cache_dir(reader.environ),
        user_cache_dir=_user_cache_dir(reader.environ),
        user_state_dir=_user_state_dir(reader.environ),
        workspace_home=reader.read("workspace_home", "MLXK_WORKSPACE_HOME", as_existing_folder, default=None),
        host=reader.read("host", "MLXK2_HOST", as_text, default="127.0.0.1"),
        port=reader.read("port", "MLXK2_PORT", as_port, default=8000),
        log_level=reader.read("log_level", "MLXK2_LOG_LEVEL", as_log_level, default="info"),
        log_json=reader.read("log_json", "MLXK2_LOG_JSON", as_boolean, default=False),
        max_tokens=reader.read("max_tokens", "MLXK2_MAX_TOKENS", as_positive, default=None),
        preload_model=reader.read("preload_model", "MLXK2_PRELOAD_MODEL", as_text, default=None),
        debug=reader.read("debug", "MLXK2_DEBUG", as_boolean, default=False),
        hf_token=_hf_token(reader),
        hub=reader.read("hub", "HF_ENDPOINT", as_text, default=DEFAULT_HUB),
        strict_delete=reader.read("strict_delete", "MLXK2_STRICT_TEST_DELETE", as_boolean, default=False),
        share=reader.read("share", "MLXK_SHARE", as_boolean, default=False),
        force=reader.read("force", "MLXK_FORCE", as_boolean, default=False),
        history=reader.read("history", "MLXK_HISTORY", as_boolean, default=True),
        colour=_colour(reader.environ),
        memory_limit=reader.read("memory_limit", "MLXK_MEMORY_LIMIT", parse_size, default=None),
        cache_ram=reader.read("cache_ram", "MLXK_CACHE_RAM", parse_size, default=None),
        cache_disk=reader.read("cache_disk", "MLXK_CACHE_DISK", parse_size, default=0),
        cache_dir=reader.read("cache_dir", "MLXK_CACHE_DIR", as_folder, default=_prompts_dir(reader.environ)),
        idle_ttl=idle_ttl,
        loading=_loading(reader),
        seeing=_seeing(reader),
        doors=read_doors(reader),
        embedding=read_embedding(reader),
        hearing=read_hearing(reader),
        serving_rules=_rules(config, idle_ttl.value),
        config_file=config.path if config else None,
        config_warnings=config.warnings if config else (),
        environ=reader.environ,
    )


def _seeing(reader: Reader) -> SeeingSettings:
    return SeeingSettings(
        chunk=reader.read("vision_chunk", "MLXK2_VISION_CHUNK_SIZE", as_chunk, default=None),
        describe=reader.read("vision_metadata", "MLXK2_VISION_METADATA_CONTEXT", as_not_off, default=True),
        exif=reader.read("exif_metadata", "MLXK2_EXIF_METADATA", as_not_off, default=True),
    )


def _rules(config: ConfigFile | None, idle_seconds: float) -> ServingRules:
    if config is None:
        return ServingRules(idle_seconds=idle_seconds)
    return ServingRules(config.models, config.aliases, idle_seconds)


def _loading(reader: Reader) -> LoadSettings:
    return LoadSettings(
        adapter=reader.read("adapter", "MLXK_ADAPTER", as_text, default=None),
        draft_model=reader.read("draft_model", "MLXK_DRAFT_MODEL", as_text, default=None),
        draft_ngram=reader.read("draft_ngram", "MLXK_DRAFT_NGRAM", as_positive, default=None),
        draft_tokens=reader.read("draft_tokens", "MLXK_DRAFT_TOKENS", as_positive, default=None),
        kv_bits=reader.read("kv_bits", "MLXK_KV_BITS", as_positive, default=None),
        kv_group_size=reader.read("kv_group_size", "MLXK_KV_GROUP_SIZE", as_positive, default=None),
        max_kv_size=reader.read("max_kv_size", "MLXK_MAX_KV_SIZE", as_positive, default=None),
        cpu=reader.read("cpu", "MLXK_CPU", as_boolean, default=None),
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


def _hf_token(reader: Reader) -> Setting[str | None]:
    first: Setting[str | None] = reader.read("hf_token", "HF_TOKEN", as_text, None)
    if first.value is not None:
        return first
    return reader.read("hf_token", "HUGGINGFACE_HUB_TOKEN", as_text, None)
