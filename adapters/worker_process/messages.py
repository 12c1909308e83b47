"""What front and worker say, as JSON objects and back, with bytes beside them where something is attached.

Every object carries its kind under "kind". WorkerStarted carries the protocol's version. One frame holds the events of
every running answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from adapters.worker_process.event_messages import decode_event, encode_event, error_in, error_out
from adapters.worker_process.request_messages import decode_request, encode_request, tails_of
from adapters.worker_process.sound_messages import (
    decode_hearing,
    decode_speaking,
    encode_hearing,
    encode_speaking,
    sound_tails,
)
from adapters.worker_process.vector_messages import decode_embedding, decode_reranking, encode_embedding
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InternalError, MlxkError
from domain.serving.load_options import LoadOptions, PrefixCacheBudget, Task
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.model_worker import LoadedModel
from ports.worker_channel import (
    AskVitals,
    CancelRequest,
    Command,
    EmbedTexts,
    ExplainPrompt,
    HearSound,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    Reply,
    RequestEvents,
    RerankDocuments,
    SpeakText,
    SpeechMade,
    StartRequest,
    TellVitals,
    VectorsMade,
    WorkerStarted,
)

PROTOCOL_VERSION = 4
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
        case beside_text:
            return _beside_text_out(beside_text)


def command_tails(command: Command) -> list[bytes]:
    """The bytes that go with a command: of what is attached to its request, or of its sound."""
    if isinstance(command, HearSound):
        return sound_tails(command.request)
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
                return _beside_text_in(kind, int(message["id"]), message["request"], message.get("tails", ()))


def reply_tails(reply: Reply) -> list[bytes]:
    """The bytes that go with a reply: of vectors, or of speech."""
    return [reply.data] if isinstance(reply, VectorsMade | SpeechMade) else []


def encode_reply(reply: Reply) -> Json:
    """A reply as the worker sends it, but for `reply_tails`."""
    match reply:
        case RequestEvents(events):
            return {"kind": "events", "events": [encode_event(event) for event in events]}
        case VectorsMade(request_id, at, _):
            return {"kind": "vectors", "id": request_id, "at": list(at)}
        case SpeechMade(request_id, _):
            return {"kind": "speech", "id": request_id}
        case WorkerStarted(process_id):
            return {"kind": "started", "protocol": PROTOCOL_VERSION, "process_id": process_id}
        case ModelLoaded(facts):
            return {"kind": "loaded", "facts": asdict(facts)}
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
            case "vectors":
                (data,) = message["tails"]
                return VectorsMade(int(message["id"]), tuple(map(int, message["at"])), data)
            case "speech":
                (data,) = message["tails"]
                return SpeechMade(int(message["id"]), data)
            case "started":
                if message["protocol"] != PROTOCOL_VERSION:
                    raise ValueError(f"protocol {message['protocol']!r}, this process speaks {PROTOCOL_VERSION}")
                return WorkerStarted(int(message["process_id"]))
            case "loaded":
                return ModelLoaded(LoadedModel(**message["facts"]))
            case "load_failed":
                return LoadFailed(error_in(message["error"]))
            case "vitals":
                return TellVitals(_vitals_in(message["vitals"]))
            case kind:
                raise ValueError(f"unknown kind {kind!r}")


def _beside_text_out(command: EmbedTexts | RerankDocuments | HearSound | SpeakText) -> Json:
    match command:
        case EmbedTexts(request_id, embedding):
            return {"kind": "embed", "id": request_id, "request": encode_embedding(embedding)}
        case RerankDocuments(request_id, reranking):
            return {"kind": "rerank", "id": request_id, "request": asdict(reranking)}
        case HearSound(request_id, hearing):
            return {"kind": "hear", "id": request_id, "request": encode_hearing(hearing)}
        case SpeakText(request_id, speech):
            return {"kind": "speak", "id": request_id, "request": encode_speaking(speech)}


def _beside_text_in(kind: str, request_id: int, body: Mapping[str, Any], tails: Sequence[bytes]) -> Command:
    match kind:
        case "embed":
            return EmbedTexts(request_id, decode_embedding(body))
        case "rerank":
            return RerankDocuments(request_id, decode_reranking(body))
        case "hear":
            return HearSound(request_id, decode_hearing(body, tails))
        case "speak":
            return SpeakText(request_id, decode_speaking(body))
        case _:
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
            "task": Task(body["task"]),
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
