"""What can be done for a transcription before a model hears it."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.inference.hearing.whisper_network import RATE
from adapters.inference.hearing.whisper_tokens import WhisperTokens
from adapters.inference.hearing.window import ENGLISH
from adapters.inference.sound.decoding import Samples, decoded
from domain.errors import CapabilityMismatch
from domain.inference.transcription import HearingTask, TranscriptionRequest
from ports.sound_engine import SoundRequest


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSound:
    """samples: 32-bit floats, one channel, at the model's rate. prompt: tokens of what the sound goes on from."""

    samples: Samples
    prompt: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


class WhisperCodec:
    """SoundCodec of Whisper. translates: it has learned to."""

    def __init__(self, tokens: WhisperTokens, *, translates: bool) -> None:
        self._tokens = tokens
        self._translates = translates

    def prepare(self, request: SoundRequest) -> PreparedSound:
        asked = hearing(request)
        self._check(asked)
        prompt = self._tokens.encode(asked.prompt) if asked.prompt and asked.prompt.strip() else ()
        sound = decoded(asked.sound, RATE)
        return PreparedSound(sound.samples, prompt, sound.warnings)

    def _check(self, request: TranscriptionRequest) -> None:
        languages = self._tokens.languages
        if request.task is HearingTask.TRANSLATE and not self._translates:
            raise CapabilityMismatch(
                "this model does not translate", hint="transcribe, or ask a whole multilingual Whisper", param="model"
            )
        code = request.language
        if code is None or code in languages or (code == ENGLISH and not languages):
            return
        known = (
            f"it knows {len(languages)} languages: {', '.join(languages)}" if languages else "it knows English alone"
        )
        raise CapabilityMismatch(f"this model does not know the language {code!r}", hint=known, param="language")


def hearing(request: SoundRequest) -> TranscriptionRequest:
    """Raises CapabilityMismatch for a text to be spoken."""
    if not isinstance(request, TranscriptionRequest):
        raise CapabilityMismatch("this model hears and does not speak", param="model")
    return request
