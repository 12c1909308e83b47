"""What makes a model's inputs of a text with marks, pictures and sounds: the model's own processor, from mlx-vlm."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_vlm.utils import VideoMetadata, resolve_video_sampling
from PIL import Image
from transformers import AutoProcessor

from adapters.inference.pictures.video import FrameRule, Video
from adapters.inference.vision.network import unsupported
from adapters.inference.vision.remembering import Remembering
from adapters.inference.vision.sealing import sealed
from adapters.inference.vision.sound_limit import longest_seconds
from domain.catalog.manifest import THINKER, section

TOKENS = "input_ids"
NO_INPUTS = (TOKENS, "attention_mask", "labels")
RENAMED = {"images": "pixel_values"}  # as mlx-vlm does it
GRIDS = ("image_grid_thw", "video_grid_thw")
PICTURE_IDS = ("image_token_id", "image_token_index", "media_placeholder_token_id")
VIDEO_IDS = ("video_token_id", "video_token_index")
SOUND_IDS = ("audio_token_id", "audio_token_index")
SOUND_OPTIONS = ("audio", "audios")
NO_TOKEN = -1


@dataclass(frozen=True, slots=True)
class Processed:
    """tokens: of the text with every mark replaced by its picture's tokens. inputs: what else the processor made, by
    name. text, encoding: that text and the tokenizer's answer to it; None where the processor asks for it in pieces.
    """

    tokens: tuple[int, ...]
    inputs: Mapping[str, Any]
    text: str | None = None
    encoding: Any = None


class SeeingProcessor:
    """One thread. image_token, video_token, sound_token: the ids that stand for the parts of pictures, videos and
    sounds in a prompt. deaf: why the model cannot be given sounds; None where it can. rate: samples a second that it
    wants; longest_seconds: of one sound, None where it does not say.
    """

    def __init__(self, processor: Any, image_token: int, video_token: int | None, config: Mapping[str, Any]) -> None:
        self._processor = processor
        self._options = inspect.signature(type(processor).__call__).parameters
        self.image_token = image_token
        self.video_token = video_token
        self._words = ListeningTokenizer(processor.tokenizer)
        self._eyes = Remembering(processor.image_processor)
        processor.tokenizer, processor.image_processor = self._words, self._eyes
        self.sound_token = NO_TOKEN
        self.rate = 0
        self.longest_seconds: float | None = None
        self._ears: Remembering | None = None
        self.deaf = self._open_ears(config)

    def _open_ears(self, config: Mapping[str, Any]) -> str | None:
        """Why that cannot be; None where it was done."""
        extractor = getattr(self._processor, "feature_extractor", None)
        self._sound_option = next((name for name in SOUND_OPTIONS if name in self._options), "")
        token = _token(config, self._processor, SOUND_IDS)
        if extractor is None or not callable(extractor) or not self._sound_option:
            return "mlx-vlm has no processor for its sounds"
        if token is None:
            return "no token stands for them"
        self.sound_token = token
        self.rate = int(extractor.sampling_rate)
        self.longest_seconds = longest_seconds(self._processor, extractor, config)
        if "feature_extractor" in vars(self._processor):
            self._ears = self._processor.feature_extractor = Remembering(extractor)
        return None

    @property
    def tokenizer(self) -> Any:
        """transformers' own."""
        return self._words.other

    @property
    def template(self) -> Any:
        """The processor's chat template, None where only the tokenizer has one."""
        return getattr(self._processor, "chat_template", None)

    @property
    def more_stops(self) -> tuple[int, ...]:
        """Stop tokens that mlx-vlm knows of and the model's files do not name."""
        return tuple(int(token) for token in getattr(self._processor, "additional_eos_token_ids", ()))

    @property
    def marks(self) -> tuple[str, ...]:
        """What may stand for a picture in a text, as far as processor and tokenizer say."""
        names = ("boi_token", "image_token")
        found = (getattr(owner, name, None) for name in names for owner in (self._processor, self.tokenizer))
        return tuple(dict.fromkeys(mark for mark in found if isinstance(mark, str) and mark))

    @property
    def sound_marks(self) -> tuple[str, ...]:
        """What may stand for a sound in a text."""
        found = [getattr(owner, "audio_token", None) for owner in (self._processor, self.tokenizer)]
        if self.sound_token != NO_TOKEN:
            found.append(self.tokenizer.convert_ids_to_tokens(self.sound_token))
        return tuple(dict.fromkeys(mark for mark in found if isinstance(mark, str) and mark))

    def tokens_told(self, inputs: Mapping[str, Any]) -> tuple[int, ...] | None:
        """How many tokens each picture or video has, where the inputs say in how many parts they were cut."""
        merge = getattr(self._eyes, "merge_size", None)
        grid = next((inputs[name] for name in GRIDS if name in inputs), None)
        if not isinstance(merge, int) or grid is None:
            return None
        return tuple(int(np.prod(parts)) // merge**2 for parts in np.asarray(grid))

    @property
    def video_mark(self) -> str | None:
        """What stands for a video in a text; None where the processor takes none."""
        if self.video_token is None or "videos" not in self._options:
            return None
        mark = getattr(self._processor, "video_token", None)
        sampler = getattr(getattr(self._processor, "video_processor", None), "sample_frames_in_loader", False)
        return mark if isinstance(mark, str) and mark and not sampler else None

    @property
    def frame_rule(self) -> FrameRule:
        wanted = resolve_video_sampling(self._processor, {})
        return FrameRule(wanted.fps, wanted.min_frames, wanted.max_frames, wanted.frame_factor)

    def share_lock(self, lock: threading.Lock) -> None:
        """The tokenizer is used under it: it may be another thread's as well."""
        self._words.lock = lock

    def process(
        self,
        text: str,
        pictures: Sequence[Image.Image] = (),
        sounds: Sequence[np.ndarray[Any, Any]] = (),
        names: Sequence[str] = (),
    ) -> Processed:
        """text: with a mark for each picture and sound. sounds: 32-bit floats of one channel, at the rate. names: one
        for each picture, then for each sound, the same ones for the same; without them nothing is remembered. Raises
        whatever the processor raises for what it does not take.

        The arrays are numpy's: MLX's belong to the thread that made them.
        """
        self._words.heard = None
        named = {id(each): name for each, name in zip((*pictures, *sounds), names, strict=False)}
        self._eyes.names = named
        if self._ears is not None:
            self._ears.names = named
        shown: dict[str, Any] = {"images": list(pictures)} if pictures else {}
        if sounds:
            shown[self._sound_option] = list(sounds)
        return self._made(text, **shown)

    def process_videos(self, text: str, videos: Sequence[Video]) -> Processed:
        """As `process`, for videos."""
        self._words.heard = None
        self._eyes.names = {}  # a frame may lie where a picture was that is gone: their identities are the same
        told = [_metadata(video) for video in videos]
        more: dict[str, Any] = {"fps": [each.sampled_fps for each in told], "video_metadata": told}
        more = {name: value for name, value in more.items() if name in self._options}
        return self._made(text, videos=[video.frames for video in videos], **more)

    def _made(self, text: str, **shown: Any) -> Processed:
        made = self._processor(text=[text], **shown)
        values = {RENAMED.get(name, name): value for name, value in made.items() if name not in NO_INPUTS}
        tokens = tuple(int(token) for token in np.asarray(_plain(made[TOKENS])).reshape(-1))
        inputs = {name: _plain(value) for name, value in values.items() if value is not None}
        heard = self._words.heard
        if heard is not None and tuple(heard[1]["input_ids"][0]) == tokens:
            return Processed(tokens, inputs, *heard)
        return Processed(tokens, inputs)


class ListeningTokenizer:
    """A tokenizer that remembers the last whole text it was given, and adds no mark to a text that begins with it
    already. lock: held while it works.
    """

    def __init__(self, other: Any) -> None:
        self.other = other
        self.lock = threading.Lock()
        self.heard: tuple[str, Any] | None = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        texts = args[0] if args else options.get("text")
        text = texts[0] if isinstance(texts, list) and len(texts) == 1 and isinstance(texts[0], str) else None
        begin = self.other.bos_token
        if text is not None and begin and text.startswith(begin):
            options["add_special_tokens"] = False
        with self.lock:
            made = self.other(*args, **options)
        self.heard = None if text is None else (text, made)
        return made

    def encode(self, *args: Any, **options: Any) -> Any:
        with self.lock:
            return self.other.encode(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.other, name)

    def __len__(self) -> int:
        return len(self.other)


def load_processor(folder: Path, config: Mapping[str, Any]) -> SeeingProcessor:
    """Needs the network to have been loaded: mlx-vlm then knows the processor of its type. Raises whatever that raises;
    UnsupportedMultimodal for a type whose pictures mlx-vlm prepares in another way.
    """
    with sealed():
        processor = _class_for(config).from_pretrained(str(folder), trust_remote_code=False)
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise unsupported(config, "mlx-vlm has no processor for its pictures")
    image_token = _token(config, processor, PICTURE_IDS)
    if image_token is None:
        raise unsupported(config, "no token stands for them")
    return SeeingProcessor(processor, image_token, _token(config, processor, VIDEO_IDS), config)


def _class_for(config: Mapping[str, Any]) -> Any:
    """The class that mlx-vlm has put before AutoProcessor for this type. Asked through AutoProcessor it would hide why
    it cannot be loaded.
    """
    kind = str(config.get("model_type", "")).lower()
    method = vars(AutoProcessor)["from_pretrained"]
    while isinstance(method, classmethod):
        kept = inspect.getclosurevars(method.__func__).nonlocals
        if kind in kept.get("target_model_types", ()):
            return kept["processor_cls"]
        method = getattr(kept.get("previous_from_pretrained"), "__func__", None)
        method = None if method is None else classmethod(method)
    raise unsupported(config, "mlx-vlm has no processor for its pictures")


def _token(config: Mapping[str, Any], processor: Any, names: Sequence[str]) -> int | None:
    thinker = section(config, THINKER)
    found = [owner.get(name) for owner in (config, thinker) for name in names] + [getattr(processor, names[0], None)]
    return next((token for token in found if isinstance(token, int) and not isinstance(token, bool)), None)


def _metadata(video: Video) -> VideoMetadata:
    height, width = video.frames.shape[2:]
    return VideoMetadata(
        video.total, video.fps, list(video.indices), width=width, height=height, duration=video.total / video.fps
    )


def _plain(value: Any) -> Any:
    """numpy has no bfloat16."""
    if isinstance(value, mx.array):
        return np.array(value.astype(mx.float32) if value.dtype == mx.bfloat16 else value)
    return value
