"""The chat of `mlxk run MODEL`: its commands, blocks of lines, files, and what it remembers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.errors import ModelNotFound
from domain.inference import FinishReason, ReasoningDelta, TextDelta, ToolCallDelta
from domain.inference.events import Finished, Usage
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.chat_commands import CHAT_COMMANDS
from entrypoints.cli.console import Console
from entrypoints.cli.main import run
from tests.support.fakes.cli_services import FakeChat, FakeServices, Line, Seen, Step, TerminalText, spoken

THOUGHT: list[Step] = [ReasoningDelta("Hm."), *spoken("Yes.")]


def line(*typed: str, answers: list[list[Step]] | None = None) -> Line:
    return Line(
        FakeServices(answers=answers if answers is not None else [spoken(f"Answer {at}.") for at in range(1, 9)]),
        terminal=True,
        stdin="".join(f"{each}\n" for each in typed),
    )


def chat(*typed: str, flags: tuple[str, ...] = (), answers: list[list[Step]] | None = None) -> tuple[Line, Seen]:
    talk = line(*typed, answers=answers)
    seen = talk.run("run", "demo", *flags)
    assert seen.code == 0
    return talk, seen


def asked(of: Line) -> list[list[tuple[str, str]]]:
    """What each request held."""
    return [[(each.role.value, each.content) for each in request.messages] for _, request, _ in of.services.talk.asked]


def test_help_tells_every_command() -> None:
    _, seen = chat("/help", "/?")
    assert all(seen.out.count(f"\n{each.usage}") + seen.out.count(f"> {each.usage}") == 2 for each in CHAT_COMMANDS)


@pytest.mark.parametrize("word", ["/exit", "/quit", "/q", "/EXIT"])
def test_commands_that_leave(word: str) -> None:
    talk, _ = chat(word, "more")
    assert asked(talk) == []


def test_an_unknown_command_is_told_and_asks_no_model() -> None:
    talk, seen = chat("/sav x", "/xyzzy")
    assert "run: Error: unknown command '/sav'\nHint: did you mean '/save'?" in seen.err
    assert "unknown command '/xyzzy'\nHint: /help lists them" in seen.err
    assert asked(talk) == []


def test_a_path_is_no_command() -> None:
    talk, _ = chat("/etc/hosts: what is it?")
    assert asked(talk) == [[("user", "/etc/hosts: what is it?")]]


def test_a_block_of_lines_is_one_question_and_nothing_in_it_a_command() -> None:
    talk, _ = chat('"""', "/help", "  two", 'exit"""', '"""one line"""', '"""/exit"""', '""""""', "q")
    assert asked(talk)[0] == [("user", "/help\n  two\nexit")]
    assert asked(talk)[1][-1] == ("user", "one line")
    assert asked(talk)[2][-1] == ("user", "/exit")
    assert len(asked(talk)) == 3


def test_a_block_that_input_ends_is_still_asked() -> None:
    talk, _ = chat('"""one', "two")
    assert asked(talk) == [[("user", "one\ntwo")]]


def test_a_line_that_ends_with_a_backslash_goes_on() -> None:
    talk, _ = chat("one\\", "two \\", "three", "end\\")
    assert asked(talk)[0] == [("user", "one\ntwo \nthree")]
    assert asked(talk)[1][-1] == ("user", "end")


def test_the_system_message_can_be_seen_and_set() -> None:
    talk, seen = chat("/system", "/system Be brief.", "/system", "x", flags=("--system", "Be kind."))
    assert "> Be kind.\n" in seen.out
    assert "> Be brief.\n" in seen.out
    assert asked(talk) == [[("system", "Be brief."), ("user", "x")]]
    assert "There is no system message." in chat("/system")[1].out


def test_clear_forgets_the_turns_and_all_the_system_message_too() -> None:
    talk, _ = chat("a", "/clear", "b", "/clear all", "c", "/clear it", flags=("--system", "S"))
    assert asked(talk)[1] == [("system", "S"), ("user", "b")]
    assert asked(talk)[2] == [("user", "c")]


def test_a_file_goes_with_the_next_question_only(tmp_path: Path) -> None:
    (tmp_path / "my notes.txt").write_text("N")
    talk, _ = chat(f'/file "{tmp_path}/my notes.txt"', "what?", "and?")
    assert asked(talk)[0] == [("user", f"File {tmp_path}/my notes.txt:\n```\nN\n```\n\nwhat?")]
    assert asked(talk)[1][-1] == ("user", "and?")


