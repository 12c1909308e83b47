"""What every ModelWorker does that hears: the fake one, and the one with a process and Whisper in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.errors import DeadlineMissed, EngineDied, InvalidMedia
from domain.inference.sound import SoundBytes, SoundFile
from domain.inference.transcription import (
    HeardSegment,
    HearingEvent,
    HearingProgress,
    Transcription,
    TranscriptionRequest,
)
from domain.serving.load_options import LoadOptions, Task
from ports.model_worker import ModelWorker, WorkerLauncher
from tests.support.eventually import eventually
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script
from tests.support.trained_whisper import SHORT, WHISPER


@dataclass(frozen=True)
class Case:
    """A launcher and a model it can load, sounds with what is said in them, and the way its workers are killed."""

    launcher: WorkerLauncher
    model: LocatedModel
    sounds: dict[str, bytes]
    kill: Callable[[ModelWorker], None]


def fake_case() -> Case:
    def kill(worker: ModelWorker) -> None:
        assert isinstance(worker, FakeWorker)
        worker.kill()

    model = LocatedModel("org/ears", PurePath("/nowhere"), ModelSource.CACHE)
    sounds = {text: text.encode() for text in ("a fox jumps", "meet me at the station", "it will be windy")}
    return Case(FakeWorkerLauncher(Script()), model, sounds, kill)


def process_case() -> Case:
    return Case(
        ProcessWorkerLauncher(dict(os.environ), keep_spare=True),
        LocatedModel("org/whisper", WHISPER, ModelSource.WORKSPACE),
        {clip.text: clip.path.read_bytes() for clip in SHORT[:3]},
        lambda worker: os.kill(worker.loaded.process_id, signal.SIGKILL),
    )


@pytest.fixture(scope="module", params=["fake", "process"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    made = fake_case() if request.param == "fake" else process_case()
    yield made
    made.launcher.close()


@pytest.fixture(scope="module")
def ears(case: Case) -> Iterator[ModelWorker]:
    worker = case.launcher.launch(case.model, LoadOptions(task=Task.TRANSCRIBE))
    yield worker
    worker.close()


def heard(worker: ModelWorker, sound: bytes, **wishes: object) -> list[HearingEvent]:
    return list(worker.transcribe(TranscriptionRequest(SoundBytes(sound), **wishes)))  # type: ignore[arg-type]


def text_of(worker: ModelWorker, sound: bytes) -> str:
    whole = heard(worker, sound)[-1]
    assert isinstance(whole, Transcription)
    return whole.text


def test_a_sound_is_heard_word_for_word_and_told_of_in_order(case: Case, ears: ModelWorker) -> None:
    for text, sound in case.sounds.items():
        events = heard(ears, sound)
        whole = events[-1]
        assert isinstance(whole, Transcription)
        assert whole.text == text == "".join(event.delta for event in events if isinstance(event, HeardSegment))
        assert events[0] == HearingProgress(0.0, whole.duration_seconds)
        assert whole.segments == tuple(event.segment for event in events if isinstance(event, HeardSegment))


def test_words_are_told_where_they_are_wanted(case: Case, ears: ModelWorker) -> None:
    text, sound = next(iter(case.sounds.items()))
    whole = heard(ears, sound, words=True)[-1]
    assert isinstance(whole, Transcription)
    assert "".join(word.text for word in whole.words).strip() == text


def test_sounds_of_many_threads_are_each_answered_with_their_own(case: Case, ears: ModelWorker) -> None:
    asked = list(case.sounds.items()) * 3
    with ThreadPoolExecutor(max_workers=9) as threads:
        found = list(threads.map(lambda each: text_of(ears, each[1]), asked))
    assert found == [text for text, _ in asked]


def test_what_is_no_sound_is_refused_and_the_next_one_is_heard(case: Case, ears: ModelWorker) -> None:
    with pytest.raises(InvalidMedia) as caught:
        heard(ears, b"\xff\xfe\xfd")
    assert caught.value.param == "file"
    text, sound = next(iter(case.sounds.items()))
    assert text_of(ears, sound) == text


def test_a_cancelled_sound_leaves_nothing_behind(case: Case, ears: ModelWorker) -> None:
    text, sound = next(iter(case.sounds.items()))
    events = ears.transcribe(TranscriptionRequest(SoundBytes(sound)))
    next(events)
    events.cancel()
    assert list(events) == []
    assert text_of(ears, sound) == text


def test_a_killed_worker_is_told_to_who_waits(case: Case) -> None:
    worker = case.launcher.launch(case.model, LoadOptions(task=Task.TRANSCRIBE))
    case.kill(worker)
    eventually(lambda: not worker.alive, "the worker to be gone")
    with pytest.raises(EngineDied):
        heard(worker, next(iter(case.sounds.values())))
    worker.close()


def test_a_file_of_this_machine_is_read_by_the_worker_itself(tmp_path: Path) -> None:
    launcher = ProcessWorkerLauncher(dict(os.environ), keep_spare=False)
    worker = launcher.launch(process_case().model, LoadOptions(task=Task.TRANSCRIBE))
    path = tmp_path / "clip [1].txt"
    path.write_bytes(SHORT[0].path.read_bytes())
    whole = list(worker.transcribe(TranscriptionRequest(SoundFile(path))))[-1]
    assert isinstance(whole, Transcription) and whole.text == SHORT[0].text
    with pytest.raises(DeadlineMissed, match="it was not done after"):
        heard(worker, path.read_bytes(), deadline_seconds=1e-6)
    assert text_of(worker, path.read_bytes()) == SHORT[0].text
    worker.close()
    launcher.close()
