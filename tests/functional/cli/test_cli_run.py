"""`mlxk run`: the prompt, the stream, the envelope, the conversation."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from domain.errors import ContextLengthExceeded, EngineDied, ModelNotFound
from domain.inference import DefaultLength, Finished, FinishReason, Message, Role, TextDelta, Usage
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.console import Console, ReaderGone
from entrypoints.cli.main import run
from tests.support.fakes.cli_services import FakeServices, Line, TerminalText, spoken

ANSWER = spoken("I am", " mlxk.")


def line(*answers: Any, terminal: bool = False, stdin: str = "") -> Line:
    return Line(FakeServices(answers=answers or (ANSWER,)), terminal=terminal, stdin=stdin)


def messages(of: Line, turn: int = 0) -> list[tuple[str, str]]:
    return [(each.role.value, each.content) for each in of.services.talk.asked[turn][1].messages]


def test_an_answer_is_printed_whole_when_piped() -> None:
    asked = line()
    seen = asked.run("run", "demo", "Who are you?")
    assert (seen.code, seen.out, seen.err) == (0, "I am mlxk.\n", "")
    assert asked.services.talk.asked[0][2] is False


class Recording(TerminalText):
    """Notes each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


@pytest.mark.parametrize(
    ("flags", "writes"), [((), ["I am", " mlxk.", "\n"]), (("--no-stream",), ["I am mlxk.", "\n"])]
)
def test_an_answer_streams_to_a_terminal(flags: tuple[str, ...], writes: list[str]) -> None:
    screen = Recording()
    source = line()
    console = Console(io.StringIO(), screen, io.StringIO())
    assert run(["run", "demo", "hello", *flags], console, source._context) == 0
    assert screen.writes == writes
    assert source.services.talk.asked[0][2] is not bool(flags)


def test_an_answer_that_ends_its_own_line_gets_no_second_end() -> None:
    assert line(spoken("one\n")).run("run", "demo", "x").out == "one\n"


def test_the_terminal_is_not_steered_by_the_models_words() -> None:
    evil = spoken("a\x1b]0;owned\x07b\r\n\tc\x9b2J")
    assert line(evil, terminal=True).run("run", "demo", "x").out == "a�]0;owned�b\n\tc�2J\n"
    assert line(evil).run("run", "demo", "x").out == "a\x1b]0;owned\x07b\r\n\tc\x9b2J\n"


def test_words_are_joined_into_the_prompt() -> None:
    asked = line()
    asked.run("run", "demo", "how", "do", "I", "7", "a,b", "-5")
    assert messages(asked) == [("user", "how do I 7 a,b -5")]


def test_standard_input_comes_first_then_an_empty_line_then_the_rest() -> None:
    asked = line(stdin="a diff\nof lines\n")
    asked.run("run", "demo", "-", "explain", "this")
    assert messages(asked) == [("user", "a diff\nof lines\n\nexplain this")]
    with_option = line(stdin="text")
    with_option.run("run", "demo", "-", "--prompt", "what?")
    assert messages(with_option) == [("user", "text\n\nwhat?")]


def test_a_lone_dash_takes_standard_input_alone() -> None:
    asked = line(stdin="only this\n")
    asked.run("run", "demo", "-")
    assert messages(asked) == [("user", "only this")]


def test_system_and_sampling_reach_the_request() -> None:
    asked = line()
    asked.run(
        "run",
        "demo",
        "--system",
        "Be brief.",
        "--prompt=--x",
        "--max-tokens",
        "5",
        "--temperature",
        "0",
        "--top-p",
        ".5",
        "--seed",
        "-3",
    )
    request = asked.services.talk.asked[0][1]
    assert request.messages == (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "--x"))
    assert (request.limits.requested, request.limits.default) == (5, DefaultLength.FULL_CONTEXT)
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.seed) == (0.0, 0.5, -3)


def test_json_is_one_envelope_with_usage_and_finish_reason() -> None:
    asked = line(spoken("I am", " mlxk.", reason=FinishReason.LENGTH), terminal=True)
    seen = asked.run("run", "demo", "Who?", "--json")
    assert seen.err == ""
    assert asked.services.talk.asked[0][2] is False
    data = json.loads(seen.out)["data"]
    timings = data.pop("timings")
    assert data == {
        "model": "mlxk/demo",
        "prompt": "Who?",
        "response": "I am mlxk.",
        "reasoning": None,
        "tool_calls": [],
        "finish_reason": "length",
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 2,
            "total_tokens": 9,
            "reasoning_tokens": 0,
            "cached_tokens": 0,
        },
        "logprobs": None,
        "sampling": None,
        "warnings": [],
        "served_by": "local",
    }
    assert timings["total_seconds"] >= 0


