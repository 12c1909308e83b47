"""Voices with random weights from a seed: what they say is noise, of the shape and length of speech."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import miniaudio
import mlx.core as mx
import numpy as np
import numpy.typing as npt
from mlx.utils import tree_flatten
from mlx_audio.tts.models.soprano.soprano import Model, ModelConfig
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from adapters.inference.sound.runtime import MlxSoundRuntime
from adapters.inference.speaking.codec import SpeechCodec
from adapters.inference.speaking.engine import SpeakingEngine
from adapters.inference.speaking.speaker import speaker_of
from domain.catalog import LocatedModel, ModelSource
from domain.errors import MlxkError
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechPiece, SpeechRequest, Spoken
from domain.serving.load_options import LoadOptions, Task
from ports.model_worker import LoadedModel
from ports.sound_engine import LoadedSound, SoundEvent, SoundJob

RATE = 32_000
MARKS = ("[PAD]", "[STOP]", "[TEXT]", "[START]")
STOP_WEIGHT = 16.0  # the end becomes likely now and then: a piece is said in half a second
SOPRANO = {
    "model_type": "soprano", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "vocab_size": 320,
    "max_position_embeddings": 512, "rope_theta": 10000.0, "tie_word_embeddings": False,
}  # fmt: skip


def build_soprano(folder: Path, *, seed: int = 0) -> Path:
    """Its decoder's size is the library's own: some 14 million parameters, 28 MB."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelling = Tokenizer(models.BPE(vocab={mark: at for at, mark in enumerate((*MARKS, *letters))}, merges=[]))
    spelling.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelling.decoder = decoders.ByteLevel()
    spelling.add_special_tokens(list(MARKS))
    PreTrainedTokenizerFast(tokenizer_object=spelling, eos_token="[STOP]", pad_token="[STOP]").save_pretrained(folder)
    (folder / "README.md").write_text("---\nlibrary_name: mlx\npipeline_tag: text-to-speech\n---\n")
    (folder / "config.json").write_text(json.dumps(SOPRANO))
    mx.random.seed(seed)
    network = Model(ModelConfig.from_dict({**SOPRANO, "model_path": str(folder)}))
    weights = dict(tree_flatten(network.parameters()))
    head = weights["language_model.lm_head.weight"]
    head[MARKS.index("[STOP]")] *= STOP_WEIGHT
    mx.save_safetensors(
        str(folder / "model.safetensors"), {name: each.astype(mx.float16) for name, each in weights.items()}
    )
    return folder


@dataclass
class Said:
    """What mlx-audio's families hand out."""

    audio: mx.array
    sample_rate: int = 24_000
    token_count: int = 3


@dataclass
class ToyVoice:
    """A family as mlx-audio has them, without weights: a tone as long as its text, and noise from MLX's random numbers,
    numpy's and Python's. bits: results that a piece comes in. notes: texts as they were begun and ended.
    """

    bits: int = 1
    rate: int = 24_000
    faults: dict[str, Exception | float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    config: Any = None

    def generate(self, text: str, voice: str | None = None, speed: float = 1.0, **_options: Any) -> Generator[Said]:
        self.notes.append(f"+{text}")
        try:
            for _ in range(self.bits):
                fault = self.faults.get(text)
                if isinstance(fault, Exception):
                    raise fault
                count = 240 * len(text)
                noise = mx.random.uniform(-1, 1, (count,)) + float(np.random.rand()) + random.random()  # noqa: S311 - the state that a library draws from
                tone = mx.sin(mx.arange(count) * (2 * math.pi * 440 / self.rate))
                yield Said(tone * 0.5 + noise * 0.1 + (fault or 0.0), self.rate)
        finally:
            self.notes.append(f"-{text}")


def toy(voice: ToyVoice | None = None, family: str = "toy", folder: Path = Path("/nowhere")) -> LoadedSound:
    """An engine and its codec over it."""
    speaker = speaker_of(voice or ToyVoice(), family, folder, "org/toy")
    facts = LoadedModel("org/toy", 512, 1, 0)
    return LoadedSound(SpeakingEngine(speaker), SpeechCodec(speaker), facts)


def load_soprano(folder: Path) -> LoadedSound:
    """As a worker does."""
    model = LocatedModel("org/voice", folder, ModelSource.WORKSPACE)
    return MlxSoundRuntime().load(model, LoadOptions(task=Task.SPEAK))


def begin(loaded: LoadedSound, text: str, job_id: int = 1, **wishes: Any) -> None:
    request = SpeechRequest(text, **wishes)
    loaded.engine.add(SoundJob(job_id, request, loaded.codec.prepare(request)))


def finish(loaded: LoadedSound) -> dict[int, list[SoundEvent | MlxkError]]:
    """What comes of all jobs, in order for each."""
    told: dict[int, list[SoundEvent | MlxkError]] = {}
    while loaded.engine.jobs:
        for job_id, event in loaded.engine.step():
            told.setdefault(job_id, []).append(event)
    return told


def said(loaded: LoadedSound, text: str, **wishes: Any) -> tuple[bytes, Spoken]:
    """The whole file, and the last event. Raises what the job ended with."""
    begin(loaded, text, **wishes)
    *pieces, last = finish(loaded)[1]
    if isinstance(last, MlxkError):
        raise last
    assert isinstance(last, Spoken)
    return b"".join(each.data for each in pieces if isinstance(each, SpeechPiece)), last


def heard(data: bytes, kind: SoundFormat) -> tuple[npt.NDArray[np.float32], int]:
    """Samples and their rate, as a player has them."""
    if kind is SoundFormat.PCM:
        return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768), 24_000
    info = {SoundFormat.WAV: miniaudio.wav_get_info, SoundFormat.MP3: miniaudio.mp3_get_info,
            SoundFormat.FLAC: miniaudio.flac_get_info}[kind](data)  # fmt: skip
    decoded = miniaudio.decode(data, miniaudio.SampleFormat.FLOAT32, 1, info.sample_rate)
    return np.frombuffer(decoded.samples, np.float32), info.sample_rate


def loudness(samples: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean()))
