"""What people and programs see of an answer: thoughts, calls, remarks, figures, and who answered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import EngineDied
from domain.inference import (
    Finished,
    FinishReason,
    GenerationReport,
    PictureFacts,
    ReasoningDelta,
    Sampling,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from domain.inference.picture_table import PictureRow, picture_table
from domain.serving.model_load import ModelLoad
from entrypoints.cli.errors import INTERRUPTED
from tests.support.fakes.cli_services import FakeChat, FakeServices, Line, Step, spoken

DIM, PLAIN = "\x1b[2m", "\x1b[0m"
END = Finished(FinishReason.STOP, Usage(7, 5))
THOUGHT: list[Step] = [ReasoningDelta("Hm"), ReasoningDelta(", so."), TextDelta("Ye"), TextDelta("s."), END]
CALLS: list[Step] = [
    TextDelta("Let me see."),
    ToolCallDelta(0, "c1", "weather", '{"city":'),
    ToolCallDelta(1, "c2", "time", ""),
    ToolCallDelta(0, None, None, '\n "Zürich"}'),
    ToolCallDelta(1, None, None, "no\njson"),
    Finished(FinishReason.TOOL_CALLS, Usage(7, 9)),
]
REPORT = GenerationReport(
    sampling=Sampling(temperature=0.7, top_p=0.9, seed=42, top_k=40, logit_bias=((5, -2.5),), repetition_penalty=1.1),
    max_tokens=99,
    waiting_seconds=0.05,
    prefill_seconds=0.2,
    decode_seconds=2.0,
    peak_memory_bytes=1_500_000_000,
    last_tokens=((5, "it's"), (6, " é\n"), (2, '"</s>"')),
    stop_tokens=3,
    alone="it is speculative",
)
REPORTED: list[Step] = [
    TextDelta("Yes."),
    Finished(FinishReason.LENGTH, Usage(1007, 41, 12, 7), REPORT, ("a call could not be read",)),
]


def line(*answers: list[Step], terminal: bool = False, environ: dict[str, str] | None = None) -> Line:
    return Line(FakeServices(answers=answers), terminal=terminal, environ=environ or {"TERM": "xterm"})


def data(of: list[Step], *flags: str) -> dict[str, Any]:
    seen = line(of).run("run", "demo", "x", "--json", *flags)
    assert (seen.code, seen.err) == (0, "")
    found: dict[str, Any] = json.loads(seen.out)["data"]
    return found


@pytest.mark.parametrize("flags", [(), ("--no-stream",)])
def test_thoughts_are_dimmed_on_a_terminal_and_stand_apart(flags: tuple[str, ...]) -> None:
    seen = line(THOUGHT, terminal=True).run("run", "demo", "x", *flags)
    assert seen.out == f"{DIM}Hm, so.\n{PLAIN}\nYes.\n"


@pytest.mark.parametrize("environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour_thoughts_have_a_heading(environ: dict[str, str]) -> None:
    seen = line(THOUGHT, terminal=True, environ=environ).run("run", "demo", "x")
    assert seen.out == "[Reasoning]\nHm, so.\n\n[Answer]\nYes.\n"


def test_a_piped_answer_is_the_answer_alone() -> None:
    seen = line(THOUGHT).run("run", "demo", "x")
    assert (seen.out, seen.err) == ("Yes.\n", "")


def test_a_piped_answer_shows_its_thoughts_as_a_remark_when_asked() -> None:
    seen = line(THOUGHT).run("run", "demo", "x", "--verbose")
    assert seen.out == "Yes.\n"
    assert seen.err.startswith("[Reasoning]\nHm, so.\nModel: ready after")
    hidden = line(THOUGHT).run("run", "demo", "x", "--verbose", "--no-reasoning")
    assert "Hm" not in hidden.out + hidden.err


def test_thoughts_can_be_hidden() -> None:
    assert line(THOUGHT, terminal=True).run("run", "demo", "x", "--no-reasoning").out == "Yes.\n"
    assert data(THOUGHT, "--no-reasoning")["reasoning"] is None
    assert data(THOUGHT)["reasoning"] == "Hm, so."


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), EngineDied("the engine ended")])
def test_the_terminal_gets_its_colour_back_whatever_happens(fault: BaseException) -> None:
    seen = line([ReasoningDelta("Hm"), fault], terminal=True).run("run", "demo", "x")
    assert seen.out == f"{DIM}Hm\n{PLAIN}"
    assert seen.code in (1, INTERRUPTED)


def test_thoughts_do_not_steer_the_terminal() -> None:
    evil: list[Step] = [ReasoningDelta("a\x1b[2Jb"), END]
    assert line(evil, terminal=True).run("run", "demo", "x").out == f"{DIM}a�[2Jb\n{PLAIN}"


@pytest.mark.parametrize("terminal", [True, False])
def test_calls_are_printed_a_line_each(terminal: bool) -> None:
    seen = line(CALLS, terminal=terminal).run("run", "demo", "x")
    assert seen.out == 'Let me see.\nweather({"city": "Zürich"})\ntime(no json)\n'


def test_calls_in_json_are_as_the_model_wrote_them() -> None:
    found = data(CALLS)
    assert found["finish_reason"] == "tool_calls"
    assert found["tool_calls"] == [
        {"id": "c1", "name": "weather", "arguments": '{"city":\n "Zürich"}'},
        {"id": "c2", "name": "time", "arguments": "no\njson"},
    ]


def test_an_interrupted_call_is_not_printed_as_one() -> None:
    seen = line([*CALLS[:3], KeyboardInterrupt()], terminal=True).run("run", "demo", "x")
    assert seen.out == "Let me see.\n"


def test_verbose_tells_how_the_answer_came_about() -> None:
    seen = line(REPORTED).run("run", "demo", "x", "--verbose")
    assert seen.out == "Yes.\n"
    lines = seen.err.splitlines()
    assert lines[0] == "run: Warning: a call could not be read"
    assert lines[1].startswith("Model: ready after ")
    assert lines[2:] == [
        "Prompt: 1,007 tokens, 7 of them from the prompt cache, 5,000.0 tokens/s, first token after 0.250 s",
        "Answer: 41 tokens (12 of them thought), 20.0 tokens/s, ended by length",
        "Peak memory: 1.50 GB",
        "Sampling: temperature 0.7, top_p 0.9, seed 42, top_k 40, repetition_penalty 1.1, repetition_context_size 20, "
        "logit_bias 5=-2.5, max_tokens 99",
        "Decoded alone: it is speculative",
        "[DEBUG] Token generation analysis: 5='it\\'s' 6=' é\\n' 2='\"</s>\"'",
        "WARNING: Multiple EOS tokens detected (3) - model quality issue",
    ]


def test_verbose_asks_the_engine_to_look() -> None:
    asked = line(REPORTED, REPORTED)
    asked.run("run", "demo", "x", "--verbose")
    asked.run("run", "demo", "x")
    assert [request.inspect for _, request, _ in asked.services.talk.asked] == [True, False]


def test_one_stop_token_is_no_quality_issue() -> None:
    report = GenerationReport(sampling=Sampling(0.0, 1.0, 1), max_tokens=5, stop_tokens=1)
    one: list[Step] = [Finished(FinishReason.STOP, Usage(1, 1), report)]
    err = line(one).run("run", "demo", "x", "--verbose").err
    assert "WARNING" not in err
    assert "Sampling: temperature 0, top_p 1, seed 1, max_tokens 5" in err
    assert "tokens/s" not in err


def test_json_tells_the_sampling_in_force_timings_and_warnings() -> None:
    found = data(REPORTED)
    assert (found["sampling"]["seed"], found["sampling"]["logit_bias"]) == (42, {"5": -2.5})
    assert found["sampling"]["max_tokens"] == 99
    assert found["timings"]["prompt_tokens_per_second"] == 5000.0
    assert found["timings"]["decode_tokens_per_second"] == 20.0
    assert found["timings"]["first_token_seconds"] == 0.25
    assert found["timings"]["peak_memory_bytes"] == 1_500_000_000
    assert found["warnings"] == ["a call could not be read"]
    assert found["usage"]["reasoning_tokens"] == 12
    assert found["usage"]["cached_tokens"] == 7


def test_logprobs_are_told_when_asked_for() -> None:
    scored = TokenLogprob(ScoredToken("Y", b"Y", -0.5), (ScoredToken("Y", b"Y", -0.5), ScoredToken("�", b"\xc3", -2.0)))
    steps: list[Step] = [TextDelta("Y", (scored,)), END]
    assert data(steps, "--logprobs", "2")["logprobs"] == [
        {
            "token": "Y",
            "bytes": [89],
            "logprob": -0.5,
            "top_logprobs": [
                {"token": "Y", "bytes": [89], "logprob": -0.5},
                {"token": "�", "bytes": [195], "logprob": -2.0},
            ],
        }
    ]
    assert data(steps)["logprobs"] is None


def test_a_running_server_answers_when_it_holds_the_model() -> None:
    asked = line()
    asked.services.finding.found = served = FakeChat([spoken("From afar.")])
    seen = asked.run("run", "demo", "x", "--verbose")
    assert seen.out == "From afar.\n"
    assert "Answered through a running server" in seen.err
    assert (len(served.asked), asked.services.talk.asked) == (1, [])


def test_json_says_who_answered() -> None:
    asked = line()
    asked.services.finding.found = FakeChat([spoken("From afar.")])
    assert json.loads(asked.run("run", "demo", "x", "--json").out)["data"]["served_by"] == "server"


def test_a_server_that_declined_did_not_answer() -> None:
    asked = line()
    pool = asked.services.pool

    class Declining(FakeChat):
        """Answers, but by a model that was loaded here."""

        def execute(self, *arguments, **options):  # type: ignore[no-untyped-def]
            pool.held = (ModelLoad(self.model, 1),)
            return super().execute(*arguments, **options)

    asked.services.finding.found = Declining([spoken("Here after all.")])
    assert json.loads(asked.run("run", "demo", "x", "--json").out)["data"]["served_by"] == "local"


def test_local_looks_for_no_server() -> None:
    asked = line(spoken("Here."))
    asked.services.finding.found = FakeChat([spoken("From afar.")])
    assert asked.run("run", "demo", "x", "--local").out == "Here.\n"
    assert asked.services.finding.asked == []


def test_a_server_is_mentioned_only_when_asked() -> None:
    asked = line()
    asked.services.finding.found = FakeChat([spoken("From afar.")])
    assert asked.run("run", "demo", "x").err == ""


# Tables of pictures


ROW = PictureRow(1, "1a2b3c4d" + "0" * 56, name="a|b.png")
TOLD = PictureFacts(ROW.digest, "PNG", 4, 3, 52.52, 13.405, "2024-05-06T07:08:09", "Acme X1")
TABLE = picture_table([replace(ROW, facts=TOLD), PictureRow(12, "2" * 64, name="c.gif")])
LINES = (
    "Image 1   a|b.png  52.5200°N, 13.4050°E  2024-05-06T07:08:09  Acme X1\n"
    "Image 12  c.gif\n"
)  # fmt: skip


@pytest.mark.parametrize("flags", [(), ("--no-stream",)])
def test_on_a_terminal_a_table_of_pictures_is_a_line_for_each(flags: tuple[str, ...]) -> None:
    answer = spoken(TABLE, "R", "ed.")
    assert line(answer, terminal=True, environ={"NO_COLOR": "1"}).run("run", "demo", "x", *flags).out == (
        f"{LINES}\nRed.\n"
    )
    assert line(answer, terminal=True).run("run", "demo", "x", *flags).out == f"{DIM}{LINES}{PLAIN}\nRed.\n"


def test_groups_of_pictures_say_which_they_are() -> None:
    made = "image_1a2b3c4d.image"
    groups = (picture_table([replace(ROW, name=None)], (at, 2)) for at in (1, 2))
    answer = spoken(next(groups), "Red.", "\n\n" + next(groups), "Blue.")
    assert line(answer, terminal=True, environ={"NO_COLOR": "1"}).run("run", "demo", "x").out == (
        f"Chunk 1/2: Image 1\nImage 1  {made}\n\nRed.\n\nChunk 2/2: Image 1\nImage 1  {made}\n\nBlue.\n"
    )


def test_programs_get_the_table_as_it_is() -> None:
    assert line(spoken(TABLE, "Red.")).run("run", "demo", "x").out == f"{TABLE}Red.\n"
