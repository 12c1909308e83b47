"""The settings in force, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from domain.serving.model_settings import ModelSettings, ServingRules
from entrypoints.cli.presenters.table import Cell, Column, Table, show_table
from entrypoints.setting_values import Setting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from entrypoints.cli.console import Console
    from entrypoints.settings import Settings

# Not a server's business, or nobody else's.
HIDDEN = frozenset({"hf_token", "history", "colour", "hub"})
COLUMNS = (Column("SETTING"), Column("VALUE"), Column("SOURCE"), Column("FROM"))


def config_object(settings: Settings) -> dict[str, object]:
    """The data of `serve --print-config`."""
    return {
        "config_file": None if settings.config_file is None else str(settings.config_file),
        "warnings": list(settings.config_warnings),
        "settings": [
            {"name": name, "value": _plain(each.value), "source": each.source.value, "from": each.name}
            for name, each in _shown(settings)
        ],
        "aliases": dict(settings.serving_rules.aliases),
        "models": {name: _model(each) for name, each in settings.serving_rules.models.items()},
    }


def show_config(settings: Settings, console: Console) -> None:
    console.line(f"configuration file: {settings.config_file or 'none'}")
    rows = [
        tuple(map(Cell, (name, _text(each.value), each.source.value, each.name))) for name, each in _shown(settings)
    ]
    show_table(Table(COLUMNS, tuple(rows)), console)
    for name, model in settings.serving_rules.aliases.items():
        console.line(f"alias {name}: {model}")
    for name, rules in settings.serving_rules.models.items():
        said = ", ".join(f"{key} {_text(value)}" for key, value in _model(rules).items())
        console.line(f"model {name}: {said or 'as usual'}")


def _shown(settings: DataclassInstance) -> Iterator[tuple[str, Setting[object]]]:
    """Also those that stand together in a group of their own."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if isinstance(value, Setting):
            if each.name not in HIDDEN and not _is_secret(each.name):
                yield each.name, value
        elif is_dataclass(value) and not isinstance(value, type | ServingRules):
            yield from _shown(value)


def _is_secret(name: str) -> bool:
    return any(word in name for word in ("key", "token", "secret")) and not name.endswith(("_file", "_tokens"))


def _model(rules: ModelSettings) -> dict[str, object]:
    """What is said, and no more."""
    usual = ModelSettings()
    said: dict[str, object] = {
        each.name: getattr(rules, each.name)
        for each in fields(rules)
        if each.name != "loading" and getattr(rules, each.name) != getattr(usual, each.name)
    }
    loading = {each.name: getattr(rules.loading, each.name) for each in fields(rules.loading)}
    return {**said, **{name: value for name, value in loading.items() if value is not None and value is not False}}


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _text(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
