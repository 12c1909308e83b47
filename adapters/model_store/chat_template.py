"""Where a model's chat template stands, and what it deals with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import islice

from adapters.model_store.small_files import UnreadableFile, read_limited
from domain.catalog.manifest import TOKENIZER, TOKENIZER_CONFIG, JsonDocument, TemplateFacts

MAX_TEMPLATE_BYTES = 4 * 1024 * 1024
MAX_TOKENIZER_BYTES = 64 * 1024 * 1024
JINJA_FILE = "chat_template.jinja"
JSON_FILE = "chat_template.json"
_CHUNK = 1024 * 1024
_MAX_PLACES = 8
_KEY = b'"chat_template"'
_TOOL_WORDS = ("tools", "tool_calls")
_REASONING_WORDS = ("<think>", "enable_thinking", "reasoning_content", "reasoning_effort", "<|channel|>", "<|channel>")


def find_template(root: str, names: Mapping[str, int], tokenizer_config: JsonDocument) -> TemplateFacts | None:
    """The template, looked for in the order in which tokenizers load it. names: root files and their sizes."""
    if JINJA_FILE in names:
        text = _text_of(f"{root}/{JINJA_FILE}")
        if text.strip():
            return _facts(JINJA_FILE, text)
    text = _joined(tokenizer_config.value.get("chat_template"))
    if text.strip():
        return _facts(TOKENIZER_CONFIG, text)
    if JSON_FILE in names:
        text = _json_template(_text_of(f"{root}/{JSON_FILE}"))
        if text.strip():
            return _facts(JSON_FILE, text)
    if 0 < names.get(TOKENIZER, 0) <= MAX_TOKENIZER_BYTES:
        text = _tokenizer_template(f"{root}/{TOKENIZER}")
        if text.strip():
            return _facts(TOKENIZER, text)
    return None


def _facts(source: str, text: str) -> TemplateFacts:
    return TemplateFacts(
        source,
        tools=any(word in text for word in _TOOL_WORDS),
        reasoning=any(word in text for word in _REASONING_WORDS),
    )


def _text_of(path: str) -> str:
    try:
        return read_limited(path, MAX_TEMPLATE_BYTES).decode("utf-8", "replace")
    except UnreadableFile:
        return ""


def _json_template(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return _joined(value.get("chat_template") if isinstance(value, dict) else value)


def _joined(value: object) -> str:
    """A template is a string, or a list of named ones."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (each.get("template") for each in value if isinstance(each, dict))
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _tokenizer_template(path: str) -> str:
    """The value of `"chat_template"`, without parsing megabytes of vocabulary."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return ""
    try:
        for offset in islice(_behind_key(descriptor), _MAX_PLACES):
            text = _joined(_value_at(descriptor, offset))
            if text.strip():
                return text
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return ""


def _behind_key(descriptor: int) -> Iterator[int]:
    """Where in the file each `"chat_template"` ends; a token of the vocabulary may be called so too."""
    offset, rest = 0, b""
    while chunk := os.pread(descriptor, _CHUNK, offset):
        text = rest + chunk
        offset += len(chunk)
        at = text.find(_KEY)
        while at >= 0:
            yield offset - len(text) + at + len(_KEY)
            at = text.find(_KEY, at + 1)
        rest = text[-len(_KEY) + 1 :]


def _value_at(descriptor: int, offset: int) -> object:
    """The JSON value after a key that ends there; None for one that is larger than a template may be."""
    text = os.pread(descriptor, MAX_TEMPLATE_BYTES, offset).decode("utf-8", "replace").lstrip()
    if not text.startswith(":"):
        return None
    try:
        return json.JSONDecoder().raw_decode(text[1:].lstrip())[0]
    except (ValueError, RecursionError):
        return None
