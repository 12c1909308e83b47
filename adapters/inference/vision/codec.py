"""Conversations with pictures to prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from adapters.inference.chat_template import Turn
from adapters.inference.conversation_prompt import PromptText
from adapters.inference.text_codec import MlxTextCodec, refuse_half_turns
from adapters.inference.vision.network import unsupported
from adapters.inference.vision.processor import Processed, SeeingProcessor
from adapters.inference.vision.showing import PictureShelf, described, placed
from adapters.inference.vision.spans import picture_spans
from adapters.inference.vision.spelling import Spelling, find_spelling
from domain.errors import CapabilityMismatch, InvalidMedia, InvalidRequest
from domain.inference import AttachmentKind, GenerationRequest, Message, PicturesSeen
from ports.text_codec import EncodedPrompt, PromptMedia, PromptPicture

PROBE_SIDE = 64


class SeeingCodec(MlxTextCodec):
    """MlxTextCodec whose turns may show pictures. Requests without any take the way of a text model. exif: read what
    the pictures' files tell.

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
        tokens = processor.process(spelling.text, [Image.new("RGB", (PROBE_SIDE, PROBE_SIDE), "grey")]).tokens
        if processor.image_token not in tokens or min(tokens) < 0:
            raise unsupported(config, "its processor marks them in a way that is not known")

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        """What InvalidMedia is raised for: what read_picture and the model's processor refuse, pictures that the
        template leaves out, and words that spell a picture's mark out.
        """
        _refuse_other_media(request)
        if not request.pictures:
            return super().encode(request)
        refuse_half_turns(request)
        pictures = self._shelf.pictures_of(request)
        messages = described(request, pictures) if request.describe_pictures else request.messages
        with self._lock:
            prompt = self._written(request, messages)
        self._refuse_miscounted(prompt.text, len(pictures))
        pixels = [picture.pixels for picture in pictures]
        made = self._processed(request, prompt.text, pixels)
        spans = self._spans(made, pixels)
        shown = zip(spans, request.pictures, strict=True)
        media = PromptMedia(tuple(PromptPicture(*span, each.digest) for span, each in shown), made.inputs)
        seen = PicturesSeen(tuple(picture.facts for picture in pictures))
        return EncodedPrompt(
            made.tokens, _anchors(prompt, made), prompt.reasoning_open, prompt.starts_tool_call, media, seen
        )

    def _spell(self, message: Message) -> Turn:
        return self._spelling.turn(message)

    def _written(self, request: GenerationRequest, messages: tuple[Message, ...]) -> PromptText:
        by_template = self._by_template(request)
        if not by_template or self._spelling.part is None:
            messages = _in_text(messages, self._spelling)
        spelled = replace(request, messages=messages, picture_numbers=())
        return self._written_by_template(spelled) if by_template else self._written_plainly(spelled)

    def _refuse_miscounted(self, text: str, count: int) -> None:
        mark, wanted = self._spelling.mark, count * self._spelling.text.count(self._spelling.mark)
        found = text.count(mark)
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

    def _processed(self, request: GenerationRequest, text: str, pixels: Sequence[Image.Image]) -> Processed:
        try:
            return self._processor.process(text, pixels, [each.digest for each in request.pictures])
        except ValueError as fault:
            place, _ = next(placed(request))
            which = str(place) if len(pixels) == 1 else "one of the pictures"
            raise InvalidMedia(
                f"{which} is nothing that the model's processor takes: {' '.join(str(fault).split())[:200]}",
                hint="send it in a more usual size and shape",
                param=place.param if len(pixels) == 1 else "messages",
            ) from fault

    def _spans(self, made: Processed, pixels: Sequence[Image.Image]) -> Sequence[tuple[int, int]]:
        image_token = self._processor.image_token

        def alone(which: int) -> int:
            return self._processor.process(self._spelling.text, [pixels[which]]).tokens.count(image_token)

        told = self._processor.tokens_told(made.inputs)
        spans = picture_spans(made.tokens, image_token, len(pixels), told, alone)
        if spans is None:
            raise CapabilityMismatch(
                "this model's processor mixes several pictures up: it cannot be told which part is which",
                hint="show it one picture at a time",
                param="messages",
            )
        return spans


def _in_text(messages: tuple[Message, ...], spelling: Spelling) -> tuple[Message, ...]:
    first, turns = 1, []
    for message in messages:
        turns.append(spelling.in_text(message, first) if message.attachments else message)
        first += len(message.attachments)
    return tuple(turns)


def _refuse_other_media(request: GenerationRequest) -> None:
    for turn, message in enumerate(request.messages):
        for each in message.attachments:
            if each.kind is not AttachmentKind.IMAGE:
                raise CapabilityMismatch(
                    f"messages.{turn}.content: this model takes no {each.kind.value}",
                    hint="send pictures",
                    param=f"messages.{turn}.content",
                )


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
