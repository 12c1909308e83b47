"""Models that hear answer about sounds as mlx-vlm does, in every company; what is no sound for them is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models import gemma3n as gemma3n_of_words

from adapters.inference.vision.mending import mended
from domain.errors import CapabilityMismatch, InvalidMedia, InvalidRequest, MlxkError
from domain.inference import Message, Role
from tests.support.drawn import drawn
from tests.support.heard import RATE, Listener, Oracle, built, listener, picture, sound, user, weights_of, whistle
from tests.support.miniatures.hearing import HEARING, small_eyes
from tests.support.miniatures.seeing import network_of

KINDS = tuple(HEARING)
A, B, C = sound(whistle(1, 1.0)), sound(whistle(2, 1.0)), sound(whistle(3, 1.7))
RED = picture(drawn(size=(60, 60)))
NO = Message(Role.ASSISTANT, "No.")
SEEN = (user("See ", RED, " and hear ", A, "."),)
TALKS = (
    (user(A, "What is said?"),),
    (user("Listen: ", C, " Well?"),),
    SEEN,
    (user(A, "This?"), NO, user("Or this?", B)),
    (user("No sound at all."),),
)
Built = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folders: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = built(kind, tmp_path_factory.mktemp("models") / kind)
        return folders[kind]

    return folder


@pytest.fixture(scope="module")
def listeners(folder_of: Built) -> Callable[[str], Listener]:
    known: dict[str, Listener] = {}

    def one(kind: str) -> Listener:
        if kind not in known:
            known[kind] = listener(folder_of(kind))
        return known[kind]

    return one


@pytest.mark.parametrize("kind", KINDS)
def test_answers_about_sounds_are_those_of_mlx_vlm_alone_and_in_company(
    kind: str, folder_of: Built, listeners: Callable[[str], Listener]
) -> None:
    ours, oracle = listeners(kind), Oracle.of(folder_of(kind))
    talks = [talk for talk in TALKS if kind != "gemma3n" or talk is not SEEN]  # its eyes are slow
    expected = [oracle.said(talk) for talk in talks]
    assert [list(ours.encode(*talk).tokens) for talk in talks] == [tokens for tokens, _ in expected]
    assert [ours.said(talk)[0] for talk in talks] == [said for _, said in expected]
    assert ours.said(*talks) == [said for _, said in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_heard_changes_the_answer(kind: str, listeners: Callable[[str], Listener]) -> None:
    answers = listeners(kind).said(*[[user(sound(whistle(seed, 1.0)), "What?")] for seed in range(6)])
    assert len({tuple(answer) for answer in answers}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_is_the_same_in_every_company(kind: str, listeners: Callable[[str], Listener]) -> None:
    """mlx-vlm pads a short sound beside a longer one; here it keeps what it is alone, and is encoded once."""
    ours = listeners(kind)
    alone = ours.encode(user(A, "?")).media
    both = ours.encode(user(A, "?"), NO, user(C, "?")).media
    assert alone is not None and both is not None
    assert both.inputs.keys() == alone.inputs.keys()
    for name, value in alone.inputs.items():
        if isinstance(value, list):
            assert len(both.inputs[name]) == 2
            assert np.array_equal(both.inputs[name][0], value[0])
    tally = ours.loaded.engine._model.eyes.encodings.tally  # type: ignore[attr-defined]
    ours.said([user(A, "?")])
    before = tally.encoded
    ours.said([user("Once more.", A)], [user(A, "?"), NO, user("And?")])
    assert tally.encoded == before


@pytest.mark.parametrize("kind", KINDS)
def test_remembered_prompts_know_their_sounds(kind: str, folder_of: Built, tmp_path: Path) -> None:
    """A prompt that begins with the same words and another sound of the same length is another prompt."""
    fresh, ours = listener(folder_of(kind)), listener(folder_of(kind), tmp_path / "remembered")
    words = "These words are long enough to be remembered. " * 12
    for talk in ([user(words, A, "?")], [user(words, B, "?")], [user(words, A, "?"), NO, user("And?")]):
        assert ours.said(talk) == fresh.said(talk)
    prompt = ours.encode(user(words, A, "Something else?"))
    found = ours.loaded.engine.explain(prompt.tokens, prompt.media)
    other = ours.encode(user(words, C, "Something else?"))
    assert found.reusable_tokens >= ours.loaded.engine.explain(other.tokens, other.media).reusable_tokens


def test_a_picture_that_was_remembered_without_a_sound_is_read_anew_beside_one(
    folder_of: Built, tmp_path: Path
) -> None:
    """Gemma 4 looks at pictures in both directions, but not where there is something to hear."""
    fresh, ours = listener(folder_of("gemma4")), listener(folder_of("gemma4"), tmp_path / "remembered")
    first = user("These words are long enough to be remembered. " * 12, RED, "What is it? " * 30)
    for talk in ([first], [first, NO, user("And this?", A)]):
        assert ours.said(talk) == fresh.said(talk)
    seen, heard = (ours.encode(*talk).media for talk in ([first], [first, NO, user("And this?", A)]))
    assert seen is not None and heard is not None
    assert seen.pictures[0].digest != heard.pictures[0].digest


# How long a sound may be


@pytest.mark.parametrize(("kind", "most"), [("gemma3n", 3.2), ("gemma4", 4.0), ("qwen3_omni_moe", 30.0)])
def test_a_sound_longer_than_the_model_takes_is_refused_by_numbers(
    kind: str, most: float, listeners: Callable[[str], Listener]
) -> None:
    ours = listeners(kind)
    assert ours.said([user(sound(whistle(5, most)), "?")])
    with pytest.raises(InvalidMedia) as refused:
        ours.encode(user("?"), NO, user(sound(whistle(5, most + 0.01), "talk.wav")))
    place, told = "messages.2.content: sound 1 (talk.wav)", f"it has {most + 0.01:.2f} s, and this model takes at most"
    assert refused.value.message == f"{place} is too long: {told} {most:g} s of one sound"
    assert refused.value.param == "messages.2.content"


def test_gemma_3n_takes_thirty_seconds(tmp_path: Path) -> None:
    """With the numbers that its published folders have: 188 tokens, 480,000 samples."""
    folder = built("gemma3n", tmp_path / "model")
    for name, key in (("processor_config.json", "audio_seq_length"), ("config.json", "audio_soft_tokens_per_image")):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: 188}))
    ours = listener(folder)
    assert ours.encode(user(sound(whistle(1, 30.0)), "?")).tokens
    with pytest.raises(InvalidMedia, match=r"it has 31\.00 s, and this model takes at most 30 s"):
        ours.encode(user(sound(whistle(1, 31.0)), "?"))


# What is no sound


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "this is no sound: it is empty"),
        (b"hello there", "this is no sound: it is text"),
        (drawn(), "this is no sound: it is a PNG picture"),
        (whistle(1, 1.0)[:20_000], "the WAV file is cut off"),
        (whistle(1, 1.0)[:44], "the WAV file holds no sound"),
        (b"fLaC" + bytes(400), "the FLAC file cannot be decoded"),
        (whistle(1, 0.05), "is too short: it has 0.050 s"),
    ],
)  # fmt: skip
def test_what_is_no_sound_is_refused_with_its_place(
    data: bytes, words: str, listeners: Callable[[str], Listener]
) -> None:
    with pytest.raises(InvalidMedia) as refused:
        listeners("gemma4").encode(user("One: ", A, " two: ", sound(data)))
    assert refused.value.message.startswith("messages.0.content: sound 2")
    assert words in refused.value.message
    assert refused.value.param == "messages.0.content"


def test_broken_sounds_end_nothing(listeners: Callable[[str], Listener]) -> None:
    ours, rng, whole = listeners("gemma4"), random.Random(4), whistle(1, 0.5)  # noqa: S311 - it must repeat
    expected = ours.said([user(A, "?")])
    for _ in range(30):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(64) if rng.random() < 0.8 else rng.randrange(len(data))] = rng.randrange(256)
        try:
            ours.said([user(sound(bytes(data)), "?")])
        except MlxkError as refused:
            assert isinstance(refused, InvalidMedia), refused
    assert ours.said([user(A, "?")]) == expected


def test_words_that_spell_a_sounds_mark_out_are_refused(listeners: Callable[[str], Listener]) -> None:
    with pytest.raises(InvalidRequest, match="<audio_soft>"):
        listeners("gemma4").encode(user(A, "What does <audio_soft> mean?"))


def test_a_model_without_weights_that_listen_says_so(tmp_path: Path) -> None:
    folder = built("gemma4", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    del config["audio_config"]
    (folder / "config.json").write_text(json.dumps(config))
    weights = {name: value for name, value in weights_of(folder).items() if "audio" not in name}
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    ours = listener(folder)
    assert ours.said([user(RED, "?")])
    with pytest.raises(CapabilityMismatch, match=r"messages\.0\.content: sound 1: .* no weights of what listens"):
        ours.encode(user(A, "?"))


# What mlx-vlm gets wrong


def test_gemma_3n_says_of_words_what_mlx_lm_says(folder_of: Built) -> None:
    """mlx-lm reads the same weights. Unmended, mlx-vlm reads a prompt otherwise, and otherwise with every cut."""
    folder = folder_of("gemma3n")
    config = json.loads((folder / "config.json").read_text())
    with small_eyes():
        network = network_of("gemma3n", config)
    weights = weights_of(folder)
    network.load_weights(list(weights.items()))
    other = gemma3n_of_words.Model(gemma3n_of_words.ModelArgs.from_dict(config))
    known = dict(tree_flatten(other.parameters()))
    prefix = "language_model.model."
    named = {
        f"model.language_model.{name.removeprefix(prefix)}": value
        for name, value in weights.items()
        if name.startswith(prefix)
    }
    other.load_weights([(name, value) for name, value in other.sanitize(named).items() if name in known])
    words = mx.array([[(7 * at) % 250 for at in range(40)]])
    expected = other(words, cache=other.make_cache())[:, -1]

    def said(cut: int) -> mx.array:
        made = network.get_input_embeddings(words)
        caches = network.make_cache()
        for begin, end in ((0, cut), (cut, 40)):
            found = network.language_model(
                words[:, begin:end],
                cache=caches,
                inputs_embeds=made.inputs_embeds[:, begin:end],
                per_layer_inputs=made.per_layer_inputs[:, begin:end],
            )
            mx.eval(found.logits)
        logits: mx.array = found.logits[:, -1]
        return logits

    assert not mx.allclose(said(30), expected, atol=1e-2).item()
    mended(network)
    assert all(mx.allclose(said(cut), expected, atol=1e-3).item() for cut in (10, 30, 39))
    again = mended(network).get_input_embeddings
    assert mended(network).get_input_embeddings is again


def test_a_sound_at_another_rate_and_in_stereo_is_heard(listeners: Callable[[str], Listener]) -> None:
    prompt = listeners("gemma4").encode(user(sound(whistle(1, 1.0, rate=RATE * 3)), "?"))
    assert prompt.media is not None
    assert prompt.media.pictures[0].end - prompt.media.pictures[0].start == 25
