"""Other speech-to-text families of mlx-audio, with random weights: they run, and refuse what they cannot do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapters.inference.hearing.family_engine import FamilyCodec, FamilyEngine
from adapters.inference.hearing.listener import listener_of
from adapters.inference.hearing.pieces import PIECE_SECONDS, piece_end, segments_of
from adapters.inference.sound.runtime import MlxSoundRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import (
    CapabilityMismatch,
    GenerationFailed,
    InvalidRequest,
    ModelLoadFailed,
    ModelNotRunnable,
    UnsupportedParameter,
)
from domain.inference.sound import Sound, SoundFile, SoundSamples
from domain.inference.transcription import HearingTask, Transcription, TranscriptionRequest
from domain.serving.load_options import LoadOptions, Task
from ports.sound_engine import LoadedSound, SoundJob
from tests.support.speech_models import FAMILIES, build_family
from tests.support.trained_whisper import SHORT

RATE = 16_000


def loaded(folder: Path) -> LoadedSound:
    model = LocatedModel("org/ears", folder, ModelSource.WORKSPACE)
    return MlxSoundRuntime().load(model, LoadOptions(task=Task.TRANSCRIBE))


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LoadedSound]:
    made: dict[str, LoadedSound] = {}

    def load(name: str) -> LoadedSound:
        if name not in made:
            made[name] = loaded(build_family(tmp_path_factory.mktemp("models") / f"{name} [1]", name))
        return made[name]

    return load


def heard(ears: LoadedSound, sound: Sound, **wishes: object) -> Transcription:
    request = TranscriptionRequest(sound, **wishes)  # type: ignore[arg-type]
    ears.engine.add(SoundJob(1, request, ears.codec.prepare(request)))
    told: list[object] = []
    while ears.engine.jobs:
        told += [event for _, event in ears.engine.step()]
    assert isinstance(told[-1], Transcription), told[-1]
    return told[-1]


def noise(seconds: float) -> SoundSamples:
    samples = np.random.default_rng(0).normal(0, 3000, int(seconds * RATE))
    return SoundSamples(samples.astype("<i2").tobytes(), RATE)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_hears_a_file_and_a_sound_of_no_length(family: Callable[[str], LoadedSound], name: str) -> None:
    whole = heard(family(name), SoundFile(SHORT[0].path))
    assert whole.text and whole.segments and whole.segments[-1].end <= whole.duration_seconds
    assert heard(family(name), noise(0.002)).duration_seconds == pytest.approx(0.002)


def test_a_long_sound_is_heard_in_pieces_of_half_a_minute(family: Callable[[str], LoadedSound]) -> None:
    whole = heard(family("sensevoice"), noise(70))
    assert len(whole.segments) == 3
    assert all(25 <= segment.end - segment.start <= 30 for segment in whole.segments[:2])
    assert whole.segments[-1].end == pytest.approx(70)


def test_words_of_a_family_that_tells_them_are_those_of_its_text(family: Callable[[str], LoadedSound]) -> None:
    whole = heard(family("parakeet"), SoundFile(SHORT[0].path), words=True)
    assert "".join(word.text for word in whole.words) == "".join(segment.text for segment in whole.segments)
    assert all(word.start <= word.end <= whole.duration_seconds for word in whole.words)


@pytest.mark.parametrize(
    ("name", "wishes", "error", "param"),
    [
        ("moonshine", {"words": True}, UnsupportedParameter, "timestamp_granularities"),
        ("moonshine", {"prompt": "names"}, UnsupportedParameter, "prompt"),
        ("moonshine", {"language": "en"}, UnsupportedParameter, "language"),
        ("sensevoice", {"temperature": 0.5}, UnsupportedParameter, "temperature"),
        ("sensevoice", {"language": "de"}, CapabilityMismatch, "language"),
        ("parakeet", {"task": HearingTask.TRANSLATE}, CapabilityMismatch, "model"),
    ],
)
def test_what_a_family_cannot_do_is_refused_by_name(
    family: Callable[[str], LoadedSound], name: str, wishes: dict[str, object], error: type[InvalidRequest], param: str
) -> None:
    request = TranscriptionRequest(noise(0.1), **wishes)  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        family(name).codec.prepare(request)
    assert caught.value.param == param


def test_a_language_that_a_family_knows_is_handed_on(family: Callable[[str], LoadedSound]) -> None:
    assert heard(family("sensevoice"), noise(1), language="ja").language == "ja"


class Translator:
    """As canary's, told apart by its parameters."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float]] = []

    def generate(
        self, audio: object, *, source_lang: str = "en", target_lang: str = "en", temperature: float = 0.0
    ) -> str:
        self.asked.append((source_lang, target_lang, temperature))
        if temperature == 1.0:
            raise RuntimeError("a fault of the family's")
        return "hello"


