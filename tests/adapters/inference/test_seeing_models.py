"""Folders of vision models are loaded, and what they could do on the way is not done."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import mlx.core as mx
import pytest

from adapters.inference.text_runtime import MlxTextRuntime
from adapters.inference.vision.spans import picture_spans
from adapters.inference.vision.spelling import Spelling, find_spelling, in_text
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InvalidRequest, ModelLoadFailed, UnsupportedMultimodal
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Message, Role, Sampling
from domain.serving.load_options import LoadOptions
from ports.text_engine import EngineRow
from ports.text_runtime import LoadedText
from tests.support.codec_kit import ToyModel
from tests.support.drawn import drawn
from tests.support.miniatures.seeing import LLAVA_1_5, QWEN, SEEING
from tests.support.tiny_llama import TinyLlama

EVIL = "import pathlib\npathlib.Path({place!r}).write_text('run')\nclass Evil:\n    pass\n"
SHOWN = Message(Role.USER, "What?", attachments=(Attachment.of(AttachmentKind.IMAGE, drawn(size=(60, 60)), 0),))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def connect(*_: object) -> None:
        raise AssertionError("loading must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield


def load(folder: Path, options: LoadOptions | None = None) -> LoadedText:
    return MlxTextRuntime().load(
        LocatedModel("org/eyes", folder, ModelSource.WORKSPACE), options or LoadOptions(sees=True)
    )


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | values))


def said(loaded: LoadedText, message: Message) -> list[int]:
    prompt = loaded.codec.encode(GenerationRequest((message,)))
    loaded.engine.admit(EngineRow(1, prompt.tokens, 6, Sampling(0.0, 1.0, 0), media=prompt.media))
    tokens: list[int] = []
    while loaded.engine.active_rows:
        for step in loaded.engine.step():
            assert step.error is None
            tokens += [] if step.token is None else [step.token]
    return tokens


@pytest.mark.parametrize("kind", SEEING)
def test_a_vision_model_answers_with_and_without_a_picture(kind: str, tmp_path: Path) -> None:
    loaded = load(SEEING[kind].build(tmp_path / "model"))
    assert 1 <= len(said(loaded, SHOWN)) <= 6
    assert 1 <= len(said(loaded, Message(Role.USER, "What?"))) <= 6
    assert loaded.facts.context_length == 2048


def test_its_stop_tokens_are_all_that_its_files_name(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    edit(folder / "generation_config.json", eos_token_id=[258, 65], temperature=0.25)
    loaded = load(folder)
    assert {258, 65} <= loaded.codec.declared_stops
    assert loaded.codec.generation_config["temperature"] == 0.25


def test_a_template_in_a_json_file_of_its_own_is_read(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    edit(folder / "chat_template.json", chat_template=template)
    prompt = load(folder).codec.encode(GenerationRequest((SHOWN,)))
    assert b"<|im_start|>" in b"".join(load(folder).codec.token_bytes(token) for token in prompt.tokens[:1])


def test_a_folder_with_a_pattern_in_its_name_is_loaded(tmp_path: Path) -> None:
    assert load(QWEN.build(tmp_path / "model[0-9]")).facts.memory_bytes > 0


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    folder = LLAVA_1_5.build(tmp_path / "model")
    place = tmp_path / "it was run"
    (folder / "evil.py").write_text(EVIL.format(place=str(place)))
    autos = ("AutoConfig", "AutoTokenizer", "AutoProcessor", "AutoImageProcessor", "AutoModel")
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"):
        edit(folder / name, auto_map=dict.fromkeys(autos, "evil.Evil"))
    assert said(load(folder), SHOWN)
    assert not place.exists()
    edit(folder / "preprocessor_config.json", image_processor_type="OnlyInEvil")
    with pytest.raises(ModelLoadFailed, match="org/eyes"):
        load(folder)
    assert not place.exists()


def test_a_network_of_the_folders_own_is_refused(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    place = tmp_path / "it was run"
    (folder / "evil.py").write_text(EVIL.format(place=str(place)))
    edit(folder / "config.json", model_file="evil.py")
    with pytest.raises(ModelLoadFailed, match="cannot load org/eyes: it brings its own code"):
        load(folder)
    assert not place.exists()


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "model.npz"])
def test_an_index_that_names_what_is_no_weights_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = QWEN.build(tmp_path / "model")
    edit(folder / "model.safetensors.index.json", weight_map={"a": name})
    with pytest.raises(ModelLoadFailed, match=r"cannot load org/eyes: .* no safetensors file of this folder"):
        load(folder)


def test_weights_of_another_kind_are_refused(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="No safetensors found"):
        load(folder)


def test_a_file_of_weights_is_never_written_to(tmp_path: Path) -> None:
    """mlx-vlm would, for numbers of a kind that MLX does not know, while it reads them."""
    folder = QWEN.build(tmp_path / "model")
    place = {"shape": [4], "data_offsets": [0, 4]}
    header = json.dumps({"a": {"dtype": "F8_E8M0", **place}, "b": {"dtype": "F8_E8M0_OF_TOMORROW", **place}}).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(ModelLoadFailed, match="F8_E8M0"):
        load(folder)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, changed)


def test_weights_that_are_to_stay_on_the_disk_are_refused(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    edit(folder / "offload_index.json")
    with pytest.raises(ModelLoadFailed, match=r"offload_index\.json"):
        load(folder)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (LoadOptions(sees=True, adapter=PurePath("/adapter")), "--adapter"),
        (LoadOptions(sees=True, draft_ngram=3), "--draft-ngram"),
        (LoadOptions(sees=True, kv_bits=8), "--kv-bits"),
        (LoadOptions(sees=True, max_kv_size=512), "--max-kv-size"),
        (
            LoadOptions(sees=True, draft=LocatedModel("org/small", Path("/small"), ModelSource.WORKSPACE)),
            "--draft-model",
        ),
    ],
)
def test_options_of_text_models_are_refused_by_name(tmp_path: Path, options: LoadOptions, name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        load(QWEN.build(tmp_path / "model"), options)


def test_a_type_that_sees_nothing_is_named(tmp_path: Path) -> None:
    folder = TinyLlama().build(tmp_path / "model")
    with pytest.raises(UnsupportedMultimodal, match="models of type llama cannot be shown pictures"):
        load(folder)


def test_a_folder_without_the_weights_of_its_eyes_is_told_of(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    path = str(folder / "model.safetensors")
    weights: Any = mx.load(path)
    left = {name: value for name, value in weights.items() if not name.startswith("vision_tower")}
    mx.save_safetensors(path, left, {"format": "mlx"})
    with pytest.raises(UnsupportedMultimodal, match="holds no weights of what looks at them"):
        load(folder)


def test_a_type_that_nobody_knows_is_named(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    edit(folder / "config.json", model_type="eyes_of_tomorrow")
    with pytest.raises(ModelLoadFailed, match="eyes_of_tomorrow"):
        load(folder)


def test_a_processor_that_is_broken_says_why(tmp_path: Path) -> None:
    folder = LLAVA_1_5.build(tmp_path / "model")
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(ModelLoadFailed, match="preprocessor_config"):
        load(folder)


def test_a_template_that_shows_no_pictures_is_refused_where_mlx_vlm_knows_no_better(tmp_path: Path) -> None:
    deaf = "{% for m in messages %}<|im_start|>{{ m['content'] }}{% endfor %}"
    with pytest.raises(UnsupportedMultimodal, match=r"models of type qwen2_vl .* where in a prompt they stand"):
        load(replace(QWEN, template=deaf).build(tmp_path / "model"))


def test_reading_pictures_brings_neither_torch_nor_opencv_into_the_process(tmp_path: Path) -> None:
    folder = QWEN.build(tmp_path / "model")
    script = (
        "import sys\nfrom pathlib import Path\nfrom adapters.inference.text_runtime import MlxTextRuntime\n"
        "from domain.catalog import LocatedModel, ModelSource\nfrom domain.serving.load_options import LoadOptions\n"
        "runtime = MlxTextRuntime()\nruntime.warm()\nassert 'mlx_vlm' not in sys.modules\n"
        f"runtime.load(LocatedModel('eyes', Path({str(folder)!r}), ModelSource.WORKSPACE), LoadOptions(sees=True))\n"
        "print(*sorted({'mlx_vlm', 'cv2', 'torch', 'torchvision', 'mlx_audio', 'datasets'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["mlx_vlm"]


# How pictures are spelled


def spelled(spelling: Spelling, *turns: tuple[str, tuple[int, ...]]) -> list[str]:
    messages = [
        Message(Role.USER, content, attachments=tuple(Attachment(AttachmentKind.IMAGE, b"", at, "") for at in places))
        for content, places in turns
    ]
    return [message.content for message in in_text(messages, {AttachmentKind.IMAGE: spelling})]


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., Spelling | None]:
    from adapters.inference.chat_template import ChatTemplate

    def found(template: str, kind: str, *marks: str) -> Spelling | None:
        return find_spelling(ChatTemplate(ToyModel(template).wrapper(tmp_path / "toy")), kind, marks)

    return found


PLAIN = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"


def test_a_template_of_texts_gets_the_marks_that_mlx_vlm_knows(find: Callable[..., Spelling | None]) -> None:
    spelling = find(PLAIN, "deepseek_vl_v2", "<image>")
    assert spelling is not None
    assert (spelling.part, spelling.mark) == (None, "<image>")
    assert spelled(spelling, ("This or that?", (4, 13))) == ["This<image>\n or that?<image>\n"]


def test_numbered_marks_are_counted_over_all_turns(find: Callable[..., Spelling | None]) -> None:
    spelling = find(PLAIN, "phi3_v")
    assert spelling is not None
    assert spelling.mark == "<|image_"
    assert spelled(spelling, ("?", (0, 1)), ("ab", (0, 1))) == ["<|image_1|>?<|image_2|>", "<|image_3|>a<|image_4|>b"]


def test_parts_of_another_name_are_found(find: Callable[..., Spelling | None]) -> None:
    template = (
        "{% for m in messages %}{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
        "{{ '<pic>' if c['type'] == 'image_url' else c['text'] }}{% endfor %}{% endif %}{% endfor %}"
    )
    spelling = find(template.replace("else c['text']", "else (c['text'] or '')"), "unheard_of")
    assert spelling is not None
    assert (spelling.part, spelling.text, spelling.mark) == ({"type": "image_url"}, "<pic>", "<pic>")


def test_a_template_that_prints_lists_takes_none(find: Callable[..., Spelling | None]) -> None:
    assert find(PLAIN, "unheard_of") is None


# Whose tokens are whose


def never(_: int) -> int:
    raise AssertionError("nobody needed to know")


def test_places_are_cut_by_what_the_processor_tells() -> None:
    assert picture_spans([9, 9, 9, 1], 9, 2, (1, 2), never) == ((0, 1), (1, 3))


def test_equal_runs_are_one_each() -> None:
    assert picture_spans([9, 9, 1, 9, 9], 9, 2, None, never) == ((0, 2), (3, 5))


def test_a_single_picture_has_all_that_stands_between_its_parts() -> None:
    assert picture_spans([1, 9, 9, 2, 9, 9, 3], 9, 1, None, never) == ((1, 6),)


def test_where_nothing_tells_each_is_looked_at_alone() -> None:
    tokens = [9, 2, 9, 9, 9, 2, 9]
    assert picture_spans(tokens, 9, 2, None, [2, 3].__getitem__) == ((0, 3), (3, 7))


def test_what_does_not_add_up_is_not_known() -> None:
    assert picture_spans([9, 2, 9, 9], 9, 2, (9, 9), [1, 1].__getitem__) is None
    assert picture_spans([1, 2], 9, 2, None, [0, 0].__getitem__) is None


def test_arrays_of_a_kind_that_numpy_does_not_know_become_plain_ones() -> None:
    from adapters.inference.vision.processor import _plain

    assert _plain(mx.array([1.5], dtype=mx.bfloat16)).tolist() == [1.5]
