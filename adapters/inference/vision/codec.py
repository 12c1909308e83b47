"""Conversations with pictures and sounds to prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from adapters.inference.chat_template import Turn
from adapters.inference.conversation_prompt import PromptText
from adapters.inference.engine.vision import TOKEN_KINDS
from adapters.inference.pictures.video import read_video
from adapters.inference.text_codec import MlxTextCodec, refuse_half_turns
from adapters.inference.vision.network import unsupported
from adapters.inference.vision.processor import Processed, SeeingProcessor
from adapters.inference.vision.showing import PictureShelf, described, placed
from adapters.inference.vision.sounds import Heard, SoundShelf, no_sounds, with_sounds_apart
from adapters.inference.vision.spans import Span, cut, picture_spans
from adapters.inference.vision.spelling import (
    Spelling,
    Spellings,
    as_turn,
    find_sound_spelling,
    find_spelling,
    find_video_spelling,
    in_text,
)
from domain.errors import CapabilityMismatch, InvalidMedia, InvalidRequest
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Message, PicturesSeen
from ports.text_codec import EncodedPrompt, PromptMedia, PromptPicture

PROBE_SIDE = 64
# Models that look at a picture's tokens in both directions may read them in order when there is something to hear: what
# is remembered of the one is not the other.
BESIDE_SOUNDS = " beside sounds"


class SeeingCodec(MlxTextCodec):
    """MlxTextCodec whose turns may show pictures, sounds beside them where the model hears, or videos where it takes
    them. Requests without any take the way of a text model. exif: read what the pictures' files tell.

    Raises UnsupportedMultimodal, when it is made, for a model whose prompts it is not known how to write.
    """

    _marks_templates = True  # as processors do it: many of their templates leave the first mark to the tokenizer

    def __init__(
        self,
        tokenizer: Any,
        context_length: int,
        generation_config: Mapping[str, object],
        config: Mapping[str, Any],
        processor: SeeingProcessor,
        *,
        exif: bool = True,
    ) -> None:
        super().__init__(tokenizer, context_length, generation_config, config)
        self._processor = processor
        processor.share_lock(self._lock)
        self._shelf = PictureShelf(exif)
        kind = str(config.get("model_type", ""))
        spelling = find_spelling(self._template, kind, processor.marks)
        if spelling is None:
            raise unsupported(config, "neither its chat template nor mlx-vlm says where in a prompt they stand")
        self._spellings: dict[AttachmentKind, Spelling] = {AttachmentKind.IMAGE: spelling}
        self._videos = self._find_videos()
        tokens = processor.process(spelling.text, [Image.new("RGB", (PROBE_SIDE, PROBE_SIDE), "grey")]).tokens
        if processor.image_token not in tokens or min(tokens) < 0:
            raise unsupported(config, "its processor marks them in a way that is not known")
        self._sounds: SoundShelf | None = None
        self._deaf = processor.deaf or self._open_ears(kind)

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        """What InvalidMedia is raised for: what read_picture, read_video, SoundShelf and the model's processor refuse,
        and what the template leaves out. InvalidRequest for words that spell the mark of a picture out,
        CapabilityMismatch for media that the model does not take.
        """
        kinds = self._kinds_shown(request)
        if not kinds:
            return super().encode(request)
        refuse_half_turns(request)
        if AttachmentKind.VIDEO in kinds and self._videos is not None:
            return self._encode_videos(request, *self._videos)
        pictures = self._shelf.pictures_of(request)
        heard = () if self._sounds is None else self._sounds.sounds_of(request)
        messages = described(request, pictures) if request.describe_pictures else request.messages
        prompt = self._written(request, messages, self._spellings)
        pixels = [picture.pixels for picture in pictures]
        sounds = [each for _, each in placed(request) if each.kind is AttachmentKind.AUDIO]
        names = [each.digest for each in (*request.pictures, *sounds)]
        with self._refusals(request):
            made = self._processor.process(prompt.text, pixels, [each.samples for each in heard], names)
        pictures_in = self._pictures_in(made, request.pictures, pixels)
        if sounds and any(name in made.inputs for name in TOKEN_KINDS):
            pictures_in = tuple(replace(each, digest=f"{each.digest}{BESIDE_SOUNDS}") for each in pictures_in)
        places = (*pictures_in, *_sounds_in(made, self._processor, sounds, heard))
        seen = PicturesSeen(tuple(picture.facts for picture in pictures)) if pictures else None
        return replace(_encoded(prompt, made, places, with_sounds_apart(made, heard)), seen=seen)

    def _find_videos(self) -> tuple[Spelling, int] | None:
        """How they are spelled, and the token of their parts; None where the model takes none."""
        mark, token = self._processor.video_mark, self._processor.video_token
        spelling = None if mark is None else find_video_spelling(self._template, mark)
        return None if spelling is None or token is None else (spelling, token)

    def _open_ears(self, kind: str) -> str | None:
        """Why the model is not given sounds; None where it is."""
        spelling = find_sound_spelling(self._template, kind, self._processor.sound_marks)
        if spelling is None:
            return "neither its chat template nor mlx-vlm says where in a prompt they stand"
        silence = np.zeros(self._processor.rate, np.float32)
        try:
            tokens = self._processor.process(spelling.text, sounds=[silence]).tokens
        except Exception as fault:  # noqa: BLE001 - what is asked here is whether it works
            return f"its processor fails on them ({type(fault).__name__}: {' '.join(str(fault).split())[:200]})"
        if self._processor.sound_token not in tokens or min(tokens) < 0:
            return "its processor marks them in a way that is not known"
        self._spellings[AttachmentKind.AUDIO] = spelling
        self._sounds = SoundShelf(self._processor, spelling.text)
        return None

    def _encode_videos(self, request: GenerationRequest, spelling: Spelling, token: int) -> EncodedPrompt:
        rule = self._processor.frame_rule
        videos = [read_video(each.data, place, rule) for place, each in placed(request)]
        prompt = self._written(request, request.messages, {AttachmentKind.VIDEO: spelling})
        with self._refusals(request):
            made = self._processor.process_videos(prompt.text, videos)

        def alone(which: int) -> int:
            return self._processor.process_videos(spelling.text, [videos[which]]).tokens.count(token)

        shown = [each for _, each in placed(request)]
        told = self._processor.tokens_told(made.inputs)
        spans = picture_spans(made.tokens, token, len(shown), told, alone)
        return _encoded(prompt, made, _places(spans, shown), made.inputs)

    def _pictures_in(
        self, made: Processed, shown: Sequence[Attachment], pixels: Sequence[Image.Image]
    ) -> tuple[PromptPicture, ...]:
        token, text = self._processor.image_token, self._spellings[AttachmentKind.IMAGE].text

        def alone(which: int) -> int:
            return self._processor.process(text, [pixels[which]]).tokens.count(token)

        if not shown:
            return ()
        told = self._processor.tokens_told(made.inputs)
        return _places(picture_spans(made.tokens, token, len(shown), told, alone), shown)

    def _spell(self, message: Message) -> Turn:
        shows_video = any(each.kind is AttachmentKind.VIDEO for each in message.attachments)
        if shows_video and self._videos is not None:
            return as_turn(message, {AttachmentKind.VIDEO: self._videos[0]})
        return as_turn(message, self._spellings)

    def _kinds_shown(self, request: GenerationRequest) -> frozenset[AttachmentKind]:
        kinds: set[AttachmentKind] = set()
        for place, each in placed(request):
            if each.kind is AttachmentKind.AUDIO and self._deaf is not None:
                raise no_sounds(self._deaf, place)
            if each.kind is AttachmentKind.VIDEO and self._videos is None:
                raise CapabilityMismatch(f"{place}: this model takes no video", hint="send pictures", param=place.param)
            kinds.add(each.kind)
        if len(kinds) > 1 and AttachmentKind.VIDEO in kinds:
            raise CapabilityMismatch(
                "videos cannot be shown together with pictures or sounds",
                hint="send one kind at a time",
                param="messages",
            )
        return frozenset(kinds)

    def _written(self, request: GenerationRequest, messages: tuple[Message, ...], spellings: Spellings) -> PromptText:
        by_template = self._by_template(request)
        if not by_template or all(each.part is None for each in spellings.values()):
            messages = in_text(messages, spellings)
        spelled = replace(request, messages=messages, picture_numbers=())
        with self._lock:
            prompt = self._written_by_template(spelled) if by_template else self._written_plainly(spelled)
        shown = [spellings[each.kind].text for _, each in placed(request)]
        told = (*self._processor.marks, *self._processor.sound_marks, self._processor.video_mark)
        for mark in sorted({*(each.mark for each in spellings.values()), *(mark for mark in told if mark)}):
            _refuse_miscounted(mark, prompt.text.count(mark), sum(text.count(mark) for text in shown))
        return prompt

    @contextmanager
    def _refusals(self, request: GenerationRequest) -> Iterator[None]:
        """What the model's processor does not take is the request's fault."""
        places = [place for place, _ in placed(request)]
        which, param = (
            (str(places[0]), places[0].param) if len(places) == 1 else ("something of what is shown", "messages")
        )
        try:
            yield
        except ValueError as fault:
            raise InvalidMedia(
                f"{which} is nothing that the model's processor takes: {' '.join(str(fault).split())[:200]}",
                hint="send it in a more usual size and shape",
                param=param,
            ) from fault


def _refuse_miscounted(mark: str, found: int, wanted: int) -> None:
    if found > wanted:
        raise InvalidRequest(
            f"the conversation spells {mark!r} out, by which this model knows where pictures and sounds stand",
            hint="write it otherwise, or send no pictures and sounds with it",
            param="messages",
        )
    if found < wanted:
        raise InvalidMedia(
            "the model's chat template leaves out pictures or sounds that stand in these turns",
            hint="show them in the user's turns",
            param="messages",
        )


def _encoded(
    prompt: PromptText, made: Processed, places: Sequence[PromptPicture], inputs: Mapping[str, Any]
) -> EncodedPrompt:
    return EncodedPrompt(
        made.tokens,
        _anchors(prompt, made),
        prompt.reasoning_open,
        prompt.starts_tool_call,
        PromptMedia(tuple(sorted(places, key=lambda each: each.start)), inputs),
    )


def _places(spans: Sequence[Span] | None, shown: Sequence[Attachment]) -> tuple[PromptPicture, ...]:
    if spans is None:
        raise CapabilityMismatch(
            "this model's processor mixes several pictures or sounds up: it cannot be told which part is which",
            hint="show one at a time",
            param="messages",
        )
    sounds = [each.kind is AttachmentKind.AUDIO for each in shown]
    return tuple(
        PromptPicture(*span, each.digest, sound) for span, each, sound in zip(spans, shown, sounds, strict=True)
    )


def _sounds_in(
    made: Processed, processor: SeeingProcessor, sounds: Sequence[Attachment], heard: Sequence[Heard]
) -> tuple[PromptPicture, ...]:
    at = [place for place, token in enumerate(made.tokens) if token == processor.sound_token]
    lengths = [each.tokens for each in heard]
    return _places(cut(at, lengths) if sum(lengths) == len(at) else None, sounds) if sounds else ()


def _anchors(prompt: PromptText, made: Processed) -> tuple[int, ...]:
    """Before the first picture and behind the last one the processor has left the text as it was."""
    text, encoding = made.text, made.encoding
    if text is None or not getattr(encoding, "is_fast", False):
        return ()
    ahead = _same_beginning(prompt.text, text)
    behind = _same_beginning(prompt.text[::-1], text[::-1])
    grown = len(text) - len(prompt.text)
    ends = {end for end in prompt.turn_ends if end <= ahead}
    ends |= {end + grown for end in prompt.turn_ends if end > ahead and len(prompt.text) - end <= behind}
    found = (_token_of(encoding, end, len(text)) for end in ends)
    return tuple(sorted({anchor for anchor in found if anchor}))


def _same_beginning(one: str, other: str) -> int:
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)


def _token_of(encoding: Any, end: int, length: int) -> int:
    if end >= length:
        return len(encoding["input_ids"][0])
    token = encoding.char_to_token(0, end)
    return token if token is not None and encoding.token_to_chars(0, token).start == end else 0
