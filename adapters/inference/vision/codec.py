"""Conversations with pictures to prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from PIL import Image

from adapters.inference.chat_template import Turn
from adapters.inference.conversation_prompt import PromptText
from adapters.inference.pictures.video import read_video
from adapters.inference.text_codec import MlxTextCodec, refuse_half_turns
from adapters.inference.vision.network import unsupported
from adapters.inference.vision.processor import Processed, SeeingProcessor
from adapters.inference.vision.showing import PictureShelf, described, placed
from adapters.inference.vision.spans import picture_spans
from adapters.inference.vision.spelling import Spelling, find_spelling, find_video_spelling
from domain.errors import CapabilityMismatch, InvalidMedia, InvalidRequest
from domain.inference import AttachmentKind, GenerationRequest, Message, PicturesSeen
from ports.text_codec import EncodedPrompt, PromptMedia, PromptPicture

PROBE_SIDE = 64


class SeeingCodec(MlxTextCodec):
    """MlxTextCodec whose turns may show pictures, or videos where the model takes them. Requests without any take the
    way of a text model. exif: read what the pictures' files tell.

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
        spelling = find_spelling(self._template, str(config.get("model_type", "")), processor.marks)
        if spelling is None:
            raise unsupported(config, "neither its chat template nor mlx-vlm says where in a prompt they stand")
        self._spelling: Spelling = spelling
        self._videos = self._find_videos()
        tokens = processor.process(spelling.text, [Image.new("RGB", (PROBE_SIDE, PROBE_SIDE), "grey")]).tokens
        if processor.image_token not in tokens or min(tokens) < 0:
            raise unsupported(config, "its processor marks them in a way that is not known")

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        """What InvalidMedia is raised for: what read_picture, read_video and the model's processor refuse, and what the
        template leaves out. InvalidRequest for words that spell the mark of a picture out, CapabilityMismatch for media
        that the model does not take.
        """
        kind = self._kind_shown(request)
        if kind is None:
            return super().encode(request)
        refuse_half_turns(request)
        if kind is AttachmentKind.VIDEO and self._videos is not None:
            return self._encode_videos(request, *self._videos)
        pictures = self._shelf.pictures_of(request)
        messages = described(request, pictures) if request.describe_pictures else request.messages
        prompt = self._written(request, messages, self._spelling)
        pixels = [picture.pixels for picture in pictures]
        names = [each.digest for each in request.pictures]
        with self._refusals(request):
            made = self._processor.process(prompt.text, pixels, names)

        def alone(which: int) -> int:
            return self._processor.process(self._spelling.text, [pixels[which]]).tokens.count(image_token)

        image_token = self._processor.image_token
        seen = PicturesSeen(tuple(picture.facts for picture in pictures))
        return replace(self._encoded(request, prompt, made, image_token, alone), seen=seen)

    def _find_videos(self) -> tuple[Spelling, int] | None:
        """How they are spelled, and the token of their parts; None where the model takes none."""
        mark, token = self._processor.video_mark, self._processor.video_token
        spelling = None if mark is None else find_video_spelling(self._template, mark)
        return None if spelling is None or token is None else (spelling, token)

    def _encode_videos(self, request: GenerationRequest, spelling: Spelling, token: int) -> EncodedPrompt:
        rule = self._processor.frame_rule
        videos = [read_video(each.data, place, rule) for place, each in placed(request)]
        prompt = self._written(request, request.messages, spelling)
        with self._refusals(request):
            made = self._processor.process_videos(prompt.text, videos)

        def alone(which: int) -> int:
            return self._processor.process_videos(spelling.text, [videos[which]]).tokens.count(token)

        return self._encoded(request, prompt, made, token, alone)

    def _encoded(
        self, request: GenerationRequest, prompt: PromptText, made: Processed, token: int, alone: Callable[[int], int]
    ) -> EncodedPrompt:
        shown = [each for _, each in placed(request)]
        spans = picture_spans(made.tokens, token, len(shown), self._processor.tokens_told(made.inputs), alone)
        if spans is None:
            raise CapabilityMismatch(
                "this model's processor mixes several pictures up: it cannot be told which part is which",
                hint="show it one at a time",
                param="messages",
            )
        places = tuple(PromptPicture(*span, each.digest) for span, each in zip(spans, shown, strict=True))
        return EncodedPrompt(
            made.tokens,
            _anchors(prompt, made),
            prompt.reasoning_open,
            prompt.starts_tool_call,
            PromptMedia(places, made.inputs),
        )

    def _spell(self, message: Message) -> Turn:
        shows_video = any(each.kind is AttachmentKind.VIDEO for each in message.attachments)
        spelling = self._videos[0] if shows_video and self._videos is not None else self._spelling
        return spelling.turn(message)

    def _kind_shown(self, request: GenerationRequest) -> AttachmentKind | None:
        kinds: set[AttachmentKind] = set()
        for place, each in placed(request):
            takes = each.kind is AttachmentKind.IMAGE or (
                each.kind is AttachmentKind.VIDEO and self._videos is not None
            )
            if not takes:
                raise CapabilityMismatch(
                    f"{place}: this model takes no {each.kind.value}", hint="send pictures", param=place.param
                )
            kinds.add(each.kind)
        if len(kinds) > 1:
            raise CapabilityMismatch(
                "pictures and videos cannot be shown together", hint="send one kind at a time", param="messages"
            )
        return next(iter(kinds), None)

    def _written(self, request: GenerationRequest, messages: tuple[Message, ...], spelling: Spelling) -> PromptText:
        by_template = self._by_template(request)
        if not by_template or spelling.part is None:
            messages = _in_text(messages, spelling)
        spelled = replace(request, messages=messages, picture_numbers=())
        with self._lock:
            prompt = self._written_by_template(spelled) if by_template else self._written_plainly(spelled)
        marks = {spelling.mark, *self._processor.marks, self._processor.video_mark or spelling.mark}
        for mark in sorted(marks):
            wanted = spelling.text.count(mark) * sum(1 for _ in placed(request))
            _refuse_miscounted(mark, prompt.text.count(mark), wanted)
        return prompt

    @contextmanager
    def _refusals(self, request: GenerationRequest) -> Iterator[None]:
        """What the model's processor does not take is the request's fault."""
        places = [place for place, _ in placed(request)]
        which, param = (str(places[0]), places[0].param) if len(places) == 1 else ("one of the pictures", "messages")
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
            f"the conversation spells {mark!r} out, by which this model knows where its pictures stand",
            hint="write it otherwise, or send no pictures with it",
            param="messages",
        )
    if found < wanted:
        raise InvalidMedia(
            "the model's chat template leaves pictures out that stand in these turns",
            hint="show pictures in the user's turns",
            param="messages",
        )


def _in_text(messages: tuple[Message, ...], spelling: Spelling) -> tuple[Message, ...]:
    first, turns = 1, []
    for message in messages:
        turns.append(spelling.in_text(message, first) if message.attachments else message)
        first += len(message.attachments)
    return tuple(turns)


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
