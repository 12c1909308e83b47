"""The guard: what is refused, and that what passes arrives as it was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UsageError
from entrypoints.cli.guard import Invocation, command_of, guard, wants_json
from entrypoints.cli.options import COMMANDS

WORDS = ["7", "a,b", "-", "", "-5", "-.5", "None", "True", "[1]", "{a: 1}", "'x'", "a=b", "\x00", "ünï", "@0@", "0x10"]


def names(invocation: Invocation) -> str:
    return invocation.command.name if invocation.command else ""


@pytest.mark.parametrize("word", WORDS)
def test_a_word_arrives_as_it_was_typed(word: str) -> None:
    assert guard(["show", word]).words == (word,)


@pytest.mark.parametrize("value", WORDS)
@pytest.mark.parametrize("joined", [True, False])
def test_a_text_value_arrives_as_it_was_typed(value: str, joined: bool) -> None:
    given_as = [f"--prompt={value}"] if joined else ["--prompt", value]
    assert guard(["run", "demo", *given_as]).values == {"prompt": value}


@pytest.mark.parametrize("value", ["--files", "-x", "--", "--no-stream"])
def test_an_equals_sign_takes_any_value(value: str) -> None:
    invocation = guard(["run", "demo", f"--prompt={value}", "word"])
    assert invocation.values == {"prompt": value}
    assert invocation.words == ("demo", "word")


def test_everything_after_two_dashes_is_a_word() -> None:
    invocation = guard(["run", "demo", "--seed", "3", "--", "--json", "-h", "--", "x"])
    assert invocation.words == ("demo", "--json", "-h", "--", "x")
    assert invocation.values == {"seed": 3}
    assert not invocation.json
    assert not invocation.help


@pytest.mark.parametrize("argv", [["--json", "list"], ["list", "--json"], ["list", "x", "--json", "--all"]])
def test_json_may_stand_anywhere_before_two_dashes(argv: list[str]) -> None:
    assert guard(argv).json
    assert wants_json(argv)


def test_json_after_two_dashes_is_a_word() -> None:
    assert not wants_json(["run", "demo", "--", "--json"])


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["run", "m", "--max-tokens", "12"], {"max_tokens": 12}),
        (["run", "m", "--max-tokens=+12"], {"max_tokens": 12}),
        (["run", "m", "--seed", "-5"], {"seed": -5}),
        (["run", "m", "--temperature", "0"], {"temperature": 0.0}),
        (["run", "m", "--temperature=1e-1"], {"temperature": 0.1}),
        (["run", "m", "--top-p", ".5"], {"top_p": 0.5}),
        (["list", "--all", "--all"], {"all": True}),
        (["serve", "--log-level", "debug"], {"log_level": "debug"}),
    ],
)
def test_values_are_read_by_their_kind(argv: list[str], values: dict[str, object]) -> None:
    assert guard(argv).values == values


@pytest.mark.parametrize("value", ["x", "", "1.5", "1_000", " 5", "٣", "1e3", "nan", "0x10", "9" * 21, "9" * 5000])
def test_a_whole_number_is_nothing_else(value: str) -> None:
    with pytest.raises(UsageError, match="--max-tokens needs a whole number"):
        guard(["run", "m", f"--max-tokens={value}"])


@pytest.mark.parametrize("value", ["x", "", "nan", "inf", "-inf", "1_0", "1e999", "0,5", " 1", "True"])
def test_a_number_is_finite_and_nothing_else(value: str) -> None:
    with pytest.raises(UsageError, match="--temperature needs a number"):
        guard(["run", "m", f"--temperature={value}"])


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["lsit"], "unknown command 'lsit'", "did you mean 'list'?"),
        (["zzzz"], "unknown command 'zzzz'", "`mlxk help` lists them"),
        ([""], "unknown command ''", "`mlxk help` lists them"),
        (["rn", "--help"], "unknown command 'rn'", "did you mean 'run'?"),
        (["list", "--al"], "unknown option '--al' for `mlxk list`", "did you mean '--all'?"),
        (["list", "--al=1"], "unknown option '--al' for `mlxk list`", "did you mean '--all'?"),
        (["list", "-f"], "unknown option '-f' for `mlxk list`", "`mlxk list --help` lists its options"),
        (["run", "m", "what", "--xyzzy"], "unknown option '--xyzzy'", "words that begin with a dash go after --"),
        (["--all", "list"], "unknown option '--all' before the command", "options follow their command"),
        (["list", "--version"], "unknown option '--version' for `mlxk list`", "write `mlxk --version`"),
        (["list", "a", "b"], "unexpected word 'b'", "usage: mlxk list [PATTERN] [options]"),
        (["show", "a", "b", "c"], "unexpected word 'b'", "usage: mlxk show MODEL [options]"),
        (["serve", "demo"], "unexpected word 'demo'", "usage: mlxk serve [options]"),
        (["version", "1"], "unexpected word '1'", "usage: mlxk version"),
        (["show"], "MODEL is missing", "usage: mlxk show MODEL [options]"),
        (["run", "--seed", "1"], "MODEL is missing", "usage: mlxk run MODEL [PROMPT...] [options]"),
        (["serve", "--port"], "--port needs a value", "write --port N"),
        (["run", "m", "--prompt", "--seed", "1"], "--prompt needs a value, got the option '--seed'", "--prompt=--seed"),
        (["run", "m", "--prompt", "--"], "--prompt needs a value", "write --prompt TEXT"),
        (["list", "--all=true"], "--all takes no value, got '--all=true'", "write --all alone"),
        (["list", "--json=1"], "--json takes no value", "write --json alone"),
        (["serve", "--port", "1", "--port=2"], "--port is given twice", "give it once"),
        (["serve", "--log-level", "debgu"], "--log-level cannot be 'debgu'", "did you mean 'debug'?"),
        (["serve", "--log-level", "7"], "--log-level cannot be '7'", "one of debug, info"),
    ],
)
def test_cannot_pass_the_guard(argv: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        guard(argv)
    assert message in refused.value.message
    assert hint in (refused.value.hint or "")


def test_texts_may_be_given_again() -> None:
    assert guard(["run", "m", "--stop", "a", "--stop=b", "--stop", ""]).values == {"stop": ("a", "b", "")}


def test_files_are_words_as_long_as_they_name_existing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "-c", "run"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    read = guard(["run", "--file", "a", "b", "run", "m", "a"])
    assert (read.values, read.words) == ({"file": ("a", "b", "run")}, ("m", "a"))
    read = guard(["run", "m", "--file", "a", "folder", "b"])
    assert (read.values, read.words) == ({"file": ("a",)}, ("m", "folder", "b"))
    read = guard(["run", "m", "--file=-c", "b", "--file", "no", "a", "--", "a"])
    assert (read.values, read.words) == ({"file": ("-c", "no", "a")}, ("m", "b", "a"))
    read = guard(["run", "m", "--file", "a", "--stop", "x", "b"])
    assert (read.values, read.words) == ({"file": ("a",), "stop": ("x",)}, ("m", "b"))


def test_a_file_is_found_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a").touch()
    assert guard(["run", "m", "--file", "~/a", "~/a", "~/b"]).words == ("m", "~/b")


@pytest.mark.parametrize(
    "argv", [["run", "m", "--file"], ["run", "m", "--file", "--seed", "1"], ["run", "m", "--stop"]]
)
def test_what_collects_still_needs_a_value(argv: list[str]) -> None:
    with pytest.raises(UsageError, match="needs a value"):
        guard(argv)


def test_help_needs_no_words() -> None:
    invocation = guard(["show", "--help"])
    assert invocation.help
    assert names(invocation) == "show"


def test_no_command_is_no_error_of_the_guard() -> None:
    assert guard([]).command is None
    assert guard(["--version"]).version
    assert (
        guard(
            [
                "--",
            ]
        ).command
        is None
    )


def test_a_word_after_two_dashes_can_be_the_command() -> None:
    assert names(guard(["--", "list"])) == "list"


@pytest.mark.parametrize(
    ("argv", "meant"),
    [(["--json", "list", "--al"], "list"), (["server", "x"], "serve"), (["--al"], None), (["lsit"], None)],
)
def test_the_command_of_a_wrong_line_is_still_known(argv: list[str], meant: str | None) -> None:
    assert command_of(argv) == meant


argument = st.one_of(
    st.text(max_size=12),
    st.sampled_from([name for command in COMMANDS for name in (command.name, *command.aliases)]),
    st.sampled_from([option.flag for command in COMMANDS for option in command.options]),
    st.sampled_from(["--", "-", "--json", "--help", "-h", "--version", "--prompt=", "--seed=1", "demo"]),
    st.text(max_size=6).map(lambda text: "--" + text),
)


@given(st.lists(argument, max_size=8))
def test_any_arguments_are_read_or_refused_by_a_usage_error(argv: list[str]) -> None:
    try:
        invocation = guard(argv)
    except UsageError as refused:
        assert refused.message
        assert refused.hint
    else:
        assert invocation.json == wants_json(argv)


@given(st.lists(st.text(max_size=20), max_size=6), st.text(max_size=30))
def test_every_word_of_a_prompt_and_every_value_arrives_verbatim(words: list[str], system: str) -> None:
    invocation = guard(["run", "demo", f"--system={system}", "--", *words])
    assert invocation.words == ("demo", *words)
    assert invocation.values == {"system": system}
