"""The stop tokens that a model's files declare, and those that its answers end with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ANALYSIS = re.compile(r"\[DEBUG\] Token generation analysis: (.*)")
_TOKEN = re.compile(r"(\d+)='((?:[^'\\]|\\.)*)'")


def last_tokens(told: str) -> list[tuple[int, str]]:
    """Ids and texts, from what `mlxk run --verbose` writes to standard error. Raises ValueError when it tells none."""
    found = _ANALYSIS.search(told)
    if found is None:
        raise ValueError(f"no token is told: {told}")
    return [(int(token), text) for token, text in _TOKEN.findall(found[1])]


def configured_stops(snapshot: Path) -> dict[int, str]:
    """Ids and texts, of eos_token_id in generation_config.json and config.json and of eos_token in
    tokenizer_config.json. A text is "" where the tokenizer's files do not tell it.
    """
    texts = _added(snapshot)
    ids = {
        token
        for name in ("generation_config.json", "config.json")
        for token in _many(_read(snapshot / name).get("eos_token_id"))
    }
    eos = _read(snapshot / "tokenizer_config.json").get("eos_token")
    content = eos.get("content") if isinstance(eos, Mapping) else eos
    ids.update(token for token, text in texts.items() if content and text == content)
    return {token: texts.get(token, "") for token in sorted(ids)}


def _added(snapshot: Path) -> dict[int, str]:
    added = _read(snapshot / "tokenizer.json").get("added_tokens", [])
    decoder = _read(snapshot / "tokenizer_config.json").get("added_tokens_decoder", {})
    found = {int(each["id"]): str(each["content"]) for each in added}
    return {**{int(token): str(each["content"]) for token, each in decoder.items()}, **found}


def _many(value: object) -> list[int]:
    if isinstance(value, int):
        return [value]
    return [each for each in value if isinstance(each, int)] if isinstance(value, list) else []


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = json.loads(path.read_bytes())
    return found if isinstance(found, dict) else {}
