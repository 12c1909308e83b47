"""The reader meets any bytes, any links and any layout, and answers with facts."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from adapters.model_store import chat_template, folder_scan, weight_header
from adapters.model_store.folder_scan import scan_folder
from adapters.model_store.front_matter import read_readme
from adapters.model_store.manifest_reader import read_manifest
from adapters.model_store.weight_header import inspect_weight_file
from domain.catalog.judge import judge
from domain.catalog.libraries import InstalledLibraries
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import JsonState, ModelManifest, ReadmeFacts, TemplateFacts, WeightFile, WeightState
from tests.support.model_zoo.content import Sparse, mlx_safetensors, safetensors, text_model, write_content
from tests.support.model_zoo.places import add_workspace

ROOT = Path(__file__).resolve().parents[3]
INTERESTING = (
    "config.json", "tokenizer_config.json", "tokenizer.json", "README.md", "model.safetensors", "model.gguf",
    "weights.npz", "model.safetensors.index.json", "pytorch_model.bin.index.json", "preprocessor_config.json",
    "processor_config.json", "chat_template.jinja", "chat_template.json", ".mlxk_workspace.json",
    "model-00001-of-00002.safetensors",
)  # fmt: skip
KEYS = st.sampled_from(
    ["model_type", "architectures", "vision_config", "audio_config", "quantization", "weight_map", "chat_template",
     "managed", "text_config", "max_position_embeddings", "feature_extractor_type", "model_file", "__metadata__"]
)  # fmt: skip
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["llama", "whisper"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ANY_CONTENT = st.binary(max_size=400) | st.dictionaries(KEYS, JSON_VALUES, max_size=6).map(
    lambda value: json.dumps(value).encode()
)


def manifest_of(folder: Path) -> ModelManifest:
    return read_manifest(str(folder), scan_folder(str(folder)))


def weight_of(folder: Path, content: bytes | Sparse, name: str = "model.safetensors") -> WeightFile:
    write_content(folder / name, content)
    (entry,) = scan_folder(str(folder)).files
    return inspect_weight_file(str(folder), entry)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(INTERESTING), ANY_CONTENT, max_size=6))
def test_any_files_give_a_manifest_and_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = add_workspace(tmp_path_factory.mktemp("any"), dict(files))
    manifest = manifest_of(folder)
    report = judge(LocatedModel("any", folder, ModelSource.WORKSPACE), manifest, InstalledLibraries())
    assert report.size_bytes == sum(len(content) for content in files.values())
    assert report.reason
    json.dumps([report.health_reason, report.reason, report.findings, report.evidence], ensure_ascii=False).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(header=st.binary(max_size=120), length=st.integers(0, 2**64 - 1) | st.integers(0, 200), rest=st.integers(0, 300))
def test_any_weight_header_is_judged(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, length: int, rest: int
) -> None:
    folder = tmp_path_factory.mktemp("header")
    weight = weight_of(folder, struct.pack("<Q", length) + header + bytes(rest))
    assert weight.state in (WeightState.BAD_HEADER, WeightState.WRONG_LENGTH)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    tensors=st.dictionaries(
        st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(["BF16", "F32", "I64"]), st.lists(st.integers(0, 9), max_size=3)),
        min_size=1,
        max_size=5,
    ),
    cut=st.integers(0, 40),
)
def test_sound_files_are_sound_and_cut_ones_are_not(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, tuple[str, list[int]]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("tensors")
    whole = mlx_safetensors(tensors)
    assert weight_of(folder, whole) == WeightFile(
        "model.safetensors", whole.size_bytes, WeightState.SOUND, made_by_mlx=True
    )
    with safe_open(folder / "model.safetensors", framework="numpy") as opened:
        assert set(opened.keys()) == set(tensors)
    if cut:
        (folder / "model.safetensors").unlink()
        shorter = weight_of(folder, Sparse(whole.head, whole.size_bytes + cut))
        assert shorter.state is WeightState.WRONG_LENGTH


def test_a_large_header_is_judged_whole(tmp_path: Path) -> None:
    many = safetensors({f"layer.{number}.weight": ("F16", (8, 8)) for number in range(5000)})
    assert weight_of(tmp_path, many).state is WeightState.SOUND
    (tmp_path / "model.safetensors").unlink()
    assert weight_of(tmp_path, Sparse(many.head, many.size_bytes - 128)).state is WeightState.WRONG_LENGTH


def test_a_header_that_only_mentions_offsets_is_damaged(tmp_path: Path) -> None:
    header = b'{garbage "data_offsets":[0,100] }'
    weight = weight_of(tmp_path, struct.pack("<Q", len(header)) + header + bytes(100))
    assert weight.state is WeightState.BAD_HEADER


THINKING = "{% if tools %}{{ tools }}{% endif %}<think>"


def with_template_in_tokenizer(folder: Path, value: object, vocabulary: int = 0) -> TemplateFacts | None:
    """tokenizer.json as a plain file: a large vocabulary with a token named like the key, then the template."""
    vocab = {"chat_template": 0, **{f"token-{number}": number for number in range(vocabulary)}}
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": vocab}, "chat_template": value}), encoding="utf-8"
    )
    return manifest_of(folder).template


@pytest.mark.parametrize("vocabulary", [0, 60_000])
@pytest.mark.parametrize("value", [THINKING, [{"name": "default", "template": THINKING}]])
def test_a_template_inside_tokenizer_json_tells_what_it_deals_with(
    tmp_path: Path, value: object, vocabulary: int
) -> None:
    found = with_template_in_tokenizer(tmp_path, value, vocabulary)
    assert found == TemplateFacts("tokenizer.json", tools=True, reasoning=True)


@pytest.mark.parametrize("value", ["", None, 5, []])
def test_no_template_inside_tokenizer_json_is_none(tmp_path: Path, value: object) -> None:
    assert with_template_in_tokenizer(tmp_path, value) is None


def test_the_key_is_found_where_two_pieces_of_the_file_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(16, 40):
        monkeypatch.setattr(chat_template, "_CHUNK", size)
        assert with_template_in_tokenizer(tmp_path, THINKING) is not None


def test_a_file_cut_between_two_tensors_is_too_short(tmp_path: Path) -> None:
    """Where one tensor ends exactly at the file's end, the next begins there: its end is what counts."""
    three = safetensors(dict.fromkeys(("a.weight", "b.weight", "c.weight"), ("F16", (4, 8))))
    for tensors_left in (1, 2):
        folder = tmp_path / str(tensors_left)
        folder.mkdir()
        weight = weight_of(folder, Sparse(three.head, len(three.head) + tensors_left * 64))
        assert weight.state is WeightState.WRONG_LENGTH


