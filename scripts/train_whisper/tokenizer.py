"""The tokenizer of the Whisper: few words, and the special tokens where every multilingual Whisper has them.

A multilingual Whisper's end of text is token 50257, after as many pieces of words. This one has some hundred pieces. So
its vocabulary has a hole, and the special tokens are entries of the vocabulary itself, which keeps their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from mlx_audio.stt.models.whisper.tokenizer import LANGUAGES
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END, START = "<|endoftext|>", "<|startoftranscript|>"
TRANSLATE, TRANSCRIBE = "<|translate|>", "<|transcribe|>"
PREVIOUS, NO_SPEECH, NO_TIMESTAMPS = "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"
FIRST_SPECIAL: Final = 50_257
TIMES: Final = 1501  # 0.00 to 30.00 seconds, one for each fiftieth of a second
TOKENS: Final = 51_865
_LANGUAGES: Final = 99
_PIECES: Final = 640  # enough for every word of the clips to be one piece


class SpeechTokenizer:
    """Text to tokens and back, and the special tokens by name."""

    def __init__(self, texts: Iterable[str]) -> None:
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=_PIECES,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        bpe.train_from_iterator([f" {text}" for text in texts], trainer)
        self._bpe = bpe
        named = [END, START, *(f"<|{code}|>" for code in list(LANGUAGES)[:_LANGUAGES])]
        named += [TRANSLATE, TRANSCRIBE, "<|startoflm|>", PREVIOUS, NO_SPEECH, NO_TIMESTAMPS]
        self._special = {name: FIRST_SPECIAL + at for at, name in enumerate(named)}

    @property
    def pieces(self) -> int:
        """How many there are; they are numbered from 0."""
        return int(self._bpe.get_vocab_size())

    @property
    def first_time(self) -> int:
        """The token of 0.00 seconds."""
        return FIRST_SPECIAL + len(self._special)

    def special(self, name: str) -> int:
        return self._special[name]

    def language(self, code: str) -> int:
        return self._special[f"<|{code}|>"]

    def time(self, seconds: float) -> int:
        return self.first_time + min(TIMES - 1, max(0, round(seconds * 50)))

    def encode(self, text: str) -> list[int]:
        """Of a text as it stands in a transcript: with a space before it."""
        return list(self._bpe.encode(f" {text}").ids)

    def piece(self, token: int) -> str:
        return str(self._bpe.decode([token]))

    def files(self) -> dict[str, Any]:
        """The values of tokenizer.json and tokenizer_config.json."""
        made = json.loads(self._bpe.to_str())
        times = {f"<|{at / 50:.2f}|>": self.first_time + at for at in range(TIMES)}
        made["model"]["vocab"] |= self._special | times
        made["added_tokens"] = [
            {
                "id": token, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True,
            }
            for name, token in self._special.items()
        ]  # fmt: skip
        settings = {
            "tokenizer_class": "WhisperTokenizer",
            "processor_class": "WhisperProcessor",
            **dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END),
            "model_max_length": 448,
            "add_prefix_space": False,
        }
        return {"tokenizer.json": made, "tokenizer_config.json": settings}
