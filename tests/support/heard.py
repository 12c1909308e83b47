"""Sounds for the tests, models that hear them, and what mlx-vlm itself says of the same."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import mlx_vlm.utils
import numpy as np
from mlx_vlm.generate import generate_step
from PIL import Image

from adapters.inference.text_runtime import MlxTextRuntime
from adapters.inference.vision.mending import mended
from domain.catalog import LocatedModel, ModelSource
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Message, Role, Sampling
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from ports.text_codec import EncodedPrompt
from ports.text_engine import EngineRow
from ports.text_runtime import LoadedText
from tests.support.miniatures.hearing import HEARING, small_eyes

RATE, ANSWER = 16_000, 8
Part = str | Attachment


def whistle(seed: int, seconds: float, rate: int = RATE) -> bytes:
    """A WAV: a tone that wanders, in noise. The same at every call."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (200 + 400 * rng.random()) * time * (1 + 0.3 * np.sin(2 * np.pi * 3 * time)))
    samples = np.clip((0.4 * tone + rng.normal(size=time.size, scale=0.1)) * 32767, -32767, 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def samples_of(data: bytes) -> Any:
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32768)


def sound(data: bytes, name: str | None = None) -> Attachment:
    return Attachment.of(AttachmentKind.AUDIO, data, 0, name)


def picture(data: bytes) -> Attachment:
    return Attachment.of(AttachmentKind.IMAGE, data, 0)


def user(*parts: Part) -> Message:
    """A turn: text, sounds and pictures in this order."""
    content, attached = "", []
    for part in parts:
        if isinstance(part, str):
            content += part
        else:
            attached.append(Attachment(part.kind, part.data, len(content), part.digest, part.name))
    return Message(Role.USER, content, attachments=tuple(attached))


@dataclass
class Listener:
    """A model as a worker has it."""

    loaded: LoadedText

    def encode(self, *messages: Message) -> EncodedPrompt:
        return self.loaded.codec.encode(GenerationRequest(messages))

    def said(self, *talks: Sequence[Message]) -> list[list[int]]:
        """The answers to several conversations at once, greedily."""
        told: dict[int, list[int]] = {at: [] for at in range(len(talks))}
        engine = self.loaded.engine
        for at, talk in enumerate(talks):
            prompt = self.encode(*talk)
            engine.admit(EngineRow(at, prompt.tokens, ANSWER, Sampling(0.0, 1.0, 0), media=prompt.media))
        while engine.active_rows:
            for step in engine.step():
                assert step.error is None, step.error
                told[step.row_id] += [] if step.token is None else [step.token]
        return list(told.values())


def listener(folder: Path, remembered: Path | None = None) -> Listener:
    """remembered: where prompts are remembered; None remembers nothing."""
    budget = PrefixCacheBudget() if remembered is None else PrefixCacheBudget(1 << 28, 1 << 28, remembered)
    located = LocatedModel("org/ears", folder, ModelSource.WORKSPACE)
    with small_eyes():
        return Listener(MlxTextRuntime().load(located, LoadOptions(sees=True, hears=True, prefix_cache=budget)))


@dataclass
class Oracle:
    """mlx-vlm by itself, over the same files. Gemma 3n is mended there too (test_mending.py)."""

    model: Any
    processor: Any

    @classmethod
    def of(cls, folder: Path) -> Oracle:
        with small_eyes():
            model, processor = mlx_vlm.utils.load(str(folder))
        return cls(mended(model), processor)

    def said(self, talk: Sequence[Message]) -> tuple[list[int], list[int]]:
        """The prompt's tokens, and the answer's."""
        shown = [each for message in talk for each in message.attachments]
        more: dict[str, Any] = {}
        if sounds := [samples_of(each.data) for each in shown if each.kind is AttachmentKind.AUDIO]:
            more["audio"] = sounds
        if pictures := [each.data for each in shown if each.kind is AttachmentKind.IMAGE]:
            more["images"] = [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures]
        turns = [{"role": message.role.value, "content": _parts(message)} for message in talk]
        text = self.processor.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        made = self.processor(text=[text], add_special_tokens=False, **more)
        inputs = {name: mx.array(value) if not isinstance(value, mx.array) else value for name, value in made.items()}
        tokens, pixels = inputs.pop("input_ids"), inputs.pop("pixel_values", None)
        mask = inputs.pop("attention_mask")
        steps = generate_step(tokens, self.model, pixels, mask, max_tokens=ANSWER, temperature=0.0, **inputs)
        asked: Any = tokens.reshape(-1).tolist()
        return asked, [int(token) for token, _ in steps][:ANSWER]


def _parts(message: Message) -> list[dict[str, str]]:
    kinds = {AttachmentKind.AUDIO: "audio", AttachmentKind.IMAGE: "image"}
    parts: list[dict[str, str]] = []
    at = 0
    for each in message.attachments:
        if message.content[at : each.at]:
            parts.append({"type": "text", "text": message.content[at : each.at]})
        parts.append({"type": kinds[each.kind]})
        at = each.at
    return [*parts, {"type": "text", "text": message.content[at:]}] if message.content[at:] else parts


def weights_of(folder: Path) -> dict[str, mx.array]:
    return cast("dict[str, mx.array]", mx.load(str(folder / "model.safetensors")))


def built(kind: str, folder: Path) -> Path:
    with small_eyes():
        return HEARING[kind].build(folder)