def test_an_empty_tensor_at_the_end_is_sound(tmp_path: Path) -> None:
    assert weight_of(tmp_path, safetensors({"a": ("F16", (4, 8)), "b": ("F16", (0,))})).state is WeightState.SOUND


def test_a_header_with_a_hole_is_damaged(tmp_path: Path) -> None:
    whole = safetensors({f"layer.{number}.weight": ("F16", (4, 8)) for number in range(9)})
    holed = whole.head[:100] + bytes(50) + whole.head[150:]
    assert weight_of(tmp_path, Sparse(holed, whole.size_bytes)).state is WeightState.BAD_HEADER


def test_a_header_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    size = weight_header.MAX_HEADER_BYTES + 1
    weight = weight_of(tmp_path, Sparse(struct.pack("<Q", size) + b"{", size + 100))
    assert (weight.state, weight.detail) == (WeightState.BAD_HEADER, f"its header of {size} bytes is too large")


def test_a_blob_that_two_names_share_counts_once(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(bytes(1000))
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).symlink_to(tmp_path / "blob")
    assert scan_folder(str(folder)).size_bytes == 1000


def test_a_folder_of_endless_files_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_scan, "MAX_FILES", 10)
    for number in range(20):
        (tmp_path / str(number)).touch()
    listing = scan_folder(str(tmp_path))
    assert len(listing.files) == 10
    assert "more than 10 files: the rest is not looked at" in listing.findings