def test_files_of_the_command_line_go_with_the_first_question_that_is_answered(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("N")
    failing: list[Step] = [KeyboardInterrupt()]
    talk, seen = chat("a", "b", "c", flags=("--file", f"{tmp_path}/n"), answers=[failing, spoken("B"), spoken("C")])
    assert "The files go with your first question." in seen.err
    assert [turns[-1][1].startswith("File ") for turns in asked(talk)] == [True, True, False]


def test_a_text_model_cannot_see_and_says_so() -> None:
    assert "run: Error: mlxk/demo reads text only: it cannot see pictures" in chat("/image cat.png")[1].err


def test_thoughts_are_kept_but_not_sent_back(tmp_path: Path) -> None:
    talk, _ = chat("a", "b", f"/save {tmp_path}/c.json", answers=[THOUGHT, THOUGHT])
    assert [turn.reasoning for turn in talk.services.talk.asked[1][1].messages] == ["", "", ""]
    saved = json.loads((tmp_path / "c.json").read_text())
    assert [each.get("reasoning") for each in saved["messages"]] == [None, "Hm.", None, "Hm."]


def test_a_chat_is_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    call: list[Step] = [
        TextDelta("See."),
        ToolCallDelta(0, "c", "f", "{}"),
        Finished(FinishReason.TOOL_CALLS, Usage(1, 1)),
    ]
    first, seen = chat("a", f"/save {path}", flags=("--system", "S"), answers=[call])
    assert f"Saved to {path}." in seen.out
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["messages"][2]["tool_calls"] == [{"id": "c", "name": "f", "arguments": "{}"}]
    second, seen = chat(f"/load {path}", "b")
    assert "2 turns loaded" in seen.out
    assert asked(second)[0] == [("system", "S"), ("user", "a"), ("assistant", "See."), ("user", "b")]
    assert second.services.talk.asked[0][1].messages[2].tool_calls[0].name == "f"
    assert len(first.services.talk.asked) == 1


def test_a_chat_is_saved_for_people(tmp_path: Path) -> None:
    chat("a", f"/save {tmp_path}/c.md", answers=[THOUGHT])
    assert (tmp_path / "c.md").read_text() == "# Chat with mlxk/demo\n\n## User\n\na\n\n## Assistant\n\n> Hm.\n\nYes.\n"


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("mine")
    _, seen = chat("a", f"/save {path}")
    assert f"run: Error: '{path}' is there already\nHint: /save {path} --force replaces it" in seen.err
    assert path.read_text() == "mine"
    chat("a", f"/save {path} --force")
    assert json.loads(path.read_text())["format"] == "mlxk-chat"
    assert [each.name for each in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("/save c.json",), "there is nothing to save yet"),
        (("a", "/save"), "the name of the file is missing"),
        (("a", "/save c"), "'c' says no format"),
        (("a", "/save /nowhere/c.json"), "'/nowhere/c.json' cannot be written: No such file"),
        (("/load",), "the name of the file is missing"),
        (("/load c.md",), "'c.md' is Markdown"),
        (("/load no.json",), "/load 'no.json': there is no such file"),
        (("/file",), "the name of the file is missing"),
        (("/file no.txt",), "--file 'no.txt': there is no such file"),
        (("/clear it",), "/clear takes nothing or all"),
    ],
)
def test_what_a_command_cannot_do_is_told_and_the_chat_goes_on(
    typed: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk, seen = chat(*typed, "still there?")
    assert message in seen.err
    assert asked(talk)[-1][-1] == ("user", "still there?")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is no chat of mlxk's"),
        ('{"format": "mlxk-chat", "version": 2}', "has version 2, this mlxk reads 1"),
        ('{"format": "mlxk-chat", "version": 1}', "has no list of messages"),
        ('{"format": "mlxk-chat", "version": 1, "messages": [{"role": "x"}]}', "message 1 of"),
        ('{"format": "mlxk-chat", "version": 1, "messages": [{"role": "user"}]}', "content is no text"),
        (
            '{"format": "mlxk-chat", "version": 1, "messages": [{"role": "user", "content": "", "tool_calls": [1]}]}',
            "a tool call is no object",
        ),
    ],
)
def test_a_file_that_is_no_chat_changes_nothing(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(content)
    talk, seen = chat("a", f"/load {tmp_path}/c.json", "b")
    assert message in seen.err
    assert asked(talk)[1] == [("user", "a"), ("assistant", "Answer 1."), ("user", "b")]


def test_another_model_goes_on_with_the_turns() -> None:
    talk, seen = chat("a", "/model", "/model other", "b", flags=("--kv-bits", "8", "--adapter", "x"))
    assert talk.services.talk.prepared == ["demo", "other"]
    assert [spec for spec, _, _ in talk.services.talk.asked] == ["demo", "other"]
    assert asked(talk)[1] == [("user", "a"), ("assistant", "Answer 1."), ("user", "b")]
    assert talk.services.talk.loadings[-1] == LoadWishes(kv_bits=8)
    assert "> mlxk/demo\n" in seen.out
    assert "--adapter and --draft-model stay" in seen.err


class Choosy(FakeChat):
    """Knows one model."""

    def prepare(self, spec: str, loading: LoadWishes = LoadWishes()):  # type: ignore[no-untyped-def]  # noqa: B008
        if spec != "demo":
            raise ModelNotFound(f"no model here matches {spec!r}")
        return super().prepare(spec, loading)


def test_a_model_that_is_not_here_leaves_the_old_one() -> None:
    talk = line("/model other", "b")
    talk.services.talk = Choosy([spoken("B")])
    seen = talk.run("run", "demo")
    assert "run: Error: no model here matches 'other'" in seen.err
    assert [spec for spec, _, _ in talk.services.talk.asked] == ["demo"]


def test_stats_tell_of_the_chat_and_the_last_answer() -> None:
    _, seen = chat("/stats", "a", "b", "/stats", answers=[spoken("x", "y"), spoken("z")])
    assert "mlxk/demo: answers 0, tokens written 0" in seen.out
    assert "mlxk/demo: answers 2, tokens written 3" in seen.out
    assert "  Answer: 1 tokens, ended by stop" in seen.out


def test_a_chat_through_a_server_goes_on_here_when_the_server_has_gone() -> None:
    talk = line("a", "b", answers=[spoken("Here.")])

    class Leaving(FakeChat):
        def execute(self, *arguments, **options):  # type: ignore[no-untyped-def]
            talk.services.finding.found = None
            return super().execute(*arguments, **options)

    talk.services.finding.found = far = Leaving([spoken("Far.")])
    talk.run("run", "demo")
    assert far.prepared == ["demo"]
    assert asked(talk) == [[("user", "a"), ("assistant", "Far."), ("user", "b")]]


class Impatient(TerminalText):
    """Reads lines of the test's choosing; None is Ctrl-C."""

    def __init__(self, *lines: str | None) -> None:
        super().__init__()
        self._lines = iter(lines)

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        typed = next(self._lines, "")
        if typed is None:
            raise KeyboardInterrupt
        return typed


def interrupted(*lines: str | None) -> tuple[Line, str]:
    source = line()
    errors = TerminalText()
    assert run(["run", "demo"], Console(Impatient(*lines), TerminalText(), errors), source._context) == 0
    return source, errors.getvalue()


def test_ctrl_c_clears_the_line_and_a_second_one_leaves() -> None:
    talk, errors = interrupted(None, "a\n", None, None, "b\n")
    assert asked(talk) == [[("user", "a")]]
    assert errors.count("(Ctrl-C again, or Ctrl-D, leaves)") == 2


def test_ctrl_c_drops_a_block_that_was_begun() -> None:
    talk, _ = interrupted('"""one\n', None, "a\n", "q\n")
    assert asked(talk) == [[("user", "a")]]


def test_two_times_ctrl_c_means_in_a_row() -> None:
    talk, _ = interrupted(None, "\n", None, "a\n", "q\n")
    assert asked(talk) == [[("user", "a")]]


def test_ctrl_c_while_another_model_is_loaded_keeps_the_chat() -> None:
    class Slow(Choosy):
        def prepare(self, spec: str, loading: LoadWishes = LoadWishes()):  # type: ignore[no-untyped-def]  # noqa: B008
            if spec == "slow":
                raise KeyboardInterrupt
            return super().prepare(spec, loading)

    talk = line("/model slow", "b")
    talk.services.talk = Slow([spoken("B")])
    assert talk.run("run", "demo").code == 0
    assert [spec for spec, _, _ in talk.services.talk.asked] == ["demo"]


def test_a_chat_that_began_here_stays_here() -> None:
    talk = line("a", "b", answers=[])

    class Telling(FakeChat):
        def execute(self, *arguments, **options):  # type: ignore[no-untyped-def]
            talk.services.finding.found = FakeChat([spoken("Far.")])
            return super().execute(*arguments, **options)

    talk.services.talk = Telling([spoken("A"), spoken("B")])
    assert "B" in talk.run("run", "demo").out
    assert len(talk.services.talk.asked) == 2


def test_a_chat_that_cannot_be_written_whole_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    (tmp_path / "old.json").write_text("old")
    _, seen = chat("a", f"/save {tmp_path}/new.json", f"/save {tmp_path}/old.json --force")
    assert seen.err.count("cannot be written: No space left on device") == 2
    assert [each.name for each in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


def test_what_no_request_can_be_is_told_before_the_model_is_loaded() -> None:
    talk = line("a")
    seen = talk.run("run", "demo", "--stop", "")
    assert (seen.code, talk.services.talk.prepared) == (1, [])
