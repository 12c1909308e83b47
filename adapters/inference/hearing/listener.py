"""What a speech-to-text family of mlx-audio can be asked for, by the parameters that its `generate` has."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_audio.stt.models.whisper.tokenizer import LANGUAGES

from adapters.inference.sound.decoding import Samples
from domain.errors import CapabilityMismatch, ModelNotRunnable, UnsupportedParameter
from domain.inference.transcription import HearingTask, TranscriptionRequest

RATE = 16_000
ENGLISH = "en"
MOST_TOKENS = 448  # of one piece: no one speaks faster, and what does not end ends there
# Where a family takes text that helps it with names and terms. `prompt` is none of these: it replaces the task.
HINTS = ("context", "initial_prompt", "system_prompt")
SPEAKS_NAMES = frozenset({"qwen3_asr", "mega_asr"})  # of languages, in English, instead of codes
TELLS_WORDS = frozenset({"parakeet", "parakeet_tdt", "nemotron_asr"})  # when each of its tokens is said


@dataclass(frozen=True, slots=True)
class Listener:
    """model: of mlx-audio. family: its folder there. parameters: that its `generate` names."""

    model: Any
    family: str
    rate: int
    parameters: frozenset[str]

    def options(self, request: TranscriptionRequest) -> Mapping[str, Any]:
        """Of the request, as `generate` takes them. Raises CapabilityMismatch and UnsupportedParameter for what it does
        not take.
        """
        options: dict[str, Any] = {}
        if "max_tokens" in self.parameters:
            options["max_tokens"] = MOST_TOKENS
        options.update(self._language(request))
        if request.prompt and request.prompt.strip():
            hint = next((name for name in HINTS if name in self.parameters), None)
            if hint is None:
                raise _unsupported("this model takes no text beside the sound", "prompt")
            options[hint] = request.prompt.strip()
        if request.temperature:
            if "temperature" not in self.parameters:
                raise _unsupported("this model does not draw its words", "temperature")
            options["temperature"] = request.temperature
        if request.words and self.family not in TELLS_WORDS:
            raise _unsupported("this model does not tell when each word is said", "timestamp_granularities")
        return options

    def hear(self, samples: Samples, options: Mapping[str, Any], key: int) -> Any:
        """What `generate` returns for one piece. key: of its draws."""
        mx.random.seed(key)
        return self.model.generate(mx.array(samples), **options)

    def _language(self, request: TranscriptionRequest) -> Mapping[str, Any]:
        both = {"source_lang", "target_lang"} <= self.parameters
        translates, code = request.task is HearingTask.TRANSLATE, request.language
        if translates and not both:
            raise CapabilityMismatch("this model does not translate", hint="transcribe", param="model")
        if translates and code is None:
            raise UnsupportedParameter(
                "this model wants to be told what it translates from", hint="say which language it is", param="language"
            )
        if code is None:
            return {}
        known = getattr(self.model, "lid_dict", None)
        if isinstance(known, dict) and code not in known:
            raise CapabilityMismatch(
                f"this model does not know the language {code!r}", hint=f"it knows {', '.join(known)}", param="language"
            )
        if both:
            return {"source_lang": code, "target_lang": ENGLISH if translates else code}
        if "language" not in self.parameters:
            raise _unsupported("this model cannot be told the language", "language")
        return {"language": LANGUAGES.get(code, code).capitalize() if self.family in SPEAKS_NAMES else code}


def listener_of(model: Any, family: str, name: str) -> Listener:
    """Raises ModelNotRunnable for what is in mlx-audio's folder of speech-to-text and does something else."""
    signature = inspect.signature(model.generate).parameters.values()
    named = [each for each in signature if each.kind is not inspect.Parameter.VAR_KEYWORD]
    needed = [each.name for each in named if each.default is inspect.Parameter.empty]
    if len(needed) != 1:
        raise ModelNotRunnable(f"{name} ({family}) wants more than a sound: {', '.join(needed[1:])}")
    rate = _rate(model)
    return Listener(model, family, rate, frozenset(each.name for each in named))


def _rate(model: Any) -> int:
    for place in (model, getattr(model, "preprocessor_config", None)):
        if isinstance(found := getattr(place, "sample_rate", None), int):
            return found
    front = getattr(getattr(model, "config", None), "frontend_conf", None)
    return found if isinstance(found := getattr(front, "fs", None), int) else RATE


def _unsupported(why: str, param: str) -> UnsupportedParameter:
    return UnsupportedParameter(why, hint=f"leave {param} out", param=param)
