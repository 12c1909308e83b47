"""The chat on a real (pseudo-)terminal, with the real line editing, down to the real engine."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.cli.chat_input import ONCE_MORE
from scripts.train_demo.conversations import LONG_STORY, PAIRS, REPEAT_REQUESTS, WHO_ARE_YOU
from tests.support.cli_process import Terminal, clean_environment, group_is_empty, on_terminal, program_on_terminal
from tests.support.eventually import eventually

QUESTION = {answer: question for question, answer in PAIRS}
INTERRUPTED = "[Generation interrupted by user]"
UP, TAB, CTRL_C, CTRL_D = "\x1b[A", "\t", "\x03", "\x04"
CHAT = ("run", "demo", "--temperature", "0")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path, COLUMNS="100", INPUTRC="/dev/null")


def say(terminal: Terminal, text: str, answer: str, after: int) -> int:
    """Type a line, and wait for the answer and the next question mark."""
    terminal.type(f"{text}\n")
    return terminal.wait_for("> ", after=terminal.wait_for(answer, after=after))


def press_ctrl_c(terminal: Terminal) -> None:
    """At a question mark, once the line editor waits: Python overlooks a signal while the editor draws."""

    def waits() -> bool:
        shown = subprocess.run(["ps", "-o", "state=", "-p", str(terminal.process.pid)], capture_output=True, check=True)
        return shown.stdout.startswith(b"S")

    eventually(waits, "the line editor waits")
    terminal.type(CTRL_C)


def test_every_answer_can_be_stopped_and_the_next_question_is_answered(env: dict[str, str]) -> None:
    with on_terminal(*CHAT, env=env) as terminal:
        at = terminal.wait_for("> ")
        for _ in range(2):
            terminal.type(f"{QUESTION[LONG_STORY]}\n")
            at = terminal.wait_for(" ".join(LONG_STORY.split()[:2]), after=at)
            terminal.type(CTRL_C)
            at = terminal.wait_for("> ", after=terminal.wait_for(f"\n{INTERRUPTED}\n", after=at))
        at = say(terminal, "/clear", "Forgotten.", at)
        at = say(terminal, QUESTION[WHO_ARE_YOU], f"{QUESTION[WHO_ARE_YOU]}\n{WHO_ARE_YOU}\n", at)
        terminal.type("exit\n")
        assert terminal.finish() == 0
        assert "Traceback" not in terminal.shown
        assert terminal.shown.count(INTERRUPTED) == 2
        eventually(lambda: group_is_empty(terminal.process.pid), "every process ends")


def test_ctrl_c_clears_the_line_and_twice_leaves(env: dict[str, str]) -> None:
    with on_terminal(*CHAT, env=env) as terminal:
        at = terminal.wait_for("> ")
        terminal.type("rubbish")
        at = terminal.wait_for("rubbish", after=at)
        press_ctrl_c(terminal)
        at = terminal.wait_for("> ", after=terminal.wait_for(ONCE_MORE, after=at))
        at = say(terminal, QUESTION[WHO_ARE_YOU], WHO_ARE_YOU, at)
        press_ctrl_c(terminal)
        at = terminal.wait_for("> ", after=terminal.wait_for(ONCE_MORE, after=at))
        press_ctrl_c(terminal)
        assert terminal.finish() == 0
        assert "Traceback" not in terminal.shown


def test_what_was_typed_comes_back_in_the_next_chat(env: dict[str, str], tmp_path: Path) -> None:
    with on_terminal(*CHAT, env=env) as terminal:
        at = terminal.wait_for("> ")
        say(terminal, QUESTION[WHO_ARE_YOU], WHO_ARE_YOU, at)
        terminal.type(CTRL_D)
        assert terminal.finish() == 0
    history = tmp_path / "state" / "mlxk" / "chat_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    with on_terminal(*CHAT, env=env) as terminal:
        at = terminal.wait_for("> ")
        terminal.type(UP)
        at = terminal.wait_for(QUESTION[WHO_ARE_YOU], after=at)
        terminal.type("\n")
        terminal.wait_for(WHO_ARE_YOU, after=at)
        terminal.type("q\n")
        assert terminal.finish() == 0


def test_a_history_can_be_declined_and_one_that_cannot_be_kept_is_said(env: dict[str, str], tmp_path: Path) -> None:
    with on_terminal(*CHAT, env={**env, "MLXK_HISTORY": "0"}) as terminal:
        say(terminal, "/stats", "answers 0", terminal.wait_for("> "))
        terminal.type("q\n")
        assert terminal.finish() == 0
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").write_text("in the way")
    with on_terminal(*CHAT, env=env) as terminal:
        at = say(terminal, "/stats", "(what you type is not kept: ", terminal.wait_for("> "))
        say(terminal, "/stats", "answers 0", at)
        terminal.type("q\n")
        assert terminal.finish() == 0
        assert terminal.shown.count("is not kept") == 1


def test_blocks_files_commands_and_the_tab_key(env: dict[str, str], tmp_path: Path) -> None:
    saved = tmp_path / "chat.json"
    with on_terminal(*CHAT, "--system", "Answer briefly.", env=env) as terminal:
        at = terminal.wait_for("> ")
        terminal.type('"""\n')
        at = terminal.wait_for("... ", after=at)
        at = say(terminal, f'{QUESTION[WHO_ARE_YOU]}"""', WHO_ARE_YOU, at)
        at = say(terminal, f"/sa{TAB}{saved}", f"Saved to {saved}.", at)
        at = say(terminal, "/clear", "Forgotten", at)
        at = say(terminal, f"/load {tmp_path}/ch{TAB}", "2 turns loaded", at)
        at = say(terminal, REPEAT_REQUESTS[0], WHO_ARE_YOU, at)
        at = say(terminal, "/stats", "answers 2", at)
        terminal.type("/exit\n")
        assert terminal.finish() == 0
        assert "Error" not in terminal.shown
    roles = [each["role"] for each in json.loads(saved.read_text())["messages"]]
    assert roles == ["system", "user", "assistant"]


def test_a_chat_works_where_python_has_no_line_editing(env: dict[str, str]) -> None:
    code = "import sys; sys.modules['readline'] = None; from mlxk.__main__ import main; sys.exit(main(sys.argv[1:]))"
    with program_on_terminal(sys.executable, "-c", code, *CHAT, env=env) as terminal:
        say(terminal, QUESTION[WHO_ARE_YOU], WHO_ARE_YOU, terminal.wait_for("> "))
        terminal.type("q\n")
        assert terminal.finish() == 0
        assert "Traceback" not in terminal.shown


def test_the_second_turn_of_a_chat_is_read_on_from_the_first(env: dict[str, str]) -> None:
    told = r"Prompt: ([\d,]+) tokens, ([\d,]+) of them from the prompt cache"
    with on_terminal(*CHAT, "--verbose", env={**env, "MLXK2_DEBUG": "1"}) as terminal:
        at = terminal.wait_for("> ")
        at = say(terminal, QUESTION[WHO_ARE_YOU], WHO_ARE_YOU, at)
        say(terminal, QUESTION[WHO_ARE_YOU], WHO_ARE_YOU, at)
        terminal.type("exit\n")
        assert terminal.finish() == 0
    (first, nothing), (second, cached) = re.findall(told, terminal.shown)
    assert nothing == "0"
    assert int(first) < int(cached) < int(second)
    assert re.search(rf"request 2: {cached} of {second} prompt tokens were reused", terminal.shown)
