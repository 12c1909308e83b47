"""The option table and what hangs on it: the commands' own arguments, Fire, the help."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InternalError
from entrypoints.cli.dispatch import Handler, dispatch, handler
from entrypoints.cli.grammar import Command, Kind, Option, Positional
from entrypoints.cli.guard import Invocation, guard
from entrypoints.cli.help import command_help, overview
from entrypoints.cli.options import ALONE, BY_NAME, COMMANDS, EVERYWHERE
from entrypoints.cli.run_options import RUN
from entrypoints.cli.services import Context, Outcome

PYTHON_TYPES = {
    Kind.SWITCH: bool,
    Kind.TEXT: str | None,
    Kind.INTEGER: int | None,
    Kind.NUMBER: float | None,
    Kind.TEXTS: tuple[str, ...],
    Kind.FILES: tuple[str, ...],
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_row_and_its_command_agree(command: Command) -> None:
    arguments = handler(command).arguments
    types = typing.get_type_hints(arguments)
    assert list(types) == [
        *(each.parameter for each in command.positionals),
        *(each.parameter for each in command.options),
    ]
    for option in command.options:
        assert types[option.parameter] == PYTHON_TYPES[option.kind]
    required = [each.name for each in dataclasses.fields(arguments) if each.default is dataclasses.MISSING]
    assert required == [each.parameter for each in command.positionals if each.required]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_row_is_sound(command: Command) -> None:
    spellings = [
        name for each in (*command.options, *EVERYWHERE, *ALONE) for name in (each.flag, each.short) if name is not None
    ]
    assert len(spellings) == len(set(spellings))
    assert all(flag.startswith("--") or len(flag) == 2 for flag in spellings)
    for option in command.options:
        assert bool(option.value) == (option.kind is not Kind.SWITCH)
        assert option.help
    optional = [each.required for each in command.positionals]
    assert optional == sorted(optional, reverse=True)
    assert not any(each.many for each in command.positionals[:-1])


def test_every_name_means_one_command() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)


def context() -> Context:
    return typing.cast(Context, None)


def dispatched(monkeypatch: pytest.MonkeyPatch, invocation: Invocation) -> typing.Any:
    """What the command gets when it is called through the real Fire."""
    got: list[object] = []
    real = handler(RUN)

    def execute(context: Context, arguments: object) -> Outcome:
        got.append(arguments)
        return Outcome(data=None, show=lambda: None)

    monkeypatch.setattr("entrypoints.cli.dispatch.handler", lambda _: Handler(real.arguments, execute))
    dispatch(RUN, invocation, context())
    return got[0]


@given(
    model=st.text(max_size=8),
    words=st.lists(
        st.one_of(st.text(max_size=12), st.sampled_from(["-", "--", "-h", "--help", "@0@", "--seed=1"])), max_size=5
    ),
    prompt=st.one_of(st.none(), st.text(max_size=20)),
    seed=st.one_of(st.none(), st.integers(-(2**62), 2**62)),
)
def test_fire_changes_no_value(model: str, words: list[str], prompt: str | None, seed: int | None) -> None:
    values = {name: value for name, value in (("prompt", prompt), ("seed", seed)) if value is not None}
    with pytest.MonkeyPatch.context() as patch:
        arguments = dispatched(patch, Invocation(RUN, (model, *words), dict(values)))
    assert (arguments.model, arguments.words) == (model, tuple(words))
    assert (arguments.prompt, arguments.seed) == (prompt, seed)
    assert type(arguments.seed) is type(seed)


def test_fire_prints_nothing_of_its_own(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    dispatched(monkeypatch, guard(["run", "demo", "7", "a,b", "--no-stream", "--temperature", "0"]))
    assert capfd.readouterr() == ("", "")


def test_a_row_that_disagrees_with_its_command_is_our_fault_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InternalError, match="the option table disagree"):
        dispatched(monkeypatch, Invocation(RUN, ("demo",), {"xyzzy": 1}))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_tells_every_word_option_and_example(command: Command) -> None:
    text = command_help(command)
    for place in command.positionals:
        assert place.usage in text
    for option in (*command.options, *EVERYWHERE):
        assert option.usage in text
    assert all(example in text for example in command.examples)
    assert all(choice in text for option in command.options for choice in option.choices)
    assert all(len(line) <= 100 for line in text.splitlines())


def test_the_overview_names_every_command() -> None:
    text = overview()
    assert all(f"  {command.name} " in text and command.summary in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_passes_the_guard(command: Command) -> None:
    import shlex

    for example in command.examples:
        words = shlex.split(example.rpartition("| ")[2])
        assert words[0] == "mlxk"
        assert guard(words[1:]).command is command


def test_the_grammar_shows_words_the_usual_way() -> None:
    assert Positional("model", "").usage == "MODEL"
    assert Positional("pattern", "", required=False).usage == "[PATTERN]"
    assert Positional("prompt", "", required=False, many=True).usage == "[PROMPT...]"
    assert Option("--force", "", short="-f").usage == "-f, --force"
    assert Option("--max-tokens", "", Kind.INTEGER, value="N").usage == "--max-tokens N"
    assert Option("--max-tokens", "", Kind.INTEGER, value="N").parameter == "max_tokens"
