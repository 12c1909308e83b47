"""Live turns, heard as any other sound is: by the use case that knows names, memory and deadlines."""

from __future__ import annotations

from collections.abc import Callable

from application.inference.transcribe import Transcribe
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from ports.model_worker import PatientEvents


class TranscribingEar:
    """application.serving.live_turns.Ear. Thread-safe."""

    def __init__(self, transcribe: Transcribe) -> None:
        self._transcribe = transcribe

    def prepare(self, model: str, given_up: Callable[[], bool]) -> None:
        self._transcribe.bring_in(model, given_up=given_up)

    def listen(
        self, model: str, request: TranscriptionRequest, given_up: Callable[[], bool]
    ) -> PatientEvents[HearingEvent]:
        return self._transcribe.execute(model, request, given_up=given_up).events
