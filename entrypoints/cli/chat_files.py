"""A chat in a file: JSON, which can be read back, or Markdown for people. Of pictures and sounds only
their number is kept.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from domain.errors import AccessDenied, Conflict, DiskFull, InvalidRequest
from domain.inference import AttachmentKind, Media, Message, Role, ToolCall
from entrypoints.cli.attachments import read_json
from entrypoints.cli.presenters.answer_view import call_line

FORMAT, VERSION = "mlxk-chat", 1
MARKDOWN = (".md", ".markdown")
_FULL = (28, 122)  # ENOSPC, EDQUOT


def save_chat(path: Path, model: str, turns: Sequence[Message], *, force: bool) -> None:
    """Written whole or not at all, for its user's eyes only. The format is that of the name's ending.

    Raises InvalidRequest for another ending, Conflict when the file is there already and `force` is not given,
    AccessDenied, DiskFull.
    """
    ending = path.suffix.lower()
    if ending not in (".json", *MARKDOWN):
        raise InvalidRequest(f"{path.name!r} says no format", hint="end the name in .json or .md")
    text = _markdown(model, turns) if ending in MARKDOWN else _json(model, turns)
    try:
        _write(path, text, force=force)
    except FileExistsError as fault:
        raise Conflict(f"{str(path)!r} is there already", hint=f"/save {path} --force replaces it") from fault
    except OSError as fault:
        kind = DiskFull if fault.errno in _FULL else AccessDenied
        raise kind(f"{str(path)!r} cannot be written: {fault.strerror or fault}") from fault


def load_chat(path: Path) -> tuple[Message, ...]:
    """The turns of a chat saved as JSON. Raises InvalidRequest, which names what is wrong, and AccessDenied."""
    if path.suffix.lower() in MARKDOWN:
        raise InvalidRequest(f"{path.name!r} is Markdown, which is for people only", hint="load a chat saved as .json")
    named = repr(str(path))
    document = read_json(str(path), "/load")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidRequest(f"{named} is no chat of mlxk's", hint="/save NAME.json writes one")
    if document.get("version") != VERSION:
        raise InvalidRequest(f"{named} has version {document.get('version')!r}, this mlxk reads {VERSION}")
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise InvalidRequest(f"{named} has no list of messages")
    return tuple(_message(entry, f"message {at} of {named}") for at, entry in enumerate(messages, start=1))


def _json(model: str, turns: Sequence[Message]) -> str:
    messages = [_entry(turn) for turn in turns]
    document = {"format": FORMAT, "version": VERSION, "model": model, "messages": messages}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _entry(turn: Message) -> dict[str, object]:
    entry: dict[str, object] = {"role": turn.role.value, "content": turn.content}
    if images := turn.media.images + sum(each.kind is AttachmentKind.IMAGE for each in turn.attachments):
        entry["images"] = images
    if audios := turn.media.audios + sum(each.kind is AttachmentKind.AUDIO for each in turn.attachments):
        entry["audios"] = audios
    if turn.reasoning:
        entry["reasoning"] = turn.reasoning
    if turn.tool_calls:
        calls = turn.tool_calls
        entry["tool_calls"] = [{"id": each.call_id, "name": each.name, "arguments": each.arguments} for each in calls]
    return entry


def _message(entry: object, where: str) -> Message:
    if not isinstance(entry, dict) or entry.get("role") not in list(Role):
        raise InvalidRequest(f"{where} has no role that we know", hint=f"one of {', '.join(Role)}")
    calls = entry.get("tool_calls", [])
    media = Media(images=_number(entry, "images", "pictures", where), audios=_number(entry, "audios", "sounds", where))
    if not isinstance(calls, list):
        raise InvalidRequest(f"{where}: tool_calls is no list")
    return Message(
        Role(entry["role"]),
        _text(entry, "content", where),
        reasoning=_text({"reasoning": "", **entry}, "reasoning", where),
        tool_calls=tuple(_call(each, where) for each in calls),
        media=media,
    )


def _number(entry: dict[str, object], name: str, what: str, where: str) -> int:
    value = entry.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRequest(f"{where}: {name} is no number of {what}")
    return value


def _call(entry: object, where: str) -> ToolCall:
    if not isinstance(entry, dict):
        raise InvalidRequest(f"{where}: a tool call is no object")
    return ToolCall(*(_text(entry, name, where) for name in ("id", "name", "arguments")))


def _text(entry: dict[str, object], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{where}: {name} is no text")
    return value


def _markdown(model: str, turns: Sequence[Message]) -> str:
    return "\n\n".join([f"# Chat with {model}", *(part for turn in turns for part in _section(turn))]) + "\n"


def _section(turn: Message) -> list[str]:
    quoted = "\n".join(f"> {line}".rstrip() for line in turn.reasoning.rstrip().splitlines())
    calls = "\n".join(f"- `{call_line(call)}`" for call in turn.tool_calls)
    return [part for part in (f"## {turn.role.value.capitalize()}", quoted, turn.content.rstrip(), calls) if part]


def _write(path: Path, text: str, *, force: bool) -> None:
    """Raises FileExistsError unless `force`: the name is reserved before anything is written under another one."""
    if not force:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=".mlxk-chat.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        for left in (temporary, None if force else path):
            if left is not None:
                left.unlink(missing_ok=True)
        raise
