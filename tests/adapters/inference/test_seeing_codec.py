"""Conversations with pictures become prompts as mlx-vlm makes them, and everything around that which it does not."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_vlm.prompt_utils import apply_chat_template
from mlx_vlm.utils import load_processor, prepare_inputs
from PIL import Image
from pytest_mock import MockerFixture

from adapters.inference.vision import showing
from adapters.inference.vision.codec import SeeingCodec
from adapters.inference.vision.loading import load_seeing
from application.inference.prepare_request import FreshValues, PrepareRequest
from domain.errors import CapabilityMismatch, ContextLengthExceeded, GenerationFailed, InvalidMedia, InvalidRequest
from domain.inference import (
    Attachment,
    AttachmentKind,
    GenerationRequest,
    Message,
    PromptOptions,
    Role,
    Tool,
    ToolMode,
    ToolUse,
)
from domain.serving.load_options import LoadOptions
from ports.text_codec import EncodedPrompt, PromptMedia
from tests.support.drawn import drawn, png_of, saved, tags
from tests.support.kept_folder import kept_folder
from tests.support.miniatures.seeing import CHATML, IDEFICS_3, QWEN, SEEING, SeeingMiniature

RED, BLUE = drawn(size=(70, 40), colour="red"), drawn("JPEG", (30, 90), "blue")
NOISE = saved(Image.effect_noise((96, 64), 90).convert("RGB"))


@cache
def folder_of(miniature: SeeingMiniature | str) -> Path:
    return (SEEING[miniature] if isinstance(miniature, str) else miniature).build(kept_folder())


def codec_of(kind: str = "qwen2_vl", exif: bool = True) -> SeeingCodec:
    return load_seeing(folder_of(kind), LoadOptions(sees=True, exif=exif), {})[1]


def with_template(template: str, tmp_path: Path) -> SeeingCodec:
    folder = replace(QWEN, template=template).build(tmp_path / "model")
    return load_seeing(folder, LoadOptions(sees=True), {})[1]


def shown(*pictures: tuple[bytes, int]) -> tuple[Attachment, ...]:
    return tuple(Attachment.of(AttachmentKind.IMAGE, data, at) for data, at in pictures)


def user(text: str, *pictures: tuple[bytes, int]) -> Message:
    return Message(Role.USER, text, attachments=shown(*pictures))


def text_of(codec: SeeingCodec, prompt: EncodedPrompt) -> str:
    return b"".join(codec.token_bytes(token) for token in prompt.tokens).decode()


def media_of(prompt: EncodedPrompt) -> PromptMedia:
    assert prompt.media is not None
    return prompt.media


TALKS: dict[str, tuple[Message, ...]] = {
    "picture before the words": (user("What is this?", (RED, 0)),),
    "picture behind the words": (user("What is this?", (RED, 13)),),
    "words around a picture": (user("Look: and tell me.", (NOISE, 5)),),
    "two pictures side by side": (user("Which?", (RED, 0), (NOISE, 0)),),
    "two pictures apart": (user("This or that?", (RED, 4), (BLUE, 13)),),
    "a picture alone": (user("", (BLUE, 0)),),
    "several turns": (
        Message(Role.SYSTEM, "Be brief."),
        user("First?", (RED, 0)),
        Message(Role.ASSISTANT, "Red."),
        user("And this?", (BLUE, 9)),
    ),
    "a picture two turns ago": (user("First?", (RED, 0)), Message(Role.ASSISTANT, "Red."), user("Sure?")),
}


def by_library(kind: str, talk: Sequence[Message]) -> dict[str, Any]:
    """What mlx-vlm makes of it. Two of its own ways are not taken: it joins the words around gemma's pictures before
    the template trims them piece by piece, and hands llava's image processor an option for texts, which that refuses.
    """
    processor = load_processor(folder_of(kind), add_detokenizer=False)
    images = [Image.open(BytesIO(each.data)).convert("RGB") for turn in talk for each in turn.attachments]
    turns = [_as_parts(turn) for turn in talk]
    if kind == "gemma3":
        text = processor.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    else:
        text = apply_chat_template(processor, {"model_type": kind}, turns)
    if kind == "llava":
        return dict(processor(text=[text], images=images))
    return dict(prepare_inputs(processor, images=images, prompts=text))


def _as_parts(turn: Message) -> dict[str, object]:
    parts: list[dict[str, str]] = []
    at = 0
    for each in turn.attachments:
        parts += [{"type": "text", "text": turn.content[at : each.at]}, {"type": "image"}]
        at = each.at
    parts.append({"type": "text", "text": turn.content[at:]})
    content = [part for part in parts if part.get("text") != ""]
    return {"role": turn.role.value, "content": content if turn.attachments else turn.content}


@pytest.mark.parametrize("kind", SEEING)
@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS.keys())
def test_prompts_are_what_mlx_vlm_makes_of_the_same_conversation(kind: str, talk: tuple[Message, ...]) -> None:
    wanted = by_library(kind, talk)
    tokens = wanted.pop("input_ids")[0].tolist()
    wanted.pop("attention_mask")
    codec = codec_of(kind)
    if kind == "gemma3":  # the tokenizer puts a second mark before the one that the template has written
        assert tokens.pop(0) == tokens[0] == codec._tokenizer.bos_token_id
    prompt = codec.encode(GenerationRequest(talk))
    assert list(prompt.tokens) == tokens
    inputs = media_of(prompt).inputs
    assert inputs.keys() == wanted.keys()
    for name, value in wanted.items():
        assert isinstance(inputs[name], np.ndarray)
        assert np.array_equal(inputs[name], np.array(value)), name


@pytest.mark.parametrize("kind", SEEING)
@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS.keys())
def test_each_pictures_own_tokens_are_told(kind: str, talk: tuple[Message, ...]) -> None:
    codec = codec_of(kind)
    request = GenerationRequest(talk)
    prompt = codec.encode(request)
    places = media_of(prompt).pictures
    image_token = codec._processor.image_token
    covered = [at for each in places for at in range(each.start, each.end)]
    assert covered == [at for at, token in enumerate(prompt.tokens) if token == image_token]
    assert [each.digest for each in places] == [each.digest for each in request.pictures]
    for each, attachment in zip(places, request.pictures, strict=True):
        alone = codec.encode(GenerationRequest((Message(Role.USER, "", attachments=(replace(attachment, at=0),)),)))
        assert each.end - each.start == alone.tokens.count(image_token)


@pytest.mark.parametrize("kind", SEEING)
def test_the_beginnings_that_are_told_are_those_of_later_turns(kind: str) -> None:
    codec = codec_of(kind)
    talk = TALKS["a picture two turns ago"]
    later = (*talk, Message(Role.ASSISTANT, "Yes."), user("Why?"))
    one, other = (codec.encode(GenerationRequest(turns)) for turns in (talk, later))
    assert len(one.anchors) >= 2
    assert one.anchors[-1] < len(one.tokens) or kind == "llava"
    last = one.anchors[-1] if kind != "llava" else one.anchors[-2]
    assert other.tokens[:last] == one.tokens[:last]
    assert last > max(each.end for each in media_of(one).pictures)


@pytest.mark.parametrize("kind", SEEING)
def test_text_alone_takes_the_way_of_a_text_model(kind: str, mocker: MockerFixture) -> None:
    codec = codec_of(kind)
    processing = mocker.spy(codec._processor, "process")
    talk = (Message(Role.SYSTEM, "Be brief."), user("Hello"), Message(Role.ASSISTANT, "Hi."), user("Who are you?"))
    prompt = codec.encode(GenerationRequest(talk))
    wanted = codec._tokenizer.apply_chat_template([turn.for_template() for turn in talk], add_generation_prompt=True)
    begin = [codec._tokenizer.bos_token_id] if kind == "llava" else []  # its template leaves that to the tokenizer
    assert list(prompt.tokens) == begin + wanted
    assert (prompt.media, prompt.seen, processing.call_count) == (None, None, 0)
    assert len(prompt.anchors) == 3


def test_facts_are_told_in_the_order_of_the_pictures_and_described_before_them() -> None:
    codec = codec_of()
    made = tags(
        {0x010F: "Canon", 0x0110: "EOS"},
        {0x9003: "2024:05:06 07:08:09"},
        {1: "S", 2: (33, 51, 0), 3: "E", 4: (151, 12, 0)},
    )
    taken = drawn("JPEG", (40, 40), exif=made)
    request = GenerationRequest(
        (user("Look: what?", (taken, 5), (RED, 11)),), describe_pictures=True, picture_numbers=(3, 7)
    )
    prompt = codec.encode(request)
    assert prompt.seen is not None
    assert [(facts.format, facts.camera) for facts in prompt.seen.pictures] == [("JPEG", "Canon EOS"), ("PNG", None)]
    text = text_of(codec, prompt)
    lines = "[Image 3]\n[Location: 33.8500°S, 151.2000°E]\n[Date: 2024-05-06T07:08:09]\n[Camera: Canon EOS]\n"
    assert f"Look:\n{lines}<|vision_start|>" in text
    assert "<|vision_end|> what?\n[Image 7]\n<|vision_start|>" in text


def test_nothing_is_described_that_was_not_asked_for() -> None:
    taken = drawn("JPEG", (40, 40), exif=tags({0x010F: "Canon"}))
    for codec, describe in ((codec_of(), False), (codec_of(exif=False), True)):
        prompt = codec.encode(GenerationRequest((user("What?", (taken, 0)),), describe_pictures=describe))
        assert "[" not in text_of(codec, prompt)


def test_a_picture_is_decoded_once_however_often_it_is_shown(mocker: MockerFixture) -> None:
    codec = codec_of()
    reading = mocker.spy(showing, "read_picture")
    eyes = codec._processor._eyes
    cut = 0

    class Counting:
        def __init__(self, other: Any) -> None:
            self.other = other

        def __call__(self, *args: Any, **options: Any) -> Any:
            nonlocal cut
            cut += 1
            return self.other(*args, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.other, name)

    eyes.other = Counting(eyes.other)
    talk = (user("One?", (RED, 0), (RED, 4)),)
    first = codec.encode(GenerationRequest(talk))
    later = codec.encode(GenerationRequest((*talk, Message(Role.ASSISTANT, "Yes."), user("Sure?"))))
    assert (reading.call_count, cut) == (1, 1)
    assert np.array_equal(media_of(first).inputs["pixel_values"], media_of(later).inputs["pixel_values"])
    codec.encode(GenerationRequest((user("And?", (BLUE, 0)),)))
    assert (reading.call_count, cut) == (2, 2)


def test_pictures_that_are_kept_take_no_more_than_they_may() -> None:
    shelf = showing.PictureShelf(exif=True, kept_bytes=2 * 3 * 70 * 40)
    for colour in ("red", "green", "blue"):
        shelf.pictures_of(GenerationRequest((user("", (drawn(size=(70, 40), colour=colour), 0)),)))
    assert len(shelf._kept) == 2


@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        ("qwen2_vl", "<|image_pad|>"),
        ("qwen2_vl", "<|video_pad|>"),
        ("gemma3", "<start_of_image>"),
        ("gemma3", "<soft>"),
        ("llava", "<image>"),
    ],
)
def test_words_that_spell_the_mark_of_a_picture_are_refused(kind: str, mark: str) -> None:
    codec = codec_of(kind)
    with pytest.raises(InvalidRequest, match=f"spells '{re.escape(mark)}' out"):
        codec.encode(GenerationRequest((user(f"What is {mark}?", (RED, 0)),)))
    assert codec.encode(GenerationRequest((user(f"What is {mark}?"),))).media is None


def test_a_template_that_leaves_pictures_out_is_told_of(tmp_path: Path) -> None:
    template = CHATML.replace("c['type'] == 'image'", "c['type'] == 'image' and m['role'] == 'user'")
    codec = with_template(template, tmp_path)
    with pytest.raises(InvalidMedia, match="leaves out pictures"):
        codec.encode(GenerationRequest((Message(Role.SYSTEM, "See:", attachments=shown((RED, 4))), user("What?"))))


def test_a_template_that_takes_lists_alone_gets_them(tmp_path: Path) -> None:
    template = CHATML.replace("{% if m['content'] is string %}{{ m['content'] }}{% else %}", "").replace(
        "{% endfor %}{% endif %}<|im_end|>", "{% endfor %}<|im_end|>"
    )
    codec = with_template(template, tmp_path)
    talk = (Message(Role.SYSTEM, "Be brief."), user("What?", (RED, 0)))
    assert codec.encode(GenerationRequest(talk)).tokens == codec_of().encode(GenerationRequest(talk)).tokens
    alone = (user("Hello"),)
    assert codec.encode(GenerationRequest(alone)).tokens == codec_of().encode(GenerationRequest(alone)).tokens


def test_a_model_without_a_template_shows_pictures_in_paragraphs(tmp_path: Path) -> None:
    codec = load_seeing(replace(QWEN, template=None).build(tmp_path / "model"), LoadOptions(sees=True), {})[1]
    prompt = codec.encode(GenerationRequest((user("What? Tell.", (RED, 5)),)))
    assert text_of(codec, prompt) == "User: What?" + "<|image_pad|>" * 6 + " Tell.\n\nAssistant:"


def test_bare_text_shows_pictures_too() -> None:
    codec = codec_of()
    prompt = codec.encode(GenerationRequest((user("What?", (RED, 0)),), prompt=PromptOptions(template=False)))
    assert text_of(codec, prompt) == "<|vision_start|>" + "<|image_pad|>" * 6 + "<|vision_end|>What?"


THINKER = (
    "{% if tools %}{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    'Call with <tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>\n{% endif %}'
    + CHATML.replace(
        "<|im_start|>assistant\n{% endif %}",
        "<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}"
        "<think>\n\n</think>\n\n{% endif %}{% endif %}",
    )
)


def test_tools_thoughts_and_forms_work_beside_pictures(tmp_path: Path) -> None:
    marks = ("<think>", "</think>", "<tool_call>", "</tool_call>")
    miniature = replace(QWEN, template=THINKER, special=(*QWEN.special, *marks))
    codec = load_seeing(miniature.build(tmp_path / "model"), LoadOptions(sees=True), {})[1]
    assert codec.output_format.can_reason
    assert codec.output_format.can_call_tools
    asking = GenerationRequest((user("What?", (RED, 0)),), prompt=PromptOptions(thinking=False))
    assert text_of(codec, codec.encode(asking)).endswith("<think>\n\n</think>\n\n")
    calling = replace(asking, tools=ToolUse((Tool("weather", "tells the weather"),), ToolMode.REQUIRED))
    prompt = codec.encode(calling)
    assert '"weather"' in text_of(codec, prompt)
    assert codec.constraint(calling, prompt) is not None
    continued = replace(asking, messages=(*asking.messages, Message(Role.ASSISTANT, "It is")))
    assert text_of(codec, codec.encode(continued)).endswith("It is")


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (3, 5)])
@pytest.mark.parametrize("kind", SEEING)
def test_tiny_and_thin_pictures_are_shown(kind: str, size: tuple[int, int]) -> None:
    prompt = codec_of(kind).encode(GenerationRequest((user("What?", (drawn(size=size), 0)),)))
    assert len(media_of(prompt).pictures) == 1


@pytest.mark.parametrize("data", [b"", b"<svg/>", RED[:60], png_of(60_000, 60_000), drawn(size=(1, 300))])
def test_a_bad_picture_is_named_by_its_turn_and_place(data: bytes) -> None:
    talk = (user("First?", (RED, 0)), Message(Role.ASSISTANT, "Red."), user("And?", (BLUE, 0), (data, 0)))
    with pytest.raises(InvalidMedia, match=r"messages\.2\.content: picture 2 ") as told:
        codec_of().encode(GenerationRequest(talk))
    assert told.value.param == "messages.2.content"
    assert told.value.hint


def test_what_the_processor_refuses_is_the_requests_fault_and_what_breaks_it_is_not(mocker: MockerFixture) -> None:
    codec = codec_of()
    prepare = PrepareRequest(codec, FreshValues(lambda: 1, lambda: "", lambda: 0.0))
    asking = GenerationRequest((user("What?", (RED, 0)),))
    processor = mocker.patch.object(codec._processor, "_processor")
    processor.side_effect = ValueError("absolute aspect ratio must be smaller")
    with pytest.raises(InvalidMedia, match=r"messages\.0\.content: picture 1 .* absolute aspect ratio"):
        prepare.execute(1, asking)
    processor.side_effect = KeyError("grid")
    with pytest.raises(GenerationFailed, match="KeyError"):
        prepare.execute(1, asking)


def test_pictures_count_in_the_context_and_reach_the_engine() -> None:
    codec = codec_of()
    prepare = PrepareRequest(codec, FreshValues(lambda: 1, lambda: "", lambda: 0.0))
    one = GenerationRequest((user("What?", (RED, 0)),))
    prepared = prepare.execute(1, one)
    assert prepared.row.media is not None
    assert prepared.seen is not None
    many = GenerationRequest((user("What?", *[(RED, 0)] * 80, *[(NOISE, 0)] * 180),))
    with pytest.raises(ContextLengthExceeded, match=r"2,048"):
        prepare.execute(2, many)


def test_too_many_pixels_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "MOST_PIXELS_TOGETHER", 5000)
    codec = codec_of()
    codec.encode(GenerationRequest((user("What?", (RED, 0), (RED, 0)),)))
    with pytest.raises(InvalidMedia, match=r"messages\.0\.content: picture 2 is too much"):
        codec.encode(GenerationRequest((user("What?", (RED, 0), (BLUE, 0)),)))


@pytest.mark.parametrize("kind", [AttachmentKind.AUDIO, AttachmentKind.VIDEO])
def test_other_media_are_refused_by_name(kind: AttachmentKind) -> None:
    message = Message(Role.USER, "Listen.", attachments=(Attachment.of(kind, b"x", 0),))
    with pytest.raises(CapabilityMismatch, match=r"this model takes no (sound|video)"):
        codec_of("gemma3").encode(GenerationRequest((message,)))


def test_pictures_that_are_cut_into_tiles_keep_theirs_together(tmp_path: Path) -> None:
    """The tokens of one picture stand in many places, and how many there are depends on its size."""
    codec = load_seeing(IDEFICS_3.build(tmp_path / "model"), LoadOptions(sees=True), {})[1]
    pictures = [drawn(size=size) for size in ((100, 64), (64, 128))]
    prompt = codec.encode(GenerationRequest((user("This or that?", (pictures[0], 4), (pictures[1], 13)),)))
    first, second = media_of(prompt).pictures
    image_token = codec._processor.image_token
    counts = [prompt.tokens[each.start : each.end].count(image_token) for each in (first, second)]
    alone = [codec.encode(GenerationRequest((user("", (data, 0)),))).tokens.count(image_token) for data in pictures]
    assert counts == alone
    assert counts[0] > counts[1] > 4
    between = prompt.tokens[first.end : second.start]
    assert b"or that?" in b"".join(codec.token_bytes(token) for token in between)
    text = codec.encode(GenerationRequest((user("Hello"),)))
    assert text_of(codec, text) == "<|begin_of_text|>User: Hello<end_of_utterance>\nAssistant:"


def test_prompts_hold_nothing_of_mlx_and_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    prompt = codec_of("gemma3").encode(GenerationRequest((user("What?", (NOISE, 0)),)))
    assert not any(isinstance(value, mx.array) for value in media_of(prompt).inputs.values())
