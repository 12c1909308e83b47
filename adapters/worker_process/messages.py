"""What front and worker say, as JSON objects and back.

Every object carries its kind under "kind". WorkerStarted carries the protocol's version. Events are lists, because one
frame holds one event of every running answer: [id, "text", piece], [id, "end", reason, prompt_tokens,
completion_tokens], [id, "error", {...}]. Errors travel by their `code` and come back as the same class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from domain.catalog import LocatedModel, ModelSource
from domain.errors import InternalError, MlxkError, leaves
from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
    Usage,
)
from ports.model_worker import LoadedModel
from ports.worker_channel import (
    CancelRequest,
    Command,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    Reply,
    RequestEvent,
    RequestEvents,
    StartRequest,
    WorkerStarted,
)

PROTOCOL_VERSION = 1
ERRORS = {leaf.code: leaf for leaf in leaves()}
Json = dict[str, Any]


def encode_command(command: Command) -> Json:
    """A command as the front sends it."""
    match command:
        case LoadModel(model):
            return {"kind": "load", "model": _model_out(model)}
        case StartRequest(request_id, request):
            return {"kind": "start", "id": request_id, "request": _request_out(request)}
        case CancelRequest(request_id):
            return {"kind": "cancel", "id": request_id}


def decode_command(message: Mapping[str, Any]) -> Command:
    """Raises InternalError for anything that `encode_command` does not write."""
    with _reading("command", message):
        match message["kind"]:
            case "load":
                return LoadModel(_model_in(message["model"]))
            case "start":
                return StartRequest(int(message["id"]), _request_in(message["request"]))
            case "cancel":
                return CancelRequest(int(message["id"]))
            case kind:
                raise ValueError(f"unknown kind {kind!r}")


def encode_reply(reply: Reply) -> Json:
    """A reply as the worker sends it."""
    match reply:
        case RequestEvents(events):
            return {"kind": "events", "events": [_event_out(event) for event in events]}
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


def decode_reply(message: Mapping[str, Any]) -> Reply:
    """Raises InternalError for anything that `encode_reply` does not write, another protocol version included."""
    with _reading("reply", message):
        match message["kind"]:
            case "events":
                return RequestEvents([_event_in(*event) for event in message["events"]])
            case "started":
                if message["protocol"] != PROTOCOL_VERSION:
                    raise ValueError(f"protocol {message['protocol']!r}, this process speaks {PROTOCOL_VERSION}")
                return WorkerStarted(int(message["process_id"]))
            case "loaded":
                numbers = (int(message[key]) for key in ("context_length", "process_id", "memory_bytes"))
                return ModelLoaded(LoadedModel(str(message["name"]), *numbers))
            case "load_failed":
                return LoadFailed(error_in(message["error"]))
            case kind:
                raise ValueError(f"unknown kind {kind!r}")


def error_out(error: MlxkError) -> Json:
    """Everything of an error but its traceback."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "param": error.param,
        "matches": list(error.matches),
        "detail": error.detail,
    }


def error_in(message: Mapping[str, Any]) -> MlxkError:
    """The same class with the same words; a KeyError for a code that no class has."""
    return ERRORS[message["code"]](
        message["message"],
        hint=message["hint"],
        param=message["param"],
        matches=message["matches"],
        detail=message["detail"],
    )


def _event_out(event: RequestEvent) -> list[object]:
    request_id, what = event
    match what:
        case TextDelta(text):
            return [request_id, "text", text]
        case Finished(reason, usage):
            return [request_id, "end", reason.value, usage.prompt_tokens, usage.completion_tokens]
        case error:
            return [request_id, "error", error_out(error)]


def _event_in(request_id: int, kind: str, *values: Any) -> RequestEvent:
    return request_id, _EVENT_KINDS[kind](*values)


def _end_in(reason: str, prompt_tokens: int, completion_tokens: int) -> GenerationEvent:
    return Finished(FinishReason(reason), Usage(prompt_tokens, completion_tokens))


_EVENT_KINDS: dict[str, Callable[..., GenerationEvent | MlxkError]] = {
    "text": TextDelta,
    "end": _end_in,
    "error": error_in,
}


def _model_out(model: LocatedModel) -> Json:
    return {"name": model.name, "path": str(model.path), "source": model.source.value, "revision": model.revision}


def _model_in(message: Mapping[str, Any]) -> LocatedModel:
    return LocatedModel(message["name"], PurePath(message["path"]), ModelSource(message["source"]), message["revision"])


def _request_out(request: GenerationRequest) -> Json:
    limits, sampling = request.limits, request.sampling
    return {
        "messages": [[message.role.value, message.content] for message in request.messages],
        "limits": [limits.default.value, limits.requested, limits.server_default],
        "sampling": [sampling.temperature, sampling.top_p, sampling.seed],
        "stop": list(request.stop),
    }


def _request_in(message: Mapping[str, Any]) -> GenerationRequest:
    default, requested, server_default = message["limits"]
    return GenerationRequest(
        messages=tuple(Message(Role(role), content) for role, content in message["messages"]),
        limits=TokenLimits(DefaultLength(default), requested, server_default),
        sampling=SamplingRequest(*message["sampling"]),
        stop=tuple(message["stop"]),
    )


@contextmanager
def _reading(what: str, message: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, MlxkError) as fault:
        kind = message.get("kind")
        raise InternalError(
            f"the other end of the worker channel sent a malformed {what} ({kind!r}): {fault}"
        ) from fault
