"""What can be done for a speech before a model says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.inference.speaking.speaker import Speaker
from domain.errors import CapabilityMismatch
from domain.inference.speech import SpeechRequest
from domain.inference.speech_text import speech_pieces
from ports.sound_engine import SoundRequest


@dataclass(frozen=True, slots=True)
class PreparedSpeech:
    """pieces: of the text, in its order. options: as the family's `generate` takes them."""

    pieces: tuple[str, ...]
    options: Mapping[str, Any]


class SpeechCodec:
    """SoundCodec: cuts texts, and refuses what the model cannot be asked for."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def prepare(self, request: SoundRequest) -> PreparedSpeech:
        asked = speaking(request)
        return PreparedSpeech(speech_pieces(asked.text), self._speaker.options(asked))


def speaking(request: SoundRequest) -> SpeechRequest:
    """Raises CapabilityMismatch for a sound to be heard."""
    if not isinstance(request, SpeechRequest):
        raise CapabilityMismatch("this model speaks and does not hear", param="model")
    return request
