"""Folders of Whisper models: what is read of them, and what is refused."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from mlx_audio.stt.models.whisper.whisper import Model, ModelDimensions

from adapters.inference.sound.runtime import MlxSoundRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import CapabilityMismatch, ModelLoadFailed, ModelNotRunnable
from domain.inference.sound import SoundSamples
from domain.inference.transcription import HearingTask, Transcription, TranscriptionRequest
from domain.serving.load_options import LoadOptions, Task
from ports.sound_engine import LoadedSound, SoundJob
from tests.support.speech_models import build_whisper

TRANSFORMERS = (
    ("decoder.positional_embedding", "decoder.embed_positions.weight"), ("token_embedding", "embed_tokens"),
    (".blocks.", ".layers."), ("coder.ln_post.", "coder.layer_norm."), ("coder.ln.", "coder.layer_norm."),
    (".cross_attn_ln.", ".encoder_attn_layer_norm."), (".attn_ln.", ".self_attn_layer_norm."),
    (".mlp_ln.", ".final_layer_norm."), (".mlp1.", ".fc1."), (".mlp2.", ".fc2."),
    (".cross_attn.query.", ".encoder_attn.q_proj."), (".cross_attn.key.", ".encoder_attn.k_proj."),
    (".cross_attn.value.", ".encoder_attn.v_proj."), (".cross_attn.out.", ".encoder_attn.out_proj."),
    (".attn.query.", ".self_attn.q_proj."), (".attn.key.", ".self_attn.k_proj."),
    (".attn.value.", ".self_attn.v_proj."), (".attn.out.", ".self_attn.out_proj."),
)  # fmt: skip
NOISE = np.random.default_rng(0).normal(0, 3000, 16_000).astype("<i2").tobytes()


def loaded(folder: Path) -> LoadedSound:
    model = LocatedModel("org/ears", folder, ModelSource.WORKSPACE)
    return MlxSoundRuntime().load(model, LoadOptions(task=Task.TRANSCRIBE))


def first_logits(ears: LoadedSound) -> np.ndarray:
    """Of a window of noise: what tells whether two folders hold the same network."""
    from adapters.inference.hearing.whisper_engine import WhisperEngine

    engine = ears.engine
    assert isinstance(engine, WhisperEngine) and engine._reader is not None
    network = engine._reader.network
    samples = np.frombuffer(NOISE, "<i2").astype(np.float32) / np.float32(32_768)
    mel, _ = network.mel(samples, 0, 100, float("-inf"))
    _, memory = network.encode(mel)
    found: np.ndarray = np.array(network.logits([[50258, 50259]], [memory]))
    return np.asarray(found[0])


def weights(folder: Path) -> dict[str, mx.array]:
    found = mx.load(str(folder / "model.safetensors"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_whisper(tmp_path_factory.mktemp("plain") / "whisper [tiny]", n_text_state=32, n_audio_state=32)


def copied(plain: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in plain.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_folder_with_a_pattern_in_its_name_is_read(plain: Path) -> None:
    facts = loaded(plain).facts
    assert facts.context_length == 448 and facts.memory_bytes > 0


def test_the_folders_network_is_what_mlx_audio_makes_of_it(plain: Path) -> None:
    config = json.loads((plain / "config.json").read_text())
    network = Model(ModelDimensions.from_dict(config), dtype=mx.float32)
    network.load_weights(list(weights(plain).items()))
    ears = loaded(plain)
    samples = np.frombuffer(NOISE, "<i2").astype(np.float32) / 32_768
    from mlx_audio.stt.models.whisper.audio import log_mel_spectrogram, pad_or_trim

    mel = pad_or_trim(log_mel_spectrogram(samples, 80), 3000, axis=-2)
    expected = network.logits(mx.array([[50258, 50259]]), network.encoder(mel[None]))
    assert np.abs(first_logits(ears) - np.array(expected)[0]).max() < 1e-3


def test_numpys_archives_of_older_models_are_read(plain: Path, tmp_path: Path) -> None:
    folder = copied(plain, tmp_path / "old")
    mx.savez(str(folder / "weights.npz"), **weights(folder))
    (folder / "model.safetensors").unlink()
    assert np.array_equal(first_logits(loaded(folder)), first_logits(loaded(plain)))


def test_weights_as_transformers_writes_them_are_read(plain: Path, tmp_path: Path) -> None:
    folder = copied(plain, tmp_path / "hf")
    changed = {"proj_out.weight": mx.zeros((51865, 32)), "model.encoder.embed_positions.weight": mx.zeros((1500, 32))}
    for name, value in weights(folder).items():
        name = reduce(lambda so_far, pair: so_far.replace(*pair), TRANSFORMERS, name)  # noqa: PLW2901
        changed[f"model.{name}"] = value.transpose(0, 2, 1) if value.ndim == 3 else value
    mx.save_safetensors(str(folder / "model.safetensors"), changed)
    assert np.array_equal(first_logits(loaded(folder)), first_logits(loaded(plain)))


def test_weights_of_16_bits_and_quantised_ones_are_read(plain: Path, tmp_path: Path) -> None:
    expected = first_logits(loaded(plain))
    half = copied(plain, tmp_path / "half")
    mx.save_safetensors(
        str(half / "model.safetensors"), {name: value.astype(mx.float16) for name, value in weights(half).items()}
    )
    assert np.abs(first_logits(loaded(half)) - expected).max() < 0.05
    config = json.loads((plain / "config.json").read_text())
    network = Model(ModelDimensions.from_dict(config), dtype=mx.float32)
    network.load_weights(list(weights(plain).items()))
    nn.quantize(network, group_size=32, bits=8, class_predicate=lambda _, m: isinstance(m, nn.Linear | nn.Embedding))
    small = copied(plain, tmp_path / "small")
    mx.save_safetensors(str(small / "model.safetensors"), dict(tree_flatten(network.parameters())))
    (small / "config.json").write_text(json.dumps({**config, "quantization": {"group_size": 32, "bits": 8}}))
    assert np.abs(first_logits(loaded(small)) - expected).max() < 0.5


def test_a_folder_without_a_tokenizer_says_what_is_missing_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelNotRunnable, match=r"tokenizer\.json") as caught:
        loaded(build_whisper(tmp_path / "bare", tokenizer=False))
    assert "tokenizer.json" in (caught.value.hint or "")


def test_pickles_are_not_read(plain: Path, tmp_path: Path) -> None:
    folder = copied(plain, tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="pickle"):
        loaded(folder)


def test_weights_that_are_missing_are_told(plain: Path, tmp_path: Path) -> None:
    folder = copied(plain, tmp_path / "holes")
    kept = {name: value for name, value in weights(folder).items() if "blocks.0.attn" not in name}
    mx.save_safetensors(str(folder / "model.safetensors"), kept)
    with pytest.raises(ModelLoadFailed, match="issing"):
        loaded(folder)


@pytest.mark.parametrize("heads", [[[9, 0]], [["a", 0]], [[0]]])
def test_heads_that_the_decoder_does_not_have_are_told(plain: Path, tmp_path: Path, heads: object) -> None:
    folder = copied(plain, tmp_path / "heads")
    (folder / "generation_config.json").write_text(json.dumps({"alignment_heads": heads}))
    with pytest.raises(ModelLoadFailed, match="alignment_heads"):
        loaded(folder)


def test_a_model_of_english_alone_is_asked_without_a_language_and_does_not_translate(tmp_path: Path) -> None:
    ears = loaded(build_whisper(tmp_path / "english", english=True))
    sound = SoundSamples(NOISE, 16_000)
    for wishes in ({"task": HearingTask.TRANSLATE}, {"language": "de"}):
        with pytest.raises(CapabilityMismatch):
            ears.codec.prepare(TranscriptionRequest(sound, **wishes))
    request = TranscriptionRequest(sound, language="en", temperature=0.01)
    ears.engine.add(SoundJob(1, request, ears.codec.prepare(request)))
    told: list[object] = []
    while ears.engine.jobs:
        told += [event for _, event in ears.engine.step()]
    whole = told[-1]
    assert isinstance(whole, Transcription) and whole.language == "en" and whole.prompt_tokens == 1


def test_a_distilled_model_does_not_translate(tmp_path: Path) -> None:
    ears = loaded(build_whisper(tmp_path / "turbo", n_audio_layer=12))
    with pytest.raises(CapabilityMismatch, match="does not translate"):
        ears.codec.prepare(TranscriptionRequest(SoundSamples(NOISE, 16_000), task=HearingTask.TRANSLATE))
