"""What happens to a request, as JSON lists and back: [id, kind, ...].

    [id, "text", piece]                               [id, "scored", piece, [[chosen, [top, ...], offset], ...]]
    [id, "thought", piece]                            [id, "call", index, call_id, name, arguments]
    [id, "end", reason, [usage], report, [warnings]]  [id, "error", {...}]

    [id, "explained", {...}]                          [id, "read", done, total]
    [id, "pictures", [{...}, ...]]                    [id, "prompt", piece, [[chosen, [top, ...], offset], ...]]

    [id, "embedded", prompt_tokens]                   [id, "reranked", [score, ...], prompt_tokens]

Those of sounds are in sound_messages.py.

Errors travel by their `code` and come back as the same class.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from adapters.worker_process.sound_messages import SOUND_EVENT_KINDS, encode_sound_event
from domain.errors import MlxkError, leaves
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    PictureFacts,
    PicturesSeen,
    PromptDelta,
    PromptProgress,
    ReasoningDelta,
    Sampling,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from domain.inference.embedding import RerankScores
from domain.serving.cache_check import CacheChecks
from domain.serving.prompt_divergence import Divergence, Loss, PromptDivergence
from domain.serving.prompt_explanation import PromptExplanation, TokenText
from ports.worker_channel import RequestEvent, SoundEvent, VectorsDone, WholeEvent

ERRORS = {leaf.code: leaf for leaf in leaves()}
Json = dict[str, Any]


def encode_event(event: RequestEvent) -> list[object]:
    request_id, what = event
    match what:
        case TextDelta(text, ()):
            return [request_id, "text", text]
        case TextDelta(text, logprobs):
            return [request_id, "scored", text, [_logprob_out(each) for each in logprobs]]
        case ReasoningDelta(text):
            return [request_id, "thought", text]
        case ToolCallDelta(index, call_id, name, arguments):
            return [request_id, "call", index, call_id, name, arguments]
        case Finished():
            return [request_id, "end", *_end_out(what)]
        case MlxkError():
            return [request_id, "error", error_out(what)]
        case other:
            return [request_id, *_beside_text_out(other)]


def decode_event(request_id: int, kind: str, *values: Any) -> RequestEvent:
    """Raises KeyError, TypeError or ValueError for what `encode_event` does not write."""
    return request_id, _EVENT_KINDS[kind](*values)


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


def _beside_text_out(what: PromptProgress | PromptDelta | PicturesSeen | WholeEvent | SoundEvent) -> list[object]:
    match what:
        case VectorsDone(prompt_tokens):
            return ["embedded", prompt_tokens]
        case RerankScores(scores, prompt_tokens):
            return ["reranked", list(scores), prompt_tokens]
        case PromptDelta(text, logprobs):
            return ["prompt", text, [_logprob_out(each) for each in logprobs]]
        case PromptProgress(done, total):
            return ["read", done, total]
        case PicturesSeen(pictures):
            return ["pictures", [asdict(each) for each in pictures]]
        case PromptExplanation():
            return ["explained", asdict(what)]
        case sound:
            return encode_sound_event(sound)


def _logprob_out(logprob: TokenLogprob) -> list[object]:
    return [_token_out(logprob.chosen), [_token_out(each) for each in logprob.top], logprob.offset]


def _token_out(token: ScoredToken) -> list[object]:
    return [token.text, b64encode(token.raw).decode("ascii"), token.logprob]


def _token_in(text: str, raw: str, logprob: float) -> ScoredToken:
    return ScoredToken(text, b64decode(raw), float(logprob))


def _logprobs_in(logprobs: list[Any]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(_token_in(*chosen), tuple(_token_in(*each) for each in top), int(offset))
        for chosen, top, offset in logprobs
    )


def _end_out(end: Finished) -> list[object]:
    usage = end.usage
    counts = [usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens, usage.cached_tokens]
    return [end.reason.value, counts, None if end.report is None else _plain(end.report), list(end.warnings)]


def _end_in(reason: str, counts: list[int], report: Json | None, warnings: list[str]) -> Finished:
    return Finished(
        FinishReason(reason), Usage(*counts), None if report is None else _report_in(report), tuple(warnings)
    )


def _report_in(report: Json) -> GenerationReport:
    sampling = report["sampling"]
    return GenerationReport(
        **{
            **report,
            "sampling": Sampling(**{**sampling, "logit_bias": tuple(map(tuple, sampling["logit_bias"]))}),
            "last_tokens": tuple((int(token), str(text)) for token, text in report["last_tokens"]),
        }
    )


def _plain(report: GenerationReport) -> Json:
    values = {each.name: getattr(report, each.name) for each in fields(report)}
    values["sampling"] = {each.name: getattr(report.sampling, each.name) for each in fields(report.sampling)}
    return values


def _explanation_in(body: Json) -> PromptExplanation:
    found = body["divergence"]
    divergence = PromptDivergence(
        **{
            **found,
            "kind": Divergence(found["kind"]),
            "loss": Loss(found["loss"]),
            "prompt_next": tuple(found["prompt_next"]),
            "remembered_next": tuple(found["remembered_next"]),
        }
    )
    prompt, remembered = (None if side is None else TokenText(**side) for side in (body["prompt"], body["remembered"]))
    return PromptExplanation(divergence, prompt, remembered, CacheChecks(**body["checks"]))


_EVENT_KINDS: dict[str, Callable[..., GenerationEvent | WholeEvent | SoundEvent | MlxkError]] = {
    "text": TextDelta,
    "scored": lambda text, logprobs: TextDelta(text, _logprobs_in(logprobs)),
    "thought": ReasoningDelta,
    "call": ToolCallDelta,
    "read": PromptProgress,
    "prompt": lambda text, logprobs: PromptDelta(text, _logprobs_in(logprobs)),
    "pictures": lambda pictures: PicturesSeen(tuple(PictureFacts(**each) for each in pictures)),
    "end": _end_in,
    "explained": _explanation_in,
    "embedded": VectorsDone,
    "reranked": lambda scores, prompt_tokens: RerankScores(tuple(map(float, scores)), int(prompt_tokens)),
    "error": error_in,
    **SOUND_EVENT_KINDS,
}
