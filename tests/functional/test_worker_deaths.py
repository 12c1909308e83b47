"""A worker that is killed between any two frames of an answer, and in the middle of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel, ModelSource
from domain.errors import EngineDied
from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    ReasoningDelta,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
)
from domain.serving.load_options import LoadOptions
from domain.serving.model_load import ModelLoad
from ports.model_worker import GenerationStream
from tests.support import dying_worker
from tests.support.miniatures import says

THOUGHT, ANSWER = "hm, so", "one two three four"
MOMENTS = ("before", "inside", "after")


class Serving:
    """A pool whose workers die as planned. Each `ask` reads as far as it gets."""

    def __init__(self, folder: Path) -> None:
        self._plan = folder / "plan"
        command = (sys.executable, "-P", dying_worker.__file__, str(self._plan))
        self._pool = ModelPool(ProcessWorkerLauncher(os.environ, keep_spare=True, command=command), 2**40)
        model = says(folder / "model", f"<think>{THOUGHT}</think>{ANSWER}")
        self._load = ModelLoad(LocatedModel("org/frail", model, ModelSource.WORKSPACE), 1, LoadOptions())
        self.frames = self._count_frames()

    def ask(self, *, streamed: bool, death: str | None = None) -> tuple[str, str, Finished | EngineDied]:
        """Thought and answer as the client saw them, and how it ended. death: moment and frame."""
        if death is not None:
            self._plan.write_text(death, encoding="utf-8")
        thought = answer = ""
        stream = self._stream(streamed=streamed)
        try:
            for event in stream:
                match event:
                    case ReasoningDelta(text):
                        thought += text
                    case TextDelta(text):
                        answer += text
                    case Finished():
                        return thought, answer, event
        except EngineDied as death_notice:
            return thought, answer, death_notice
        raise AssertionError("a stream without an end")

    def died_as_planned(self) -> bool:
        return not self._plan.exists()

    def close(self) -> None:
        self._pool.close()

    def _stream(self, *, streamed: bool) -> GenerationStream:
        limits = TokenLimits(DefaultLength.FULL_CONTEXT, 100)
        request = GenerationRequest((Message(Role.USER, "hello"),), limits, SamplingRequest(temperature=0.0, seed=1))
        return self._pool.stream(self._load, request, streamed=streamed)

    def _count_frames(self) -> int:
        """At least so many frames has an answer: each delta but the last travels in one of its own."""
        return sum(not isinstance(event, Finished) for event in self._stream(streamed=True))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("deaths"))
    yield made
    made.close()


def check_whole(end: tuple[str, str, Finished | EngineDied]) -> None:
    thought, answer, last = end
    assert (thought, answer) == (THOUGHT, ANSWER)
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.STOP


def check_death(serving: Serving, moment: str, frame: int, *, streamed: bool) -> None:
    thought, answer, end = serving.ask(streamed=streamed, death=f"{moment} {frame}")
    assert serving.died_as_planned(), "the answer has fewer frames than that"
    shown = frame - (moment != "after") > 0
    if streamed and shown and not isinstance(end, Finished):
        assert f"{THOUGHT}|{ANSWER}".startswith(f"{thought}|{answer}" if answer else thought)
        assert thought, "what was sent before the death was shown"
        assert "SIGKILL" in end.message
    else:
        check_whole((thought, answer, end))
    check_whole(serving.ask(streamed=streamed))


def sweep(serving: Serving, frames: range, check: Callable[[str, int], None]) -> None:
    for frame in frames:
        for moment in MOMENTS:
            check(moment, frame)


@pytest.mark.parametrize(("moment", "frame"), [("before", 1), ("inside", 1), ("after", 1), ("inside", 5)])
def test_what_has_been_shown_is_not_shown_twice_and_what_has_not_is_made_good(
    serving: Serving, moment: str, frame: int
) -> None:
    check_death(serving, moment, frame, streamed=True)


@pytest.mark.parametrize(("moment", "frame"), [("inside", 4)])
def test_an_answer_that_is_shown_whole_survives_a_death_anywhere(serving: Serving, moment: str, frame: int) -> None:
    check_death(serving, moment, frame, streamed=False)


@pytest.mark.nightly
@pytest.mark.parametrize("streamed", [True, False])
def test_no_frame_is_a_bad_one_to_die_at(serving: Serving, *, streamed: bool) -> None:
    sweep(
        serving,
        range(1, serving.frames + 1),
        lambda moment, frame: check_death(serving, moment, frame, streamed=streamed),
    )
