"""What fits at the cursor, and how it is written into a shell's line."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.catalog import ModelSource
from domain.errors import UsageError
from entrypoints.cli.completion.candidates import candidates
from entrypoints.cli.completion.scripts import SCRIPTS
from entrypoints.cli.completion.shell_words import OpenLine, read_line, written
from entrypoints.cli.grammar import Command, Completes, Kind
from entrypoints.cli.options import ALONE, COMMANDS, EVERYWHERE
from entrypoints.settings import LOG_LEVELS
from tests.support.fakes.cli_services import FakeServices, Line, report

NAMES = ("mlxk/demo", "mlx-community/Qwen3-4bit", "mlx-community/Qwen2-4bit", "org/Phi", "my model")


def fitting(line: str, *names: str) -> list[str]:
    """The candidates at the end of a command line without quotes."""
    *words, current = line.split(" ")
    return [each.word for each in candidates(words, current, lambda: names or NAMES)]


def unasked() -> list[str]:
    raise AssertionError("the models were asked for")


def test_every_command_is_offered_with_what_it_does() -> None:
    found = candidates([], "", unasked)
    assert [(each.word, each.help) for each in found] == [(each.name, each.summary) for each in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_of_a_command_is_offered(command: Command) -> None:
    found = [each.word for each in candidates([command.name], "-", unasked)]
    assert found == [each.flag for each in (*command.options, *EVERYWHERE)]


def test_options_without_a_command() -> None:
    assert fitting("--") == [each.flag for each in (*ALONE, *EVERYWHERE)]
    assert fitting("--json sh") == ["show"]


@pytest.mark.parametrize(
    "line", ["show ", "list ", "run ", "rm ", "server --model ", "serve --port 1 --model ", "show --files "]
)
def test_every_place_of_a_model_offers_the_models(line: str) -> None:
    assert fitting(line) == sorted(NAMES)


def test_more_files_are_left_to_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").touch()
    assert fitting("run demo --file ") == []
    assert fitting("run demo --file a.txt ") == []
    assert fitting("run --file a.txt ") == sorted(NAMES)
    assert fitting("run --file a.txt demo ")[:1] == ["--prompt"]
    assert fitting("run demo --file a.txt --reasoning-effort m") == ["minimal", "medium"]
    assert fitting("run demo --file a.txt --no-s") == ["--no-stream"]
    assert fitting("run demo --stop x --draft-model org/") == ["org/Phi"]


def test_every_row_that_says_model_completes_models() -> None:
    for command in COMMANDS:
        for at, place in enumerate(command.positionals):
            if place.completes is Completes.MODEL:
                assert fitting(" ".join([command.name, *["x"] * at, "org/"])) == ["org/Phi"]
        for option in command.options:
            if option.completes is Completes.MODEL:
                assert fitting(f"{command.name} {option.flag} org/") == ["org/Phi"]


def test_a_name_is_completed_from_its_beginning_or_from_its_last_part() -> None:
    assert fitting("show mlx-c") == ["mlx-community/Qwen2-4bit", "mlx-community/Qwen3-4bit"]
    assert fitting("show Qwen3") == ["Qwen3-4bit"]
    assert fitting("run de") == ["demo"]
    assert fitting("show xyzzy") == []


def test_a_value_behind_an_equals_sign_is_completed_with_its_option() -> None:
    assert fitting("serve --model=org") == ["--model=org/Phi"]
    assert fitting("serve --log-level=") == [f"--log-level={each}" for each in LOG_LEVELS]
    assert fitting("serve --port=") == []
    assert fitting("serve --xyzzy=") == []


def test_choices_are_offered() -> None:
    assert fitting("serve --log-level w") == ["warning"]
    assert fitting("completion ") == list(SCRIPTS)
    assert fitting("help sho") == ["show"]


def test_a_place_that_cannot_be_completed_offers_the_options() -> None:
    assert fitting("run demo ")[0] == "--prompt"
    assert fitting("run demo who ")[0] == "--prompt"
    assert fitting("version ") == ["--json", "--help"]
    assert fitting("run demo wh") == []


def test_two_dashes_end_the_options() -> None:
    assert fitting("show -- -", "-odd", "org/a") == ["-odd"]
    assert fitting("show ", "-odd", "org/a") == ["org/a"]
    assert fitting("run demo -- -") == []


def test_the_value_of_an_option_is_no_place() -> None:
    assert fitting("run --seed 3 de") == ["demo"]
    assert fitting("serve --port ") == []
    assert all(option.kind is Kind.SWITCH for option in EVERYWHERE)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\tb", "a\x00b", "a\u202eb", "a\udcffb", ""])
def test_a_name_that_cannot_be_shown_is_left_out(name: str) -> None:
    assert fitting("show ", "org/good", name) == ["org/good"]


def test_only_a_place_of_a_model_asks_for_the_models() -> None:
    for line in ("", "l", "list --", "serve --log-level ", "completion ", "help ", "version "):
        *words, current = line.split(" ")
        candidates(words, current, unasked)


@pytest.mark.parametrize(
    ("line", "words", "current", "quote"),
    [
        ("mlxk li", ("mlxk",), "li", ""),
        ("mlxk list ", ("mlxk", "list"), "", ""),
        ("", (), "", ""),
        ("a  'b c'\td", ("a", "b c"), "d", ""),
        ("a 'b c", ("a",), "b c", "'"),
        ('a "b \\" \\c $x', ("a",), 'b " \\c $x', '"'),
        ("a b\\ c", ("a",), "b c", ""),
        ("a ''", ("a",), "", ""),
        ("a '' ", ("a", ""), "", ""),
        ("a x'y'\"z\" ", ("a", "xyz"), "", ""),
        ("a b\\", ("a",), "b", ""),
    ],
)
def test_an_unfinished_line_is_read_as_a_shell_reads_it(
    line: str, words: tuple[str, ...], current: str, quote: str
) -> None:
    assert read_line(line) == OpenLine(words, current, quote)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_a_quoted_line_is_read_back(words: list[str]) -> None:
    assert read_line(shlex.join([*words, ""])).words == tuple(words)


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1).filter(str.isprintable)


@given(PRINTABLE)
def test_a_written_word_reads_as_itself(text: str) -> None:
    assert shlex.split(str(written(text))) == [text]


@given(st.lists(PRINTABLE, min_size=1, max_size=30))
@hypothesis_settings(max_examples=25, deadline=None)
def test_bash_takes_a_written_word_for_what_it_is(texts: list[str]) -> None:
    script = "printf '%s\\0' " + " ".join(str(written(text)) for text in texts)
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, check=True, timeout=20)
    assert done.stdout.decode().split("\0")[:-1] == texts


@pytest.mark.parametrize(
    ("text", "quote", "out"),
    [
        ("org/a", "", "org/a"),
        ("my model", "'", "my model"),
        ("it's", "'", None),
        ("it's", '"', "it's"),
        ("$(touch x)", '"', None),
        ("`x`", '"', None),
        ("$(touch x)", "'", "$(touch x)"),
    ],
)
def test_inside_an_open_quote_only_what_means_itself_is_written(text: str, quote: str, out: str | None) -> None:
    assert written(text, quote) == out


def with_models(*more: str) -> Line:
    reports = (report("org/a"), report("mlxk/demo", source=ModelSource.BUILTIN), report("my model"))
    return Line(FakeServices((*reports, *(report(each) for each in more))))


@pytest.mark.parametrize(
    ("replaced", "line", "out"),
    [
        ("org", "mlxk show org", "org/a\n"),
        ("", "mlxk show ", "mlxk/demo\nmy\\ model\norg/a\n"),
        ("my m", "mlxk show 'my m", "my model\n"),
        ("my\\ m", "mlxk show my\\ m", "my\\ model\n"),
        ("o", "mlxk serve --model=o", "org/a\n"),
        ("", "mlxk serve --model=", "mlxk/demo\nmy\\ model\norg/a\n"),
        ("de", "/opt/bin/mlx-run de", "demo\n"),
        ("--stri", "mlxk health --json --stri", "--strict\n"),
        ("x", "mlxk lsit x", ""),
        ("", "", "".join(f"{each.name}\n" for each in COMMANDS)),
    ],
)
def test_bash_gets_what_it_has_to_write(replaced: str, line: str, out: str) -> None:
    seen = with_models().run("__complete", "bash", replaced, line)
    assert (seen.code, seen.out, seen.err) == (0, out, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_get_the_word_and_its_help(shell: str) -> None:
    assert with_models().run("__complete", shell, "mlxk", "show", "my\\ m").out == "my model\t\n"
    assert with_models().run("__complete", shell, "mlxk", "sh").out.startswith("show\tshow what is known")


@pytest.mark.parametrize("argv", [(), ("bash",), ("bash", ""), ("csh", "", "mlxk "), ("zsh", "mlxk")])
def test_a_call_that_no_script_makes_fails_silently(argv: tuple[str, ...]) -> None:
    seen = with_models().run("__complete", *argv)
    assert (seen.code, seen.out, seen.err) == (1, "", "")


def test_wrong_settings_offer_no_model_and_say_nothing() -> None:
    line = Line(services_fault=UsageError("MLXK2_PORT=x: must be a whole number"))
    assert line.run("__complete", "bash", "", "mlxk show o").out == ""
    assert line.run("__complete", "bash", "sh", "mlxk sh").out == "show\n"


def test_the_hidden_command_is_in_no_help() -> None:
    assert "__complete" not in Line().run("help").out
    assert Line().run("help", "__complete").code == 2


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_is_printed_as_it_is_and_says_how_to_load_it(shell: str) -> None:
    seen = Line().run("completion", shell)
    assert (seen.code, seen.out, seen.err) == (0, SCRIPTS[shell], "")
    assert f"mlxk completion {shell}" in seen.out
    assert json.loads(Line().run("completion", shell, "--json").out)["data"] == {"shell": shell, "script": seen.out}
    for program in ("mlxk", "mlxk2", "mlxk-json", "mlx-run"):
        assert program in seen.out


def test_another_shell_is_refused_with_a_hint() -> None:
    seen = Line().run("completion", "tcsh")
    assert seen.code == 2
    assert "SHELL cannot be 'tcsh'" in seen.err
    assert "zsh" in seen.err
