"""The schemas of a report's lines: which fields there are, and what is wrong with a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA_VERSION = "0.2.2"
FOLDER = Path(__file__).resolve().parents[1] / "schemas"


@cache
def schema_for(version: str) -> Mapping[str, Any] | None:
    """None when this version has no schema here."""
    if version not in versions():
        return None
    found: dict[str, Any] = json.loads((FOLDER / f"report-v{version}.schema.json").read_text(encoding="utf-8"))
    return found


def current() -> Mapping[str, Any]:
    """The schema that new lines are written by."""
    found: dict[str, Any] = json.loads((FOLDER / "report-current.schema.json").read_text(encoding="utf-8"))
    return found


def versions() -> list[str]:
    return sorted(each.name[len("report-v") : -len(".schema.json")] for each in FOLDER.glob("report-v*.schema.json"))


def leaves(schema: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Every field that is no section, as `section.field`."""
    for name, each in schema.get("properties", {}).items():
        if "properties" in each:
            yield from leaves(each, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def written(record: Mapping[str, object], schema: Mapping[str, Any]) -> set[str]:
    """The schema's fields that this record has."""
    return {path for path in leaves(schema) if _has(record, path.split("."))}


def _has(record: object, path: list[str]) -> bool:
    for name in path:
        if not isinstance(record, Mapping) or name not in record:
            return False
        record = record[name]
    return True


def subschema(schema: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Of one field. Raises KeyError where there is none."""
    for name in path.split("."):
        schema = schema["properties"][name]
    return schema


def problems(record: Mapping[str, object], schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with a record or a part of one, each as `field: why`; [] when nothing is."""
    found = sorted(Draft202012Validator(schema).iter_errors(record), key=lambda each: each.json_path)
    return [f"{'.'.join(map(str, each.absolute_path)) or 'the line'}: {each.message}" for each in found]


def fits(value: object, schema: Mapping[str, Any]) -> str | None:
    """Why a single value does not fit its field; None when it does."""
    fault = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    return None if fault is None else str(fault.message)


def version_problems(record: Mapping[str, object]) -> list[str]:
    """By the schema that the record itself names."""
    version = record.get("schema_version")
    schema = schema_for(version) if isinstance(version, str) else None
    if schema is None:
        return [f"schema_version: {version!r} has no schema here; there is {', '.join(versions())}"]
    return problems(record, schema)
