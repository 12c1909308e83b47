"""Conversations with models that only hear: the answer is what is said in the last question's sound."""

from __future__ import annotations

from collections.abc import Callable

from application.inference.answering import PatientAnswer, Prepared, never
from application.inference.heard_answer import HeardAnswer
from application.inference.transcribe import Transcribe
from domain.errors import CapabilityMismatch, InvalidRequest, UnsupportedParameter
from domain.inference import AttachmentKind, GenerationRequest, Message, Role
from domain.inference.sound import SoundBytes
from domain.inference.transcription import TranscriptionRequest
from domain.serving.load_wishes import PLAINLY, LoadWishes


class HearAsChat:
    """Thread-safe. table: the segments and their times stand behind the text."""

    def __init__(self, transcribe: Transcribe, *, table: bool = False) -> None:
        self._transcribe = transcribe
        self._table = table

    def only_hears(self, spec: str) -> bool:
        """Whether the model is one of those. Raises as a look-up does."""
        return self._transcribe.only_hears(spec)

    def execute(
        self, spec: str, request: GenerationRequest, *, streamed: bool = True, given_up: Callable[[], bool] = never
    ) -> PatientAnswer:
        """Raises as `hear` does, and what `as_hearing` raises."""
        return self.hear(spec, as_hearing(request, spec), streamed=streamed, given_up=given_up)

    def hear(
        self,
        spec: str,
        request: TranscriptionRequest,
        *,
        streamed: bool = True,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> PatientAnswer:
        """Raises as Transcribe.execute does."""
        answer = self._transcribe.execute(spec, request, streamed=streamed, loading=loading, given_up=given_up)
        return PatientAnswer(answer.model, HeardAnswer(answer.events, table=self._table), answer.warning)

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """Load the model ahead of its first request. Raises as `hear` does."""
        return self._transcribe.prepare(spec, loading)


def as_hearing(request: GenerationRequest, model: str) -> TranscriptionRequest:
    """The last user's turn: its sound, and its text as what the sound goes on from. What came before says nothing to
    such a model, and how long an answer may be is no question: all of the sound is heard.

    Raises CapabilityMismatch where there is no sound, or a picture; InvalidRequest for more than one sound;
    UnsupportedParameter for what only models that write can do.
    """
    _refuse_what_only_writers_do(request, model)
    at, turn = _last_question(request, model)
    place = f"messages.{at}.content"
    others = [each for each in turn.attachments if each.kind is not AttachmentKind.AUDIO]
    sounds = [each for each in turn.attachments if each.kind is AttachmentKind.AUDIO]
    if others:
        raise CapabilityMismatch(f"{place}: {model} sees no {others[0].kind.value}s", hint="send a sound", param=place)
    if not sounds:
        raise CapabilityMismatch(
            f"{place}: {model} only hears, and there is no sound",
            hint="send an input_audio part, or the file to POST /v1/audio/transcriptions",
            param=place,
        )
    if len(sounds) > 1:
        raise InvalidRequest(
            f"{place}: there are {len(sounds)} sounds, and one request may have 1", hint="send one after another",
            param=place,
        )  # fmt: skip
    return TranscriptionRequest(
        sound=SoundBytes(sounds[0].data, sounds[0].name),
        prompt=turn.content.strip() or None,
        temperature=request.sampling.temperature,
    )


def _last_question(request: GenerationRequest, model: str) -> tuple[int, Message]:
    for at, turn in reversed(list(enumerate(request.messages))):
        if turn.role is Role.USER:
            return at, turn
    raise CapabilityMismatch(f"messages: {model} only hears, and no user's turn has a sound", param="messages")


def _refuse_what_only_writers_do(request: GenerationRequest, model: str) -> None:
    given = {
        "tools": bool(request.tools.shown),
        "response_format": request.output is not None,
        "logprobs": request.logprobs is not None,
        "stop": bool(request.stop),
    }
    if asked := [name for name, is_given in given.items() if is_given]:
        raise UnsupportedParameter(
            f"{', '.join(asked)}: {model} writes down what it hears and nothing else",
            hint="leave it out",
            param=asked[0],
        )
