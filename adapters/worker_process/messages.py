"""What front and worker say, as JSON objects and back, with bytes beside them where something is attached.

Every object carries its kind under "kind". WorkerStarted carries the protocol's version. One frame holds the events of
every running answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from adapters.worker_process.event_messages import decode_event, encode_event, error_in, error_out
from adapters.worker_process.request_messages import decode_request, encode_request, tails_of
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InternalError, MlxkError
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.model_worker import LoadedModel
from ports.worker_channel import (
    AskVitals,
    CancelRequest,
    Command,
    ExplainPrompt,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    Reply,
    RequestEvents,
    StartRequest,
    TellVitals,
    WorkerStarted,
)

PROTOCOL_VERSION = 2
Json = dict[str, Any]


def encode_command(command: Command) -> Json:
    """A command as the front sends it, but for `command_tails`."""
    match command:
        case LoadModel(model, options):
            return {"kind": "load", "model": _model_out(model), "options": _options_out(options)}
        case StartRequest(request_id, request):
            return {"kind": "start", "id": request_id, "request": encode_request(request)}
        case ExplainPrompt(request_id, request):
            return {"kind": "explain", "id": request_id, "request": encode_request(request)}
        case CancelRequest(request_id):
            return {"kind": "cancel", "id": request_id}
        case AskVitals():
            return {"kind": "ask_vitals"}


def command_tails(command: Command) -> list[bytes]:
    """The bytes that go with a command: of what is attached to its request."""
    return tails_of(command.request) if isinstance(command, StartRequest | ExplainPrompt) else []


def decode_command(message: Mapping[str, Any]) -> Command:
    """Raises InternalError for anything that `encode_command` does not write. The tails stand under `tails`."""
    with _reading("command", message):
        match message["kind"]:
            case "load":
                return LoadModel(_model_in(message["model"]), _options_in(message["options"]))
            case "start":
                return StartRequest(int(message["id"]), decode_request(message["request"], message.get("tails", ())))
            case "explain":
                return ExplainPrompt(int(message["id"]), decode_request(message["request"], message.get("tails", ())))
            case "cancel":
                return CancelRequest(int(message["id"]))
            case "ask_vitals":
                return AskVitals()
            case kind:
                raise ValueError(f"unknown kind {kind!r}")


def encode_reply(reply: Reply) -> Json:
    """A reply as the worker sends it."""
    match reply:
        case RequestEvents(events):
            return {"kind": "events", "events": [encode_event(event) for event in events]}
        case WorkerStarted(process_id):
            return {"kind": "started", "protocol": PROTOCOL_VERSION, "process_id": process_id}
        case ModelLoaded(facts):
            return {
                "kind": "loaded",
                "name": facts.name,
                "context_length": facts.context_length,
                "process_id": facts.process_id,
                "memory_bytes": facts.memory_bytes,
            }
        case LoadFailed(error):
            return {"kind": "load_failed", "error": error_out(error)}
        case TellVitals(vitals):
            return {"kind": "vitals", "vitals": asdict(vitals)}


def decode_reply(message: Mapping[str, Any]) -> Reply:
    """Raises InternalError for anything that `encode_reply` does not write, another protocol version included."""
    with _reading("reply", message):
        match message["kind"]:
            case "events":
                return RequestEvents([decode_event(*event) for event in message["events"]])
            case "started":
                if message["protocol"] != PROTOCOL_VERSION:
                    raise ValueError(f"protocol {message['protocol']!r}, this process speaks {PROTOCOL_VERSION}")
                return WorkerStarted(int(message["process_id"]))
            case "loaded":
                numbers = (int(message[key]) for key in ("context_length", "process_id", "memory_bytes"))
                return ModelLoaded(LoadedModel(str(message["name"]), *numbers))
            case "load_failed":
                return LoadFailed(error_in(message["error"]))
            case "vitals":
                return TellVitals(_vitals_in(message["vitals"]))
            case kind:
                raise ValueError(f"unknown kind {kind!r}")


def _model_out(model: LocatedModel) -> Json:
    return {"name": model.name, "path": str(model.path), "source": model.source.value, "revision": model.revision}


def _model_in(message: Mapping[str, Any]) -> LocatedModel:
    return LocatedModel(message["name"], PurePath(message["path"]), ModelSource(message["source"]), message["revision"])


def _options_out(options: LoadOptions) -> Json:
    body = asdict(options)
    body["adapter"] = None if options.adapter is None else str(options.adapter)
    body["draft"] = None if options.draft is None else _model_out(options.draft)
    folder = options.prefix_cache.folder
    body["prefix_cache"]["folder"] = None if folder is None else str(folder)
    return body


def _options_in(body: Mapping[str, Any]) -> LoadOptions:
    adapter, draft, cache = body["adapter"], body["draft"], body["prefix_cache"]
    folder = cache["folder"]
    return LoadOptions(
        **{
            **body,
            "adapter": None if adapter is None else PurePath(adapter),
            "draft": None if draft is None else _model_in(draft),
            "prefix_cache": PrefixCacheBudget(**{**cache, "folder": None if folder is None else PurePath(folder)}),
        }
    )


def _vitals_in(body: Mapping[str, Any]) -> EngineVitals:
    return EngineVitals(**{**body, "pulse": EnginePulse(**body["pulse"]), "totals": EngineTotals(**body["totals"])})


@contextmanager
def _reading(what: str, message: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, MlxkError) as fault:
        kind = message.get("kind")
        raise InternalError(
            f"the other end of the worker channel sent a malformed {what} ({kind!r}): {fault}"
        ) from fault