@pytest.mark.parametrize(
    ("argv", "stdin", "message"),
    [
        (("demo",), "", "the prompt is missing"),
        (("demo", "--json"), "", "the prompt is missing"),
        (("demo", ""), "", "the prompt is empty"),
        (("demo", "--prompt="), "", "the prompt is empty"),
        (("demo", "  "), "", "the prompt is empty"),
        (("demo", "-"), "\n", "the prompt is empty"),
        (("demo", "words", "--prompt", "x"), "", "the prompt is given twice"),
        (("demo", "half \udcff"), "", "the prompt is not UTF-8 text"),
        (("demo", "x", "--system", "\udcff"), "", "the prompt is not UTF-8 text"),
    ],
)
def test_a_prompt_that_cannot_be_is_a_usage_error(argv: tuple[str, ...], stdin: str, message: str) -> None:
    asked = line(stdin=stdin)
    seen = asked.run("run", *argv)
    assert seen.code == 2
    assert message in seen.out + seen.err
    assert not asked.services.talk.asked


def test_a_missing_prompt_in_json_is_an_error_envelope_also_on_a_terminal() -> None:
    seen = line(terminal=True).run("run", "demo", "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (2, "CommandError")


@pytest.mark.parametrize(
    "flags", [("--temperature", "3"), ("--top-p", "1.5"), ("--max-tokens", "0"), ("--seed", "9" * 20)]
)
def test_a_value_out_of_range_is_refused_before_the_model_loads(flags: tuple[str, ...]) -> None:
    asked = line()
    seen = asked.run("run", "demo", "x", *flags)
    assert seen.code == 1
    assert "run: Error: " in seen.err
    assert not asked.services.talk.asked


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_an_error_before_the_answer_leaves_standard_output_to_the_envelope(flags: tuple[str, ...]) -> None:
    asked = line(ModelNotFound("no model here matches 'x'", hint="see `mlxk list`"))
    seen = asked.run("run", "x", "hello", *flags)
    assert seen.code == 1
    assert asked.services.pool.closed == 1
    if flags:
        assert json.loads(seen.out)["error"]["type"] == "model_not_found"
    else:
        assert (seen.out, seen.err) == ("", "run: Error: no model here matches 'x'\nHint: see `mlxk list`\n")


def test_an_error_in_a_stream_ends_the_line_and_is_told() -> None:
    seen = line([TextDelta("I am"), EngineDied("the engine ended")], terminal=True).run("run", "demo", "x")
    assert (seen.code, seen.out) == (1, "I am\n")
    assert seen.err == "run: Error: the engine ended\n"


def test_an_error_in_an_answer_that_is_printed_whole_prints_none_of_it() -> None:
    seen = line([TextDelta("I am"), EngineDied("the engine ended")]).run("run", "demo", "x")
    assert (seen.code, seen.out) == (1, "")


@pytest.mark.parametrize("terminal", [True, False])
def test_ctrl_c_stops_the_answer(terminal: bool) -> None:
    asked = line([TextDelta("I am"), KeyboardInterrupt()], terminal=terminal)
    seen = asked.run("run", "demo", "x")
    assert (seen.code, seen.err) == (130, "[Generation interrupted by user]\n")
    assert seen.out == ("I am\n" if terminal else "")
    assert asked.services.talk.streams[0].cancelled
    assert asked.services.pool.closed == 1


def test_ctrl_c_in_json_is_an_error_envelope() -> None:
    seen = line([TextDelta("I am"), KeyboardInterrupt()]).run("run", "demo", "x", "--json")
    assert (seen.code, json.loads(seen.out)["error"]["type"]) == (130, "interrupted")


class Closed(io.StringIO):
    """The reader has gone."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_goes_ends_the_command_silently_and_frees_the_engine() -> None:
    source = line()
    errors = io.StringIO()
    assert run(["run", "demo", "x"], Console(io.StringIO(), Closed(), errors), source._context) == 141
    assert errors.getvalue() == ""
    assert source.services.talk.streams[0].cancelled
    assert source.services.pool.closed == 1


def test_a_full_disk_is_told() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    errors = io.StringIO()
    assert run(["run", "demo", "x"], Console(io.StringIO(), Full(), errors), line()._context) == 1
    assert "cannot write to standard output: No space left on device" in errors.getvalue()


def test_reader_gone_is_not_caught_as_an_error() -> None:
    assert not issubclass(ReaderGone, Exception)


def test_a_conversation_keeps_its_turns() -> None:
    talk = line(
        spoken("I am mlxk."), spoken("Models."), terminal=True, stdin="Who are you?\n\nWhat do you run?\nexit\n"
    )
    seen = talk.run("run", "demo", "--system", "Be kind.")
    assert seen.code == 0
    assert talk.services.talk.prepared == ["demo"]
    assert messages(talk, 1) == [
        ("system", "Be kind."),
        ("user", "Who are you?"),
        ("assistant", "I am mlxk."),
        ("user", "What do you run?"),
    ]
    assert "Chatting with mlxk/demo." in seen.out
    assert talk.services.pool.closed == 1


@pytest.mark.parametrize("word", ["exit", "quit", "q", " Q ", "EXIT"])
def test_words_that_leave_a_conversation(word: str) -> None:
    talk = line(terminal=True, stdin=f"{word}\nmore\n")
    assert talk.run("run", "demo").code == 0
    assert not talk.services.talk.asked


def test_the_end_of_input_leaves_a_conversation() -> None:
    assert line(terminal=True, stdin="").run("run", "demo").code == 0


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on_with_what_was_said() -> None:
    talk = line([TextDelta("I a"), KeyboardInterrupt()], spoken("Yes."), terminal=True, stdin="Who?\nStill there?\n")
    seen = talk.run("run", "demo")
    assert seen.code == 0
    assert "[Generation interrupted by user]" in seen.err
    assert messages(talk, 1) == [("user", "Who?"), ("assistant", "I a"), ("user", "Still there?")]


def test_ctrl_c_before_the_first_word_forgets_the_question() -> None:
    talk = line([KeyboardInterrupt()], spoken("Yes."), terminal=True, stdin="Who?\nStill there?\n")
    talk.run("run", "demo")
    assert messages(talk, 1) == [("user", "Still there?")]


def test_a_line_that_is_no_text_is_told_and_the_conversation_goes_on() -> None:
    class Foreign(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    source = line(terminal=True)
    typed = Foreign(io.BytesIO(b"caf\xe9\n"), encoding="utf-8")
    errors = TerminalText()
    assert run(["run", "demo"], Console(typed, TerminalText(), errors), source._context) == 0
    assert "that is not UTF-8 text" in errors.getvalue()


def test_an_error_does_not_steer_the_terminal() -> None:
    seen = line(ModelNotFound("no model here matches '\x1b[2J'"), terminal=True).run("run", "x", "hello")
    assert seen.err == "run: Error: no model here matches '�[2J'\n"


def test_what_the_output_cannot_hold_is_replaced() -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    source = line(spoken("a 模 \udcff"))
    assert run(["run", "demo", "x"], Console(io.StringIO(), output, io.StringIO()), source._context) == 0
    output.seek(0)
    assert output.read() == "a ? ?\n"


def test_a_failed_answer_is_told_and_its_question_forgotten() -> None:
    talk = line(
        ContextLengthExceeded("too long", hint="shorten"), spoken("Yes."), terminal=True, stdin="Long?\nShort?\nq\n"
    )
    seen = talk.run("run", "demo")
    assert seen.code == 0
    assert "run: Error: too long\nHint: shorten" in seen.err
    assert messages(talk, 1) == [("user", "Short?")]


def test_ctrl_c_at_the_question_leaves() -> None:
    class Impatient(TerminalText):
        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

    source = line(terminal=True)
    console = Console(Impatient(), TerminalText(), TerminalText())
    assert run(["run", "demo"], console, source._context) == 0


def test_an_answer_without_its_last_event_is_no_success() -> None:
    seen = line([TextDelta("I am")]).run("run", "demo", "x", "--json")
    assert (seen.code, json.loads(seen.out)["error"]["code"]) == (1, "generation_failed")


def test_usage_counts_add_up() -> None:
    assert Finished(FinishReason.STOP, Usage(3, 4)).usage.total_tokens == 7


def test_a_warning_about_memory_goes_to_the_errors_and_the_answer_is_printed_all_the_same() -> None:
    asked = line()
    asked.services.talk.warning = "the model has 9.0 GiB, more than 70 % of 8.0 GiB of RAM"
    seen = asked.run("run", "demo", "Who are you?")
    assert (seen.code, seen.out) == (0, "I am mlxk.\n")
    assert seen.err == "run: Warning: the model has 9.0 GiB, more than 70 % of 8.0 GiB of RAM\n"


@pytest.mark.parametrize(("flags", "forced"), [((), False), (("--force",), True)])
def test_force_is_handed_on(flags: tuple[str, ...], forced: bool) -> None:
    asked = line()
    asked.run("run", "demo", "Who are you?", *flags)
    assert asked.services.talk.loadings == [LoadWishes(force=forced)]