def test_a_folder_that_fails_while_it_is_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Failing:
            return self

        def __next__(self) -> os.DirEntry[str]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", lambda _: Failing())
    assert scan_folder(str(tmp_path)).findings == ("the folder cannot be read: Input/output error",)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "config.json").write_text("{}", encoding="utf-8"),
        lambda folder: (folder / "config.json").rename(folder / "config2.json"),
        lambda folder: os.utime(folder / "config.json", (1, 1)),
        lambda folder: (folder / "config.json").chmod(0o600),
        lambda folder: (folder / ".git").mkdir(),
    ],
    ids=["new", "gone", "rewritten", "renamed", "touched", "mode", "hidden folder"],
)
def test_every_change_shows_in_the_fingerprint(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = add_workspace(tmp_path / "m", text_model())
    before = scan_folder(str(folder))
    assert before == scan_folder(str(folder))
    change(folder)
    assert scan_folder(str(folder)).fingerprint != before.fingerprint


def test_an_unreadable_file_is_a_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's refusal is played."""
    folder = add_workspace(tmp_path / "m", text_model())
    real = os.open

    def refuse(path: str, *rest: int, **more: int) -> int:
        if str(path).endswith(("config.json", "model.safetensors")):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    manifest = manifest_of(folder)
    assert manifest.document("config.json").state is JsonState.UNREADABLE
    assert [weight.state for weight in manifest.weights] == [WeightState.UNREADABLE]
    assert "config.json: Permission denied" in manifest.findings


def test_a_pipe_that_took_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    """In a process of its own, so that waiting would be seen."""
    os.mkfifo(tmp_path / "config.json")
    program = (
        "import sys; from adapters.model_store.small_files import read_json\nprint(read_json(sys.argv[1], 100).state)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "config.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "empty"


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("---\ntags:\n- mlx\n- x\nlibrary_name: mlx\n---\n", ReadmeFacts(("mlx", "x"), "mlx")),
        ("---\r\ntags: [mlx]\r\n---\r\n", ReadmeFacts(("mlx",))),
        ("\ufeff---\ntags: mlx\n---\n", ReadmeFacts(("mlx",))),
        ("---\nmodel-index:\n- name: x\n  tags: [wrong]\ntags: # why\n  - mlx\n---\n", ReadmeFacts(("mlx",))),
        (
            "---\n'tags': [mlx]\npipeline_tag: text-to-speech\n---\n",
            ReadmeFacts(("mlx",), pipeline_tag="text-to-speech"),
        ),
        ("---\ntags: {a: b}\nlibrary_name: 7\n---\n", ReadmeFacts()),
        ("---\nlicense: mit\n---\n", ReadmeFacts()),
        ("# no front matter\n---\ntags: [mlx]\n---\n", ReadmeFacts()),
        ("---\ntags: [mlx]\n", ReadmeFacts()),
        ("", ReadmeFacts()),
    ],
)
def test_front_matter_is_read_as_yaml(tmp_path: Path, text: str, facts: ReadmeFacts) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(text.encode())
    assert read_readme(str(path)) == (facts, None)


@pytest.mark.parametrize(
    "tags",
    [" [mlx", " !!python/object:os.system", "\n- &a {x: mlx}\n- {<<: *a}"],
    ids=["broken", "object", "merge keys"],
)
def test_front_matter_that_is_no_plain_yaml_is_a_finding(tmp_path: Path, tags: str) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\ntags:{tags}\n---\n", encoding="utf-8")
    facts, complaint = read_readme(str(path))
    assert facts == ReadmeFacts()
    assert complaint == "README.md: front matter is no valid YAML mapping"


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_front_matter_is_survived(tmp_path_factory: pytest.TempPathFactory, block: bytes) -> None:
    path = tmp_path_factory.mktemp("readme") / "README.md"
    path.write_bytes(b"---\ntags: " + block + b"\n---\n")
    facts, _ = read_readme(str(path))
    assert isinstance(facts, ReadmeFacts)
