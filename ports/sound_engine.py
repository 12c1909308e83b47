"""A loaded model that hears or speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.catalog import LocatedModel
from domain.errors import MlxkError
from domain.inference.speech import SpeechEvent, SpeechRequest
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from domain.serving.load_options import LoadOptions
from domain.serving.vitals import EnginePulse
from ports.model_worker import LoadedModel

SoundRequest = TranscriptionRequest | SpeechRequest
SoundEvent = HearingEvent | SpeechEvent


@dataclass(frozen=True, slots=True)
class SoundJob:
    """prepared: what the codec of the same model made of the request."""

    job_id: int
    request: SoundRequest
    prepared: object


class SoundCodec(Protocol):
    """Does no MLX work, beside the engine's thread: requests that are live on a thread of their own, all others on
    another, so two of them may be prepared at once.
    """

    def prepare(self, request: SoundRequest) -> object:
        """Everything that can be done without the model: decode the sound, check the wishes. What it returns is for the
        engine of the same model alone.

        Raises InvalidMedia for what is no sound, broken or empty, DependencyMissing where ffmpeg is needed and absent,
        CapabilityMismatch and UnsupportedParameter for what this model cannot do (another task, translation, a language
        or voice it does not have, word times), ContextLengthExceeded for a sound or text that is longer than it takes.
        """


class SoundEngine(Protocol):
    """Every call from the one thread that made it. It holds its jobs and says nothing of one after its ending event or
    error.
    """

    def add(self, job: SoundJob) -> None:
        """Begin. Raises what prevents it (GenerationFailed, InsufficientMemory); then the job is not here."""

    def step(self) -> Sequence[tuple[int, SoundEvent | MlxkError]]:
        """One bounded piece of work for one job or several, and what came of it: in order for each job. Every job gets
        its turns; those that are live before others. Nothing to do brings nothing. A fault ends its own job alone.
        """

    def drop(self, job_id: int) -> None:
        """Nothing more is wanted of it. Unknown ids are no error."""

    @property
    def jobs(self) -> int:
        """How many are not at their end."""

    def pulse(self) -> EnginePulse:
        """How it is; step_seconds is what its next step may take."""

    def close(self) -> None:
        """Free the model's memory. Idempotent."""


@dataclass(frozen=True, slots=True)
class LoadedSound:
    """engine belongs to the thread that loaded it."""

    engine: SoundEngine
    codec: SoundCodec
    facts: LoadedModel


class SoundRuntime(Protocol):
    """Loads models that hear or speak, on the one thread that will use the engine. Never touches a network."""

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedSound:
        """Read the model's folder, for the task that the options name; no code from it, no pickles. Raises
        ModelLoadFailed, ModelNotRunnable for a family or a variant that the libraries do not know.
        """