def test_languages_and_temperatures_go_where_a_family_takes_them() -> None:
    model = Translator()
    listener = listener_of(model, "canary", "org/canary")
    ears = FamilyEngine(listener), FamilyCodec(listener)
    for job_id, wishes in enumerate(
        ({"language": "fr"}, {"language": "fr", "task": HearingTask.TRANSLATE}, {"temperature": 0.5})
    ):
        request = TranscriptionRequest(noise(0.5), **wishes)  # type: ignore[arg-type]
        ears[0].add(SoundJob(job_id, request, ears[1].prepare(request)))
    while ears[0].jobs:
        ears[0].step()
    assert model.asked == [("fr", "fr", 0.0), ("fr", "en", 0.0), ("en", "en", 0.5)]
    with pytest.raises(UnsupportedParameter, match="what it translates from"):
        ears[1].prepare(TranscriptionRequest(noise(0.5), task=HearingTask.TRANSLATE))


def test_a_fault_of_the_library_is_the_sounds_own() -> None:
    listener = listener_of(Translator(), "canary", "org/canary")
    engine, codec = FamilyEngine(listener), FamilyCodec(listener)
    for job_id, temperature in ((1, 1.0), (2, 0.0)):
        request = TranscriptionRequest(noise(0.5), temperature=temperature)
        engine.add(SoundJob(job_id, request, codec.prepare(request)))
    told: dict[int, object] = {}
    while engine.jobs:
        told.update(engine.step())
    fault = told[1]
    assert isinstance(fault, GenerationFailed) and "a fault of the family's" in fault.message
    assert isinstance(told[2], Transcription)


def test_a_step_is_announced_to_take_as_long_as_a_piece_until_one_was_measured() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 2.0
        return now[0]

    listener = listener_of(Translator(), "canary", "org/canary")
    engine, codec = FamilyEngine(listener, clock), FamilyCodec(listener)
    assert engine.pulse().step_seconds == PIECE_SECONDS
    request = TranscriptionRequest(noise(0.5))
    engine.add(SoundJob(1, request, codec.prepare(request)))
    while engine.jobs:
        engine.step()
    assert engine.pulse().step_seconds == 4.0


def test_a_piece_ends_in_the_pause_near_its_border() -> None:
    samples = np.ones(60 * RATE, np.float32)
    samples[int(27.0 * RATE) : int(27.4 * RATE)] = 0
    assert piece_end(samples, 0, RATE) / RATE == pytest.approx(27.2, abs=0.15)
    assert piece_end(samples[: 29 * RATE], 0, RATE) == 29 * RATE


class Told:
    def __init__(self, text: str, segments: list[dict[str, object]]) -> None:
        self.text, self.segments = text, segments


def test_times_that_cannot_be_right_become_the_pieces_own() -> None:
    good: list[dict[str, object]] = [{"text": "a", "start": 0.0, "end": 1.0}, {"text": "b", "start": 1.5, "end": 99.0}]
    found = segments_of(Told("a b", good), 30.0, 5.0, words=False)
    assert [(each.text, each.start, each.end) for each in found] == [(" a", 30.0, 31.0), (" b", 31.5, 35.0)]
    untimed: list[dict[str, object]] = [{"text": "a"}, {"text": "b"}]
    for bad in ([{"text": "a b", "start": 0.0, "end": 0.3}], [good[1], good[0]], untimed):
        (one,) = segments_of(Told("a b", bad), 30.0, 5.0, words=False)
        assert (one.text, one.start, one.end) == (" a b", 30.0, 35.0)


def test_a_folder_without_words_and_a_family_of_nobody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="tokenizer"):
        loaded(build_family(tmp_path / "moonshine", "moonshine", tokenizer=False))
    strange = build_family(tmp_path / "strange", "moonshine")
    (strange / "config.json").write_text('{"model_type": "earwax"}')
    with pytest.raises(ModelNotRunnable, match="earwax"):
        loaded(strange)
