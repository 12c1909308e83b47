"""Convert: real MLX in a child process on miniature models; refused before the disk is touched, or finished whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from adapters.worker_process.converter import ProcessConverter
from application.workspace.convert_model import ConversionRequest
from domain.errors import (
    Conflict,
    DiskFull,
    EngineDied,
    InsufficientMemory,
    InvalidRequest,
    MlxkError,
    ModelLoadFailed,
    ModelNotRunnable,
    ModelUnhealthy,
    UnsupportedMultimodal,
)
from domain.serving.memory_policy import DeviceMemory
from domain.workspace.cleanliness import Cleanliness
from domain.workspace.conversion import ConversionWish
from domain.workspace.progress import OnWork, Stage, WorkProgress
from domain.workspace.sentinel import SENTINEL
from ports.converter import ConversionJob
from tests.support.loop_disk import loop_disk
from tests.support.model_zoo.content import llama_config, readme, safetensors, shard_index, text_model
from tests.support.model_zoo.places import CacheBuilder, add_workspace
from tests.support.tiny_llama import TinyLlama
from tests.support.workspace_kit import WorkspaceKit, leftovers, tree_of

# A qwen2_vl of random numbers; in a process of its own because mlx-vlm's imports are large.
TINY_VISION = """
import json, sys
from pathlib import Path
from mlx_vlm.models.qwen2_vl import Model, ModelConfig, TextConfig, VisionConfig
from mlx_vlm.utils import save_weights
text = dict(model_type="qwen2_vl", hidden_size=64, num_hidden_layers=1, intermediate_size=64, num_attention_heads=2,
            num_key_value_heads=2, rms_norm_eps=1e-6, vocab_size=320, rope_theta=10000.0, max_position_embeddings=512,
            rope_scaling={"type": "mrope", "mrope_section": [4, 6, 6]}, tie_word_embeddings=False)
vision = dict(model_type="qwen2_vl", depth=1, embed_dim=64, hidden_size=64, num_heads=2, image_size=56, patch_size=14,
              vocab_size=320, mlp_ratio=2, in_channels=3, spatial_patch_size=14, spatial_merge_size=2,
              temporal_patch_size=2)
config = {**text, "vision_config": vision, "image_token_id": 300, "video_token_id": 301,
          "vision_start_token_id": 302, "vision_end_token_id": 303}
