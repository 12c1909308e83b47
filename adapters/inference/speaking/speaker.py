"""What a text-to-speech family of mlx-audio can be asked for, by its parameters and what is known to come of them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.inference.speaking.voices import voices_of
from domain.errors import CapabilityMismatch, ModelNotRunnable, UnsupportedParameter
from domain.inference.speech import SpeechRequest

OWN_VOICE = "default"  # what a client writes that must name a voice and wants the model's own
PLAIN_SPEED = 1.0
SPEEDS = frozenset({"kokoro", "kitten_tts", "melotts"})  # others have the parameter and ignore it, or raise the pitch
LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "kokoro": {"en": "a", "es": "e", "fr": "f", "hi": "h", "it": "i", "ja": "j", "pt": "p", "zh": "z"},
    "qwen3_tts": {
        "zh": "chinese", "en": "english", "ja": "japanese", "ko": "korean", "de": "german", "fr": "french",
        "ru": "russian", "pt": "portuguese", "es": "spanish", "it": "italian",
    },
}  # fmt: skip
BY_CODE = {"omnivoice": "language"}  # families that take any code as it is, and where
CHATTERBOX = "chatterbox"
INSTRUCTIONS = ("instruct",)
MOST_TOKENS = {"qwen3_tts": 1024}  # of one piece; its own limit is more than five minutes
DESIGNED = "voice_design"  # a kind of Qwen3-TTS whose voice is what the instructions say
BASE = "base"  # a kind that speaks as a recording does, and none can be given


@dataclass(frozen=True, slots=True)
class Speaker:
    """model: of mlx-audio. family: its folder there. voices: by name. parameters: that its `generate` names."""

    model: Any
    family: str
    voices: tuple[str, ...]
    parameters: frozenset[str]
    own_voice: str | None

    def options(self, request: SpeechRequest) -> dict[str, Any]:
        """Of the request, as `generate` takes them. Raises CapabilityMismatch and UnsupportedParameter for what the
        model cannot do.
        """
        options: dict[str, Any] = {}
        if "verbose" in self.parameters:
            options["verbose"] = False
        if self.family in MOST_TOKENS:
            options["max_tokens"] = MOST_TOKENS[self.family]
        if (voice := self._voice(request.voice)) is not None:
            options["voice"] = voice
        if request.speed != PLAIN_SPEED:
            if self.family not in SPEEDS:
                raise _unsupported("this model has one speed", "speed")
            options["speed"] = request.speed
        options.update(self._language(request.language))
        options.update(self._instructions(request.instructions))
        return options

    def say(self, text: str, options: Mapping[str, Any]) -> Iterator[Any]:
        """mlx-audio's results for one piece of text."""
        return iter(self.model.generate(text=text, **options))

    def tokens(self, text: str) -> int:
        """Of the text, where the model has a tokenizer that says; else 0."""
        encode = getattr(getattr(self.model, "tokenizer", None), "encode", None)
        return len(encode(text)) if callable(encode) else 0

    def _voice(self, asked: str | None) -> str | None:
        if asked is None or (asked.casefold() == OWN_VOICE and OWN_VOICE not in self.voices):
            return self.own_voice
        if not self.voices:
            raise CapabilityMismatch(
                f"this model has one voice and none is called {asked!r}",
                hint=f"leave voice out, or say {OWN_VOICE!r}",
                param="voice",
            )
        found = next((voice for voice in self.voices if voice.casefold() == asked.casefold()), None)
        if found is None:
            raise CapabilityMismatch(
                f"this model has no voice {asked!r}", hint=f"it has {', '.join(self.voices)}", param="voice"
            )
        return found

    def _language(self, code: str | None) -> Mapping[str, Any]:
        if code is None:
            return {}
        if self.family in BY_CODE:
            return {BY_CODE[self.family]: code}
        known = _chatterbox_languages(self.model) if self.family == CHATTERBOX else LANGUAGES.get(self.family)
        if known is None:
            raise _unsupported("this model cannot be told the language", "language")
        if code not in known:
            raise CapabilityMismatch(
                f"this model does not know the language {code!r}", hint=f"it knows {', '.join(known)}", param="language"
            )
        return {"lang_code": known[code]}

    def _instructions(self, text: str | None) -> Mapping[str, Any]:
        wished = text.strip() if text else ""
        name = next((each for each in INSTRUCTIONS if each in self.parameters), None)
        if wished and (name is None or self._kind == BASE):
            raise _unsupported("this model takes no instructions", "instructions")
        if not wished and self._kind == DESIGNED:
            raise CapabilityMismatch(
                "this model makes the voice that instructions describe",
                hint='say how it sounds, such as "a calm, deep voice"',
                param="instructions",
            )
        return {name: wished} if wished and name is not None else {}

    @property
    def _kind(self) -> str:
        return str(getattr(getattr(self.model, "config", None), "tts_model_type", ""))


def speaker_of(model: Any, family: str, folder: Path, name: str) -> Speaker:
    """Raises ModelNotRunnable for what is in mlx-audio's folder of text-to-speech and needs more than a text."""
    generate = getattr(model, "generate", None)
    if generate is None:
        raise ModelNotRunnable(f"{name} ({family}) is a part of a voice and says nothing by itself")
    parameters = {
        each.name: each
        for each in inspect.signature(generate).parameters.values()
        if each.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    }
    needed = [each.name for each in parameters.values() if each.default is inspect.Parameter.empty]
    if "text" not in parameters or needed not in ([], ["text"]):
        more = ", ".join(each for each in needed if each != "text") or "something else"
        raise ModelNotRunnable(f"{name} ({family}) wants more than a text: {more}")
    voices = voices_of(model, family, folder)
    own = parameters["voice"].default if "voice" in parameters else None
    if voices:
        own = own if own in voices else voices[0]
    return Speaker(model, family, voices, frozenset(parameters), own if voices else None)


def _chatterbox_languages(model: Any) -> Mapping[str, str] | None:
    """Of its multilingual checkpoints, by code; None for the English one."""
    if not getattr(model.config, "multilingual", False):
        return None
    return {code: code for code in sys.modules[type(model).__module__].SUPPORTED_LANGUAGES}


def _unsupported(why: str, param: str) -> UnsupportedParameter:
    return UnsupportedParameter(why, hint=f"leave {param} out", param=param)
