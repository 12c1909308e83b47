"""The real command line on a real (pseudo-)terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.train_demo.conversations import LONG_STORY, MULTI_TURN, PAIRS, REPEAT_REQUESTS, WHO_ARE_YOU
from tests.support.cli_process import clean_environment, group_is_empty, on_terminal
from tests.support.eventually import eventually

QUESTION = {answer: question for question, answer in PAIRS}
INTERRUPTED = "[Generation interrupted by user]"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path, COLUMNS="100")


def test_an_answer_streams_word_for_word(env: dict[str, str]) -> None:
    with on_terminal("run", "demo", QUESTION[WHO_ARE_YOU], "--temperature", "0", env=env) as terminal:
        assert terminal.finish() == 0
        assert terminal.shown == WHO_ARE_YOU + "\n"


def test_a_listing_is_drawn_with_colour(env: dict[str, str]) -> None:
    env.pop("NO_COLOR", None)
    with on_terminal("list", "--health", env=env) as terminal:
        assert terminal.finish() == 0
        assert "mlxk/demo" in terminal.shown
        assert "\x1b[32mhealthy" in terminal.shown


def test_no_color_is_honoured(env: dict[str, str]) -> None:
    with on_terminal("list", "--health", env={**env, "NO_COLOR": "1"}) as terminal:
        assert terminal.finish() == 0
        assert "\x1b[32m" not in terminal.shown
        assert "healthy" in terminal.shown


def test_ctrl_c_stops_a_streaming_answer_with_130_and_leaves_no_process(env: dict[str, str]) -> None:
    with on_terminal("run", "demo", QUESTION[LONG_STORY], "--temperature", "0", env=env) as terminal:
        beginning = " ".join(LONG_STORY.split()[:2])
        terminal.wait_for(beginning)
        terminal.type("\x03")
        assert terminal.finish() == 130
        assert INTERRUPTED in terminal.shown
        assert "Traceback" not in terminal.shown
        assert not terminal.shown.replace("\n", " ").startswith(LONG_STORY.replace("\n", " "))
        eventually(lambda: group_is_empty(terminal.process.pid), "every process ends")


def test_a_conversation_remembers_what_was_said(env: dict[str, str]) -> None:
    """ "Say that again." can only be answered from the turn before."""
    before, last = next((turns, answer) for turns, answer in MULTI_TURN if turns[-1]["content"] in REPEAT_REQUESTS)
    questions = [turn["content"] for turn in before if turn["role"] == "user"]
    answers = [*(turn["content"] for turn in before if turn["role"] == "assistant"), last]
    with on_terminal("run", "demo", "--temperature", "0", env=env) as terminal:
        at = terminal.wait_for("> ")
        for said, answer in zip(questions, answers, strict=True):
            terminal.type(f"{said}\n")
            at = terminal.wait_for(f"{said}\n{answer}\n> ", after=at)
        terminal.type("exit\n")
        assert terminal.finish() == 0
        assert "Traceback" not in terminal.shown


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(env: dict[str, str]) -> None:
    with on_terminal("run", "demo", "--temperature", "0", env=env) as terminal:
        at = terminal.wait_for("> ")
        terminal.type(f"{QUESTION[LONG_STORY]}\n")
        at = terminal.wait_for(" ".join(LONG_STORY.split()[:2]), after=at)
        terminal.type("\x03")
        at = terminal.wait_for(INTERRUPTED, after=at)
        terminal.type(f"{QUESTION[WHO_ARE_YOU]}\n")
        terminal.wait_for(f"{WHO_ARE_YOU}\n> ", after=at)
        terminal.type("\x04")
        assert terminal.finish() == 0
        assert "Traceback" not in terminal.shown


def test_ctrl_d_leaves_a_conversation(env: dict[str, str]) -> None:
    with on_terminal("run", "demo", env=env) as terminal:
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.finish() == 0


def test_an_unknown_model_is_told_before_any_question(env: dict[str, str]) -> None:
    with on_terminal("run", "xyzzy", env=env) as terminal:
        assert terminal.finish() == 1
        assert terminal.shown.startswith("run: Error: no model here matches 'xyzzy'")
