"""Videos: frames that are taken as mlx-vlm takes them, from files that are not trusted."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mlx_vlm.prompt_utils import apply_chat_template
from mlx_vlm.utils import load_processor, load_video, prepare_inputs

from adapters.inference.pictures import frames_child, video
from adapters.inference.pictures.reading import Place
from adapters.inference.pictures.video import FrameRule, read_video
from adapters.inference.text_runtime import MlxTextRuntime
from adapters.inference.vision.codec import SeeingCodec
from domain.catalog import LocatedModel, ModelSource
from domain.errors import CapabilityMismatch, InvalidMedia
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Message, Role, Sampling
from domain.serving.load_options import LoadOptions
from ports.text_engine import EngineRow
from ports.text_runtime import LoadedText
from tests.support.drawn import drawn
from tests.support.kept_folder import kept_folder
from tests.support.miniatures.seeing import SEEING

PLACE = Place(0, 1, "video")
RULE = FrameRule()


@cache
def filmed(frames: int = 30, size: tuple[int, int] = (96, 64), kind: str = "mp4", fps: int = 10) -> Path:
    """A colour that changes, and a bar that moves."""
    path = kept_folder() / f"film.{kind}"
    code = {"mp4": "mp4v", "mov": "mp4v", "webm": "VP80", "mkv": "MJPG", "avi": "MJPG"}[kind]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, size)
    assert writer.isOpened()
    for at in range(frames):
        frame = np.zeros((size[1], size[0], 3), np.uint8)
        frame[:] = (8 * at % 256, 60, 255 - 8 * at % 256)
        frame[:, 2 * at % size[0]] = 255
        writer.write(frame)
    writer.release()
    return path


def shown(path: Path, at: int = 0) -> Attachment:
    return Attachment.of(AttachmentKind.VIDEO, path.read_bytes(), at)


@cache
def loaded(kind: str) -> LoadedText:
    folder = SEEING[kind].build(kept_folder())
    return MlxTextRuntime().load(LocatedModel(kind, folder, ModelSource.WORKSPACE), LoadOptions(sees=True))


def codec_of(kind: str) -> SeeingCodec:
    codec = loaded(kind).codec
    assert isinstance(codec, SeeingCodec)
    return codec


@pytest.mark.parametrize("kind", ["mp4", "mov", "webm", "mkv"])
def test_the_frames_are_those_that_mlx_vlm_takes(kind: str) -> None:
    path = filmed(kind=kind)
    frames, facts = load_video(str(path))
    taken = read_video(path.read_bytes(), PLACE, RULE)
    assert list(taken.indices) == facts.frames_indices
    assert (taken.total, taken.fps) == (facts.total_num_frames, facts.fps)
    assert np.array_equal(taken.frames, frames)


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen3_vl"])
def test_prompts_with_a_video_are_what_mlx_vlm_makes_of_them(kind: str, tmp_path: Path) -> None:
    folder = SEEING[kind].build(tmp_path / "model")
    path = filmed()
    processor = load_processor(folder, add_detokenizer=False)
    text = apply_chat_template(processor, {"model_type": kind}, "What happens?", video=[str(path)])
    wanted: dict[str, Any] = dict(prepare_inputs(processor, videos=[str(path)], prompts=text))
    message = Message(Role.USER, "What happens?", attachments=(shown(path),))
    codec = codec_of(kind)
    prompt = codec.encode(GenerationRequest((message,)))
    assert list(prompt.tokens) == wanted.pop("input_ids")[0].tolist()
    wanted.pop("attention_mask")
    assert prompt.media is not None
    assert prompt.media.inputs.keys() == wanted.keys()
    for name, value in wanted.items():
        assert np.array_equal(prompt.media.inputs[name], np.array(value)), name
    (place,) = prompt.media.pictures
    token = codec._processor.video_token
    assert token is not None
    assert prompt.tokens[place.start] == prompt.tokens[place.end - 1] == token
    assert prompt.tokens.count(token) == prompt.tokens[place.start : place.end].count(token)


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen3_vl"])
def test_a_model_that_takes_videos_answers_about_one(kind: str) -> None:
    model = loaded(kind)
    message = Message(Role.USER, "What happens?", attachments=(shown(filmed()),))
    prompt = model.codec.encode(GenerationRequest((message,)))
    model.engine.admit(EngineRow(1, prompt.tokens, 4, Sampling(0.0, 1.0, 0), media=prompt.media))
    said = []
    while model.engine.active_rows:
        for step in model.engine.step():
            assert step.error is None
            said.append(step.token)
    assert 1 <= len(said) <= 4


def test_a_frame_is_never_taken_for_a_picture_that_is_gone() -> None:
    codec = codec_of("qwen2_vl")
    picture = Attachment.of(AttachmentKind.IMAGE, drawn(size=(60, 60)), 0)
    for attached in (picture, shown(filmed())):
        codec.encode(GenerationRequest((Message(Role.USER, "What?", attachments=(attached,)),)))
    assert codec._processor._eyes.names == {}


def test_pictures_and_videos_are_not_shown_together() -> None:
    picture = Attachment.of(AttachmentKind.IMAGE, drawn(size=(60, 60)), 0)
    message = Message(Role.USER, "What?", attachments=(picture, shown(filmed())))
    with pytest.raises(CapabilityMismatch, match="together"):
        codec_of("qwen2_vl").encode(GenerationRequest((message,)))


def test_a_bad_video_is_named_by_its_turn_and_place() -> None:
    bad = Attachment.of(AttachmentKind.VIDEO, b"#EXTM3U\nfile:///etc/passwd\n", 0)
    message = Message(Role.USER, "What?", attachments=(shown(filmed()), bad))
    with pytest.raises(InvalidMedia, match=r"messages\.0\.content: video 2 is no MP4"):
        codec_of("qwen2_vl").encode(GenerationRequest((message,)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypheic" + bytes(90),
        drawn(),
    ],
)
def test_what_could_name_other_files_or_is_no_video_is_never_opened(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "CHILD", (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(InvalidMedia, match="is no MP4, MOV, WebM or Matroska video"):
        read_video(data, PLACE, RULE)


def test_other_kinds_of_video_are_refused() -> None:
    with pytest.raises(InvalidMedia, match="is no MP4"):
        read_video(filmed(kind="avi").read_bytes(), PLACE, RULE)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_a_video_that_was_cut_off_gives_what_can_be_decoded_or_is_refused(kind: str) -> None:
    whole = filmed(kind=kind).read_bytes()
    for share in (0.01, 0.3, 0.6):
        try:
            taken = read_video(whole[: int(len(whole) * share)], PLACE, RULE)
        except InvalidMedia as told:
            assert told.param == "messages.0.content"
        else:
            assert len(taken.frames) == len(taken.indices) >= RULE.factor


@pytest.mark.parametrize(
    ("child", "what"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "cannot be decoded"),
        ("raise MemoryError", "cannot be decoded"),
        ("import time; time.sleep(600)", "takes more than 0.2 s to decode"),
    ],
)
def test_a_file_that_breaks_what_decodes_it_breaks_nothing_else(
    monkeypatch: pytest.MonkeyPatch, child: str, what: str
) -> None:
    monkeypatch.setattr(video, "CHILD", (sys.executable, "-c", child))
    monkeypatch.setattr(video, "MAX_SECONDS", 0.2 if "sleep" in child else 30.0)
    with pytest.raises(InvalidMedia, match=what):
        read_video(filmed().read_bytes(), PLACE, RULE)


def test_what_decodes_gets_neither_our_variables_nor_our_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    script = "import json, os, sys; print(json.dumps({'refused': [str('HF_TOKEN' in os.environ), str(sys.path[0])]}))"
    monkeypatch.setattr(video, "CHILD", (*video.CHILD[:2], "-c", script))
    with pytest.raises(InvalidMedia, match="video 1 False") as told:
        read_video(filmed().read_bytes(), PLACE, RULE)
    assert told.value.hint not in ("", str(Path.cwd()))


def test_too_much_to_look_through_is_refused_by_what_the_file_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_PIXELS_READ", 30 * 96 * 64 - 1)
    with pytest.raises(InvalidMedia, match="too much to look through: 30 frames of 96 x 64 pixels"):
        read_video(filmed().read_bytes(), PLACE, RULE)


def test_frames_are_as_few_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_PIXELS_KEPT", 5 * 96 * 64)
    assert len(read_video(filmed().read_bytes(), PLACE, FrameRule(fps=10)).frames) == 4


def test_a_single_frame_is_no_video() -> None:
    with pytest.raises(InvalidMedia, match="has too few frames: 1"):
        read_video(filmed(frames=1).read_bytes(), PLACE, RULE)


@pytest.mark.parametrize(
    ("total", "fps", "most", "wanted"),
    [
        (30, 10.0, 128, 6),
        (1000, 10.0, 9999, 128),
        (1000, 10.0, 9, 8),
        (3, 30.0, 128, 2),
        (5, 30.0, 128, 4),
        (100, 50.0, 128, 4),
    ],
)
def test_frames_are_spread_over_the_whole(total: int, fps: float, most: int, wanted: int) -> None:
    task: frames_child.Task = json.loads(video._task(RULE))
    indices = frames_child.chosen_frames(total, fps, task, most)
    assert len(indices) == wanted
    assert (indices[0], indices[-1]) == (0, total - 1)
