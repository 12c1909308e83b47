"""What every ModelWorker does that speaks: the fake one, and the one with a process and a voice in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePath

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.errors import CapabilityMismatch, EngineDied
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechPiece, SpeechRequest, Spoken
from domain.serving.load_options import LoadOptions, Task
from ports.model_worker import ModelWorker, WorkerLauncher
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script
from tests.support.random_voices import build_soprano

SPEAKING = LoadOptions(task=Task.SPEAK)


@dataclass(frozen=True)
class Case:
    """A launcher, a model it can load, and the way its workers are killed."""

    launcher: WorkerLauncher
    model: LocatedModel
    kill: Callable[[ModelWorker], None]


def fake_case() -> Case:
    def kill(worker: ModelWorker) -> None:
        assert isinstance(worker, FakeWorker)
        worker.kill()

    script = Script()
    script.sounds.voices = ("default",)
    return Case(
        FakeWorkerLauncher(script), LocatedModel("org/voice", PurePath("/nowhere"), ModelSource.CACHE), kill
    )  # fmt: skip


@pytest.fixture(scope="module", params=["fake", "process"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    if request.param == "fake":
        made = fake_case()
    else:
        folder = build_soprano(tmp_path_factory.mktemp("voice"))
        made = Case(
            ProcessWorkerLauncher(dict(os.environ), keep_spare=True),
            LocatedModel("org/voice", folder, ModelSource.WORKSPACE),
            lambda worker: os.kill(worker.loaded.process_id, signal.SIGKILL),
        )
    yield made
    made.launcher.close()


@pytest.fixture(scope="module")
def voice(case: Case) -> Iterator[ModelWorker]:
    worker = case.launcher.launch(case.model, SPEAKING)
    yield worker
    worker.close()


def said(worker: ModelWorker, text: str) -> bytes:
    """Bare samples, or what stands for them."""
    *pieces, last = worker.speak(SpeechRequest(text, seed=1, format=SoundFormat.PCM, streamed=True))
    assert isinstance(last, Spoken)
    assert last.duration_seconds > 0
    data = [each.data for each in pieces if isinstance(each, SpeechPiece)]
    assert len(data) == len(pieces) > 1
    return b"".join(data)


def test_a_text_comes_in_pieces_and_is_the_same_again(voice: ModelWorker) -> None:
    assert said(voice, "One.\nTwo.") == said(voice, "One.\nTwo.") != said(voice, "Three.\nTwo.")


def test_texts_of_many_threads_are_each_said_for_themselves(voice: ModelWorker) -> None:
    texts = ["One.\nTwo.", "Three.\nTwo."]
    alone = [said(voice, text) for text in texts]
    with ThreadPoolExecutor(max_workers=4) as threads:
        assert list(threads.map(lambda text: said(voice, text), texts * 2)) == alone * 2


def test_a_wish_that_cannot_be_had_is_refused_and_the_next_one_is_said(voice: ModelWorker) -> None:
    with pytest.raises(CapabilityMismatch) as caught:
        list(voice.speak(SpeechRequest("Hi.", voice="alloy")))
    assert caught.value.param == "voice"
    said(voice, "One.\nTwo.")


def test_a_cancelled_speech_leaves_nothing_behind(voice: ModelWorker) -> None:
    events = voice.speak(SpeechRequest("One.\n" * 20, seed=1, format=SoundFormat.PCM, streamed=True))
    next(events)
    events.cancel()
    assert not list(events)
    said(voice, "One.\nTwo.")


def test_a_worker_that_dies_ends_its_speech(case: Case) -> None:
    worker = case.launcher.launch(case.model, SPEAKING)
    events = worker.speak(SpeechRequest("One.\n" * 40, seed=1, format=SoundFormat.PCM, streamed=True))
    next(events)
    case.kill(worker)
    with pytest.raises(EngineDied):
        list(events)
    worker.close()