folder = Path(sys.argv[1]); folder.mkdir()
(folder / "config.json").write_text(json.dumps(config))
(folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "Qwen2VLImageProcessor"}))
(folder / "tokenizer.json").write_text("{}")
made = ModelConfig.from_dict(config)
made.text_config, made.vision_config = TextConfig.from_dict(text), VisionConfig.from_dict(vision)
save_weights(folder, Model(made))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama whose matrices divide into groups of 64."""
    folder = TinyLlama(hidden=64).build(tmp_path_factory.mktemp("tiny") / "tiny")
    (folder / "README.md").write_text(readme())
    (folder / "sub").mkdir()
    (folder / "sub" / "notes.txt").write_text("kept")
    return folder


@pytest.fixture
def kit(tmp_path: Path, tiny: Path) -> WorkspaceKit:
    made = WorkspaceKit(tmp_path)
    subprocess.run(["cp", "-r", str(tiny), str(made.home / "tiny")], check=True)
    return made


def request(source: str = "tiny", target: str = "out", *, skip: bool = False, **wish: Any) -> ConversionRequest:
    return ConversionRequest(source, target, ConversionWish(**wish), skip)


def config_of(folder: Path) -> dict[str, Any]:
    value = json.loads((folder / "config.json").read_text())
    assert isinstance(value, dict)
    return value


def dtypes(folder: Path) -> set[str]:
    return {str(value.dtype) for path in folder.glob("*.safetensors") for value in mx.load(str(path)).values()}  # type: ignore[union-attr]


def test_quantised_weights_equal_those_of_mlx_lm(kit: WorkspaceKit, tmp_path: Path) -> None:
    before = tree_of(kit.home / "tiny")
    seen: list[WorkProgress] = []
    outcome = kit.convert().execute(request(bits=4), seen.append)
    out = kit.home / "out"
    subprocess.run(
        [sys.executable, "-m", "mlx_lm", "convert", "--hf-path", str(kit.home / "tiny"), "--mlx-path",
         str(tmp_path / "theirs"), "-q", "--q-bits", "4", "--q-group-size", "64"],
        check=True, capture_output=True, timeout=120, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    ours, theirs = mx.load(str(out / "model.safetensors")), mx.load(str(tmp_path / "theirs" / "model.safetensors"))
    assert isinstance(ours, dict)
    assert isinstance(theirs, dict)
    assert ours.keys() == theirs.keys()
    assert all(mx.array_equal(ours[name], theirs[name]) for name in theirs)
    assert config_of(out)["quantization"] == {"bits": 4, "group_size": 64, "mode": "affine"}
    assert outcome.healthy
    sentinel = json.loads((out / SENTINEL).read_text())
    assert (sentinel["operation"], sentinel["mode"]) == ("convert", "quantize")
    assert sentinel["quantization"] == {"bits": 4, "group_size": 64}
    assert (out / "sub" / "notes.txt").read_text() == "kept"
    assert (out / "tokenizer.json").read_bytes() == (kit.home / "tiny" / "tokenizer.json").read_bytes()
    assert not (out / "model.safetensors.index.json").exists(), "one file needs no index"
    state = kit.state(out)
    assert state is not None
    assert state.cleanliness is Cleanliness.CLEAN
    assert tree_of(kit.home / "tiny") == before
    assert leftovers(kit.home) == []
    stages = list(dict.fromkeys(each.stage for each in seen))
    assert stages == [
        Stage.COPYING, Stage.LOADING, Stage.CONVERTING, Stage.SAVING, Stage.HASHING, Stage.CHECKING,
    ]  # fmt: skip
    actual = sum(path.stat().st_size for path in out.glob("*.safetensors"))
    assert outcome.preview.forecast.disk_bytes == pytest.approx(actual, rel=0.1)


@pytest.mark.parametrize(
    ("wish", "bits", "dtype"),
    [
        ({"bits": 8, "group_size": 32}, 8, "mlx.core.uint32"),
        ({"q_mode": "mxfp4"}, 4, "mlx.core.uint8"),
        ({"dtype": "float16"}, None, "mlx.core.float16"),
    ],
)
def test_every_kind_of_weights_can_be_made(
    kit: WorkspaceKit, wish: dict[str, Any], bits: int | None, dtype: str
) -> None:
    outcome = kit.convert().execute(request(**wish))
    assert config_of(kit.home / "out").get("quantization", {}).get("bits") == bits
    assert dtype in dtypes(kit.home / "out")
    actual = sum(path.stat().st_size for path in (kit.home / "out").glob("*.safetensors"))
    assert outcome.preview.forecast.disk_bytes == pytest.approx(actual, rel=0.15)


def test_a_recipe_mixes_bits_and_a_quantised_model_can_be_widened_again(kit: WorkspaceKit) -> None:
    mixed = kit.convert().execute(request(recipe="mixed_4_6", target="mixed"))
    layers = [each for each in config_of(kit.home / "mixed")["quantization"].values() if isinstance(each, dict)]
    assert {each["bits"] for each in layers} == {4, 6}
    assert mixed.healthy
    wide = kit.convert().execute(request("mixed", "wide", dequantize=True))
    assert "quantization" not in config_of(kit.home / "wide")
    assert "mlx.core.uint32" not in dtypes(kit.home / "wide")
    assert wide.preview.forecast.disk_bytes == pytest.approx(
        (kit.home / "wide" / "model.safetensors").stat().st_size, rel=0.5
    )


def test_a_pytorch_source_becomes_an_mlx_model(kit: WorkspaceKit) -> None:
    source = kit.home / "tiny"
    weights = mx.load(str(source / "model.safetensors"))
    assert isinstance(weights, dict)
    (source / "README.md").unlink()
    mx.save_safetensors(str(source / "model.safetensors"), weights, {"format": "pt"})
    assert kit.inspect.execute(kit.resolve.execute("tiny")).framework == "PyTorch"
    kit.convert().execute(request())
    report = kit.inspect.execute(kit.resolve.execute(str(kit.home / "out")))
    assert (report.framework, report.runtime_compatible) == ("MLX", True)


def test_a_requantised_model_is_made_with_a_warning(kit: WorkspaceKit) -> None:
    kit.convert().execute(request(bits=8, target="eight"))
    outcome = kit.convert().execute(request("eight", "four", bits=4))
    assert "8 bits already" in outcome.warnings[0]
    assert config_of(kit.home / "four")["quantization"]["bits"] == 4


def sharded(folder: Path) -> Path:
    """Two shards and an index that is about other files."""
    first, second = ({f"model.layers.{n}.weight": ("BF16", (64, 32))} for n in range(2))
    files = text_model()
    del files["model.safetensors"]
    return add_workspace(
        folder,
        {
            **files,
            "model-00001-of-00002.safetensors": safetensors(first),
            "model-00002-of-00002.safetensors": safetensors(second),
            "model.safetensors.index.json": shard_index({"model.layers.0.weight": "model-00001-of-00009.safetensors"}),
            "sub/notes.txt": "kept",
        },
    )


def test_a_stale_index_is_rebuilt_from_the_shards(kit: WorkspaceKit) -> None:
    source = sharded(kit.home / "sharded")
    before = tree_of(source)
    assert not kit.inspect.execute(kit.resolve.execute("sharded")).healthy
    outcome = kit.convert().execute(request("sharded", repair_index=True))
    assert (outcome.healthy, outcome.health_reason) == (True, "Multi-file model complete")
    index = json.loads((kit.home / "out" / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == {
        f"model.layers.{n}.weight": f"model-0000{n + 1}-of-00002.safetensors" for n in range(2)
    }
    assert index["metadata"]["total_size"] == sum(path.stat().st_size for path in source.glob("*.safetensors"))
    assert (kit.home / "out" / "sub" / "notes.txt").read_text() == "kept"
    assert tree_of(source) == before


def test_a_tensor_in_two_shards_is_refused(kit: WorkspaceKit) -> None:
    source = sharded(kit.home / "sharded")
    subprocess.run(
        ["cp", str(source / "model-00001-of-00002.safetensors"), str(source / "model-b.safetensors")], check=True
    )
    with pytest.raises(ModelUnhealthy, match=r"model\.layers\.0\.weight"):
        kit.convert().execute(request("sharded", repair_index=True))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"bits": 5}, "5"),
        ({"bits": 4, "repair_index": True}, "do not go together"),
        ({"bits": 4, "dequantize": True}, "do not go together"),
        ({"bits": 4, "group_size": 48}, "48"),
        ({"group_size": 64}, "--quantize"),
        ({"q_mode": "mxfp4", "bits": 8}, "mxfp4"),
        ({"q_mode": "int3"}, "int3"),
        ({"recipe": "mixed_9_9"}, "mixed_9_9"),
        ({"recipe": "mixed_3_6", "bits": 4}, "mixed_3_6"),
        ({"dtype": "int8"}, "int8"),
        ({"repair_index": True, "dtype": "float16"}, "--dtype"),
        ({"dequantize": True}, "not quantised"),
        ({}, "nothing to convert"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_the_disk_is_touched(
    kit: WorkspaceKit, wish: dict[str, Any], words: str
) -> None:
    before = tree_of(kit.root)
    with pytest.raises(InvalidRequest, match=words):
        kit.convert().execute(request(**wish))
    assert tree_of(kit.root) == before


def _cached(kit: WorkspaceKit) -> str:
    CacheBuilder(kit.cache).add("org/Cached", text_model())
    return "org/Cached"


def _cached_by_path(kit: WorkspaceKit) -> str:
    return str(CacheBuilder(kit.cache).add("org/Cached", text_model()))


def _builtin(kit: WorkspaceKit) -> str:
    return "demo"


def _typed(**config: Any) -> Callable[[WorkspaceKit], str]:
    def make(kit: WorkspaceKit) -> str:
        add_workspace(kit.home / "odd", text_model(llama_config(**config)))
        return "odd"

    return make


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (_cached, InvalidRequest),
        (_cached_by_path, InvalidRequest),
        (_builtin, InvalidRequest),
        (_typed(model_type="whisper"), ModelNotRunnable),
        (_typed(model_type="qwen9_omni", vision_config={"a": 1}), UnsupportedMultimodal),
        (_typed(model_type="qwen9", audio_config={"a": 1}), UnsupportedMultimodal),
        (_typed(model_type="nobody_knows"), ModelNotRunnable),
    ],
)
def test_sources_that_cannot_be_converted_are_refused_before_the_disk_is_touched(
    kit: WorkspaceKit, source: Callable[[WorkspaceKit], str], error: type[MlxkError]
) -> None:
    spec = source(kit)
    before = tree_of(kit.root)
    with pytest.raises(error):
        kit.convert().execute(request(spec, bits=4))
    assert tree_of(kit.root) == before


@pytest.mark.parametrize("target", ["tiny", "tiny/inside", "./cache/models--a--b/x", "taken"])
def test_targets_that_must_not_be_written_are_refused(kit: WorkspaceKit, target: str) -> None:
    (kit.home / "taken").mkdir()
    (kit.home / "taken" / "file").write_text("mine")
    (kit.cache / "models--a--b").mkdir(parents=True)
    before = tree_of(kit.root)
    with pytest.raises((InvalidRequest, Conflict)):
        kit.convert().execute(request(target=str(kit.home / target) if "/inside" in target else target, bits=4))
    assert tree_of(kit.root) == before


def test_a_conversion_that_cannot_fit_the_disk_is_refused(kit: WorkspaceKit) -> None:
    with loop_disk("ext4", kit.root) as disk:
        before = tree_of(disk)
        with pytest.raises(DiskFull, match="about"):
            kit.convert().execute(request(target=str(disk / "out"), bits=4))
        assert tree_of(disk) == before


def test_when_the_front_is_killed_its_converting_child_ends_too(kit: WorkspaceKit) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.functional.workspace.test_convert import WorkspaceKit, request\n"
        "from domain.workspace.progress import Stage\n"
        "def told(progress):\n"
        "    if progress.stage is Stage.LOADING: os.kill(os.getpid(), signal.SIGKILL)\n"
        "WorkspaceKit(Path(sys.argv[1])).convert().execute(request(bits=4), told)\n"
    )
    front = subprocess.run(
        [sys.executable, "-c", code, str(kit.root)], cwd=Path(__file__).parents[3], timeout=60, check=False,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    # stderr is at its end only when the child, which has inherited it, is gone too
    assert front.returncode == -9, front.stderr
    assert not (kit.home / "out").exists()
    kit.convert().execute(request(bits=4))
    assert leftovers(kit.home) == []


class LittleMemory:
    """MemoryProbe of a machine of one kilobyte."""

    def read(self) -> DeviceMemory | None:
        return DeviceMemory(1024, 1024, 1024)


def test_a_conversion_that_cannot_fit_the_memory_is_refused(kit: WorkspaceKit) -> None:
    with pytest.raises(InsufficientMemory):
        kit.convert(memory=LittleMemory()).execute(request(bits=4))


def test_weights_that_cannot_be_loaded_leave_nothing(kit: WorkspaceKit) -> None:
    add_workspace(kit.home / "strange", text_model())
    with pytest.raises(ModelLoadFailed, match="mlx-lm"):
        kit.convert().execute(request("strange", bits=4))
    assert not (kit.home / "out").exists()
    assert leftovers(kit.home) == []


def test_a_result_that_is_not_healthy_is_not_kept_unless_asked(kit: WorkspaceKit) -> None:
    (kit.home / "tiny" / "tokenizer_config.json").write_text("[")
    with pytest.raises(ModelUnhealthy):
        kit.convert().execute(request(bits=4))
    (kit.home / "tiny" / "tokenizer_config.json").write_text("{}")
    (kit.home / "tiny" / "half.partial").write_text("x")
    with pytest.raises(ModelUnhealthy):
        kit.convert().execute(request(bits=4))
    assert not (kit.home / "out").exists()
    outcome = kit.convert().execute(request(bits=4, skip=True))
    assert outcome.healthy is None
    assert leftovers(kit.home) == []


def test_a_killed_child_is_an_error_and_leaves_nothing(kit: WorkspaceKit) -> None:
    converter = ProcessConverter(
        os.environ, tuple, [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), 9)"]
    )
    with pytest.raises(EngineDied, match="SIGKILL"):
        kit.convert(converter=converter).execute(request(bits=4))
    assert not (kit.home / "out").exists()
    assert leftovers(kit.home) == []


def test_a_vision_model_keeps_its_eyes_and_gets_fewer_bits(kit: WorkspaceKit) -> None:
    source = kit.home / "seeing"
    subprocess.run([sys.executable, "-c", TINY_VISION, str(source)], check=True, capture_output=True, timeout=120)
    outcome = kit.convert().execute(request("seeing", bits=4))
    weights = mx.load(str(kit.home / "out" / "model.safetensors"))
    assert isinstance(weights, dict)
    assert not any("vision" in name and name.endswith(".scales") for name in weights)
    assert any("language" in name and name.endswith(".scales") for name in weights)
    assert (kit.home / "out" / "preprocessor_config.json").is_file()
    assert config_of(kit.home / "out")["vision_config"]["depth"] == 1
    report = kit.inspect.execute(kit.resolve.execute(str(kit.home / "out")))
    assert "vision" in report.capabilities
    assert outcome.healthy
    wide = kit.convert().execute(request("out", "wide", dequantize=True))
    assert "quantization" not in config_of(kit.home / "wide")
    assert wide.healthy


class Held:
    """Converter that waits until it is told to go on, then writes the weights as they are."""

    def __init__(self) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()

    def recipes(self) -> tuple[str, ...]:
        return ()

    def convert(self, job: ConversionJob, progress: OnWork) -> None:
        self.started.set()
        assert self.go_on.wait(30)
        for name in ("config.json", "model.safetensors"):
            Path(job.target, name).write_bytes(Path(job.source, name).read_bytes())


def test_while_a_source_is_read_nobody_changes_it_and_others_may_read_it(kit: WorkspaceKit) -> None:
    held = Held()
    thread = threading.Thread(target=lambda: kit.convert(converter=held).execute(request(bits=4)))
    thread.start()
    try:
        assert held.started.wait(30)
        with pytest.raises(Conflict), kit.locks.exclusive(kit.home / "tiny"):
            pass
        with kit.locks.shared(kit.home / "tiny"):
            pass
        with pytest.raises(Conflict, match="another mlxk"):
            kit.convert(converter=held).execute(request(bits=4))
    finally:
        held.go_on.set()
        thread.join(30)
    assert (kit.home / "out" / SENTINEL).is_file()
