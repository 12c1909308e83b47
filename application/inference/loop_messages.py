"""What the threads of an engine loop say to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.inference.answer_text import AnswerText
from domain.errors import MlxkError
from domain.inference import GenerationRequest, PicturesSeen
from domain.serving.cache_check import CacheChecks
from domain.serving.prompt_divergence import PromptDivergence
from domain.serving.vitals import EngineVitals
from ports.text_codec import EncodedPrompt
from ports.text_engine import EngineRow, RowStep


@dataclass(frozen=True, slots=True)
class Ask:
    """explain: only tell what is remembered of the prompt."""

    request_id: int
    request: GenerationRequest
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Explain:
    request_id: int
    prompt: EncodedPrompt


@dataclass(frozen=True, slots=True)
class Cancel:
    row_id: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Everything asked for has been handed on; nothing comes after this."""


@dataclass(frozen=True, slots=True)
class Crash:
    fault: BaseException


@dataclass(frozen=True, slots=True)
class Begin:
    row_id: int
    text: AnswerText
    seen: PicturesSeen | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What is remembered of a row's prompt as it comes to the engine, or, with `checks`, the answer to an Explain."""

    row_id: int
    divergence: PromptDivergence
    checks: CacheChecks | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Whoever wants to know how the engine is."""

    answer: Callable[[EngineVitals], None]


@dataclass(frozen=True, slots=True)
class Heard:
    answer: Callable[[EngineVitals], None]
    vitals: EngineVitals


@dataclass(frozen=True, slots=True)
class Failure:
    row_id: int
    error: MlxkError


Command = EngineRow | Explain | Cancel | Drain | Crash | Listen
News = Sequence[RowStep] | Begin | Found | Cancel | Failure | Heard | None
