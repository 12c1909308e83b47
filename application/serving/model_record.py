"""What the pool remembers of a model, also while it is not loaded."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import MlxkError, ModelLoadFailed, ModelNotRunnable, ModelSuspended
from domain.serving.breaker import CLOSED, Breaker
from domain.serving.model_load import ModelLoad
from domain.serving.switching import averaged

REFUSAL_SECONDS = 10.0
TRIAL_SECONDS = 1.0
MOST_RECORDS = 256


@dataclass(frozen=True, slots=True)
class Refusal:
    """A load that failed for a cause that lies in the files: it will fail again as long as they are the same."""

    fault: MlxkError
    fingerprint: str
    until: float

    def holds(self, load: ModelLoad, now: float) -> bool:
        return now < self.until and load.fingerprint == self.fingerprint


@dataclass(slots=True)
class ModelRecord:
    """Guarded by the pool's lock. loads: times it was brought in. restarts: new workers for dead ones. last_seconds,
    average_seconds: what loading took. trial: one request is finding out whether a suspended model lives.
    """

    load: ModelLoad
    loads: int = 0
    restarts: int = 0
    last_seconds: float | None = None
    average_seconds: float | None = None
    breaker: Breaker = CLOSED
    refusal: Refusal | None = None
    trial: bool = False

    def admit(self, load: ModelLoad, now: float) -> bool:
        """Whether the request is the trial of a suspended model; it must be followed by `trial_over`.

        Raises ModelSuspended, and what the last load raised where it would again.
        """
        if self.refusal is not None:
            if self.refusal.holds(load, now):
                raise _again(self.refusal.fault)
            self.refusal = None
        if not self.breaker.tripped:
            return False
        left = self.breaker.suspended_seconds(now)
        if left > 0 or self.trial:
            raise self.suspended(left or TRIAL_SECONDS)
        self.trial = True
        return True

    def suspended(self, seconds: float) -> ModelSuspended:
        whole = max(1, int(-(-seconds // 1)))
        return ModelSuspended(
            f"{self.load.model.name} is suspended: its process died {len(self.breaker.deaths)} times in a row",
            hint=f"it is tried again in {whole} s; the server's log tells why it died",
            param="model",
            detail={"retry_after_seconds": whole},
        )

    def loaded(self, seconds: float) -> None:
        self.last_seconds = seconds
        self.average_seconds = averaged(self.average_seconds, seconds)

    def failed(self, load: ModelLoad, fault: MlxkError, now: float) -> None:
        """The load failed although its process lived."""
        if isinstance(fault, ModelLoadFailed | ModelNotRunnable):
            self.refusal = Refusal(fault, load.fingerprint, now + REFUSAL_SECONDS)

    def trial_over(self, *, alive: bool) -> None:
        """Its death, if it died, has been told to the breaker already."""
        self.trial = False
        if alive:
            self.breaker = self.breaker.answered()


class ModelRecords:
    """Guarded by the pool's lock. Models that are not loaded are forgotten, oldest first, beyond MOST_RECORDS."""

    def __init__(self) -> None:
        self._records: dict[str, ModelRecord] = {}

    def of(self, load: ModelLoad) -> ModelRecord:
        record = self._records.get(load.identity)
        if record is None:
            record = self._records[load.identity] = ModelRecord(load)
        return record

    def forget_some(self, loaded: frozenset[str]) -> None:
        """loaded: identities that must be kept."""
        idle = [each for each in self._records if each not in loaded]
        for identity in idle[: max(0, len(self._records) - MOST_RECORDS)]:
            del self._records[identity]

    @property
    def every(self) -> tuple[ModelRecord, ...]:
        return tuple(self._records.values())


def _again(fault: MlxkError) -> MlxkError:
    """The same error as a new object: each request raises its own."""
    return type(fault)(
        fault.message, hint=fault.hint, param=fault.param, matches=fault.matches, detail=fault.detail
    )  # fmt: skip
