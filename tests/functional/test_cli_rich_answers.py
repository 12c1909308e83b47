"""Thoughts, calls and stop tokens of a real model that says what it is told to, through the real command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.cli_process import clean_environment, mlxk, on_terminal
from tests.support.miniatures.scripted import says

THOUGHT, ANSWER = "Hmm, so be it.", "It is noon."
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>'


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(says(tmp_path_factory.mktemp("thinker") / "model", f"<think>{THOUGHT}</think>{ANSWER}"))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**clean_environment(tmp_path, COLUMNS="100"), "NO_COLOR": ""}


def test_thoughts_are_dimmed_on_a_terminal(thinker: str, env: dict[str, str]) -> None:
    with on_terminal("run", thinker, "What time is it?", env=env) as terminal:
        assert terminal.finish() == 0
        assert terminal.shown == f"\x1b[2m{THOUGHT}\n\x1b[0m\n{ANSWER}\n"


def test_no_colour_is_honoured_and_thoughts_can_be_hidden(thinker: str, env: dict[str, str]) -> None:
    for flags, shown in (
        ((), f"[Reasoning]\n{THOUGHT}\n\n[Answer]\n{ANSWER}\n"),
        (("--no-reasoning",), f"{ANSWER}\n"),
    ):
        with on_terminal("run", thinker, "When?", *flags, env={**env, "NO_COLOR": "1"}) as terminal:
            assert terminal.finish() == 0
            assert terminal.shown == shown


def test_stop_tokens_in_a_row_that_the_files_forgot_are_told(tmp_path: Path, env: dict[str, str]) -> None:
    model = str(says(tmp_path / "m", "Yes<|end|><|endoftext|>", like="phi3"))
    done = mlxk("run", model, "Is it?", "--verbose", env=env)
    assert (done.returncode, done.stdout.decode()) == (0, "Yes\n")
    assert "WARNING: Multiple EOS tokens detected (" in done.stderr.decode()


def test_a_piped_answer_is_alone(thinker: str, env: dict[str, str]) -> None:
    done = mlxk("run", thinker, "What time is it?", "--verbose", env=env)
    assert (done.returncode, done.stdout.decode()) == (0, f"{ANSWER}\n")
    told = done.stderr.decode()
    assert told.startswith(f"[Reasoning]\n{THOUGHT}\n")
    assert "[DEBUG] Token generation analysis: " in told
    assert "='<|im_end|>'\n" in told
    assert "WARNING" not in told
    assert "tokens/s, first token after " in told


def test_thoughts_are_a_field_of_the_envelope(thinker: str, env: dict[str, str]) -> None:
    data = json.loads(mlxk("run", thinker, "What time is it?", "--json", env=env).stdout)["data"]
    assert (data["reasoning"], data["response"], data["tool_calls"]) == (THOUGHT, ANSWER, [])
    assert 0 < data["usage"]["reasoning_tokens"] < data["usage"]["completion_tokens"]
    assert data["sampling"]["temperature"] == 0.6  # its own generation_config.json says so
    assert data["timings"]["first_token_seconds"] > 0


def test_a_form_is_enforced_and_one_that_cannot_be_is_refused(env: dict[str, str]) -> None:
    done = mlxk("run", "demo", "Who are you?", "--regex", "(yes|no), (sir|madam)", env=env)
    assert (done.returncode, re.fullmatch(rb"(yes|no), (sir|madam)\n", done.stdout) is not None) == (0, True)
    refused = mlxk("run", "demo", "Who are you?", "--regex", "a(", env=env)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"run: Error: --regex cannot be enforced" in refused.stderr


def test_calls_are_printed_and_told(env: dict[str, str], tmp_path: Path) -> None:
    caller = str(says(tmp_path / "caller", f"Let me look.{CALL}"))
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([{"name": "weather", "parameters": {"type": "object"}}]))
    done = mlxk("run", caller, "How is it?", "--tools", str(tools), env=env)
    assert (done.returncode, done.stdout.decode()) == (0, 'Let me look.\nweather({"city": "Bern"})\n')
    data = json.loads(mlxk("run", caller, "How is it?", "--tools", str(tools), "--json", env=env).stdout)["data"]
    assert (data["finish_reason"], data["response"]) == ("tool_calls", "Let me look.")
    (call,) = data["tool_calls"]
    assert (call["name"], json.loads(call["arguments"])) == ("weather", {"city": "Bern"})
