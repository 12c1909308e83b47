"""Several answers at once: which requests they are, their one stream, and what they cost together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import PurePath

import pytest

from application.inference.answering import PatientAnswer
from application.inference.several import ManyChoices, ask_for_all, patiently, to_the_end
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel, ModelSource
from domain.errors import GenerationFailed, InvalidRequest, ModelNotFound, ServerBusy
from domain.inference import Finished, GenerationRequest, Message, Role, SamplingRequest, TextDelta, Usage
from domain.inference.choices import MAX_ANSWERS, answers_to, total_usage
from domain.inference.row_key import row_key
from domain.serving.model_load import ModelLoad
from tests.support.eventually import eventually
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script

MODEL = LocatedModel("m", PurePath("/models/m"), ModelSource.WORKSPACE)


def request(text: str = "hello", seed: int | None = None) -> GenerationRequest:
    return GenerationRequest((Message(Role.USER, text),), sampling=SamplingRequest(seed=seed))


class House:
    def __init__(self) -> None:
        refuse = {"bad": GenerationFailed("no", param="messages"), "busy": ServerBusy("full")}
        self.launcher = FakeWorkerLauncher(Script({"a": "one two three", "b": "four five"}, refuse=dict(refuse)))
        self.pool = ModelPool(self.launcher, 100)
        self.unknown: set[str] = set()

    def ask(self, each: GenerationRequest) -> PatientAnswer:
        if each.messages[0].content in self.unknown:
            raise ModelNotFound("gone", param="messages")
        return PatientAnswer(MODEL, self.pool.stream(ModelLoad(MODEL, 1), each, streamed=True))

    @property
    def worker(self) -> FakeWorker:
        return self.launcher.workers[0]


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.launcher.script.hold_after = None
    made.launcher.changed()
    made.pool.close()


def choice_threads() -> int:
    return sum(thread.name.startswith("choice-") for thread in threading.enumerate())


def texts(house: House, *questions: str) -> dict[int, str]:
    found = dict.fromkeys(range(len(questions)), "")
    for index, event in to_the_end(ask_for_all(house.ask, [request(each) for each in questions]).events):
        found[index] += event.text if isinstance(event, TextDelta) else ""
    return found


def test_each_choice_tells_its_own_answer_in_order(house: House) -> None:
    assert texts(house, "a") == {0: "one two three"}
    assert texts(house, "a", "b", "a") == {0: "one two three", 1: "four five", 2: "one two three"}
    eventually(lambda: choice_threads() == 0, "the readers to end")


def test_one_answer_needs_no_thread(house: House) -> None:
    house.launcher.script.hold_after = 1
    events = ask_for_all(house.ask, [request("a")]).events
    assert events.next_within(None) == (0, TextDelta("one"))
    assert events.next_within(0.01) is None
    assert choice_threads() == 0


@pytest.mark.parametrize("count", [1, 3])
def test_where_nothing_comes_that_is_told_and_the_answer_goes_on(house: House, count: int) -> None:
    house.launcher.script.hold_after = 1
    events = patiently(ask_for_all(house.ask, [request("b")] * count).events, 0.02)
    told = [next(events) for _ in range(count + 1)]
    assert told[-1] is None
    house.launcher.script.hold_after = None
    house.launcher.changed()
    rest = [each for each in events if each is not None]
    assert sum(isinstance(event, Finished) for _, event in rest) == count


def test_one_that_fails_ends_all_and_its_error_names_the_clients_field(house: House) -> None:
    house.launcher.script.hold_after = 2
    answers = ask_for_all(house.ask, [request("a"), request("bad"), request("a")], called="prompt")
    with pytest.raises(GenerationFailed) as caught:
        list(to_the_end(answers.events))
    assert caught.value.param == "prompt"
    eventually(lambda: house.worker.running == 0, "the others to be called off")
    eventually(lambda: choice_threads() == 0, "the readers to end")


def test_what_fails_before_it_begins_calls_off_those_that_were_asked(house: House) -> None:
    house.unknown.add("b")
    with pytest.raises(ModelNotFound) as caught:
        ask_for_all(house.ask, [request("a"), request("b")], called="prompt")
    assert caught.value.param == "prompt"
    assert not house.pool.in_use(ModelLoad(MODEL, 1))


@pytest.mark.parametrize("count", [1, 4])
def test_cancelling_ends_all_of_them_and_the_stream(house: House, count: int) -> None:
    house.launcher.script.hold_after = 1
    events = ask_for_all(house.ask, [request("a")] * count).events
    for _ in range(count):
        events.next_within(None)
    reader = threading.Thread(target=lambda: list(to_the_end(events)))
    reader.start()
    events.cancel()
    events.cancel()
    reader.join(20)
    assert not reader.is_alive()
    eventually(lambda: house.worker.running == 0, "all choices to be called off")
    assert not house.pool.in_use(ModelLoad(MODEL, 1))


def test_a_reader_that_breaks_is_told_and_not_lost() -> None:
    class Broken:
        cancelled = False

        def __iter__(self) -> Broken:
            return self

        def __next__(self) -> TextDelta:
            raise ZeroDivisionError

        def next_within(self, seconds: float | None) -> TextDelta:
            return next(self)

        def cancel(self) -> None:
            self.cancelled = True

    streams = [Broken(), Broken()]
    with pytest.raises(ZeroDivisionError):
        ManyChoices(streams).next_within(None)
    assert all(each.cancelled for each in streams)


def test_the_first_answer_is_what_a_single_one_would_be_and_the_others_have_seeds_of_their_own() -> None:
    asked = request(seed=-5)
    answers = answers_to(asked, 4)
    assert answers[0] is asked
    assert [each.sampling.seed for each in answers[1:]] == [row_key(2**64 - 5, at) for at in (1, 2, 3)]
    assert answers_to(asked, 2) == answers[:2]
    assert answers_to(request(), 2)[1] == request()


@pytest.mark.parametrize("wrong", [0, -1, MAX_ANSWERS + 1])
def test_there_are_bounds(wrong: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        answers_to(request(), wrong)
    assert caught.value.param == "n"


def test_a_prompt_is_counted_once_and_answers_together() -> None:
    usages = [Usage(10, 3, 1, 4), Usage(10, 2, 0, 9), Usage(7, 1), Usage(7, 5, 2, 6)]
    assert total_usage(usages, 2) == Usage(17, 11, 3, 4)
    assert total_usage(usages, 4) == Usage(10, 11, 3, 0)
    assert total_usage(usages[:1], 1) == usages[0]
