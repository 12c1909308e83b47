"""What the options of `mlxk run` make of a request, and what is refused before any model is loaded."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from domain.inference import ConstraintKind, GenerationRequest, OutputConstraint, Tool, ToolMode, ToolUse
from domain.inference.prompt_options import REASONING_EFFORTS
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.attachments import MOST_BYTES
from entrypoints.cli.console import Console
from entrypoints.cli.main import run
from entrypoints.cli.run_option_groups import REASONING_LEVELS
from tests.support.fakes.cli_services import FakeServices, Line, spoken

DEEP = '{"a":' * 201 + "0" + "}" * 201
WEATHER = {"name": "weather", "description": "Of a place", "parameters": {"type": "object"}, "strict": True}


def line(*, stdin: str = "", terminal: bool = False) -> Line:
    return Line(FakeServices(answers=[spoken("Yes.")]), stdin=stdin, terminal=terminal)


def request(*flags: str, stdin: str = "", words: tuple[str, ...] = ("what?",)) -> GenerationRequest:
    """The one request that a command line makes."""
    asked = line(stdin=stdin)
    seen = asked.run("run", "demo", *flags, "--", *words) if words else asked.run("run", "demo", *flags)
    assert (seen.code, seen.err) == (0, "")
    ((_, made, _),) = asked.services.talk.asked
    return made


def refusal(*argv: str) -> tuple[int, str]:
    """The exit code and the message; no model was asked."""
    asked = line()
    seen = asked.run("run", "demo", *argv)
    assert (seen.out, asked.services.talk.asked) == ("", [])
    return seen.code, seen.err


def put(folder: Path, name: str, content: str | bytes | object) -> str:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_all_of_sampling_reaches_the_request() -> None:
    sampling = request(
        *("--top-k", "40", "--min-p", ".05", "--repetition-penalty", "1.1", "--presence-penalty", "-0.5"),
        *("--frequency-penalty", "0.25", "--xtc-probability", "0.5", "--xtc-threshold", "0.2"),
        *("--logit-bias", "5=-100,7=2.5", "--logit-bias=9=+1"),
    ).sampling
    assert (sampling.top_k, sampling.min_p, sampling.repetition_penalty) == (40, 0.05, 1.1)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (-0.5, 0.25)
    assert (sampling.xtc_probability, sampling.xtc_threshold) == (0.5, 0.2)
    assert sampling.logit_bias == {5: -100.0, 7: 2.5, 9: 1.0}


def test_stops_thinking_and_template_reach_the_request() -> None:
    made = request(
        *("--stop", "END", "--stop", "\n\n", "--chat-stops", "--no-chat-template", "--think"),
        *("--template-kwargs", '{"style": "short"}', "--reasoning-effort", "low"),
    )
    assert (made.stop, made.chat_stops) == (("END", "\n\n"), True)
    assert (made.prompt.template, made.prompt.thinking, made.prompt.reasoning_effort) == (False, True, "low")
    assert made.prompt.variables == {"style": "short"}


def test_nothing_is_asked_for_that_was_not_said() -> None:
    made = request()
    assert (made.stop, made.chat_stops, made.output, made.logprobs, made.inspect) == ((), False, None, None, False)
    assert (made.prompt.template, made.prompt.thinking, made.tools) == (True, None, ToolUse())
    assert request("--no-think").prompt.thinking is False


def test_logprobs_go_with_json() -> None:
    asked = line()
    asked.run("run", "demo", "x", "--logprobs", "3", "--json")
    assert asked.services.talk.asked[0][1].logprobs == 3


def test_forms_of_the_answer(tmp_path: Path) -> None:
    schema = put(tmp_path, "s.json", {"type": "object"})
    grammar = put(tmp_path, "g.lark", 'start: "a"\n')
    cases: list[tuple[tuple[str, str], OutputConstraint]] = [
        (("--format", "json"), OutputConstraint(ConstraintKind.JSON_OBJECT, "", "--format")),
        (("--schema", schema), OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"type": "object"}', "--schema")),
        (("--schema", ' {"a": 1}'), OutputConstraint(ConstraintKind.JSON_SCHEMA, ' {"a": 1}', "--schema")),
        (("--regex", "a+"), OutputConstraint(ConstraintKind.REGEX, "a+", "--regex")),
        (("--grammar", grammar), OutputConstraint(ConstraintKind.GRAMMAR, 'start: "a"\n', "--grammar")),
    ]
    for flags, wanted in cases:
        assert request(*flags).output == wanted


@pytest.mark.parametrize("entry", [WEATHER, {"type": "function", "function": WEATHER}])
def test_tools_are_read_bare_and_as_the_api_has_them(tmp_path: Path, entry: object) -> None:
    path = put(tmp_path, "tools.json", [entry, {"name": "time"}])
    tools = request("--tools", path).tools
    assert tools.offered == (Tool("weather", "Of a place", {"type": "object"}, strict=True), Tool("time"))
    assert tools.mode is ToolMode.AUTO
    assert request("--tools", path, "--tool-choice", "required").tools.mode is ToolMode.REQUIRED
    named = request("--tools", path, "--tool-choice", "time").tools
    assert (named.mode, named.named) == (ToolMode.REQUIRED, "time")


def test_wishes_for_loading_are_handed_on() -> None:
    asked = line()
    flags = ["--adapter=a", "--draft-model=d", "--draft-tokens=4", "--kv-bits=8", "--kv-group-size=32"]
    asked.run("run", "demo", "x", *flags, "--draft-ngram", "2", "--max-kv-size", "512", "--force")
    wanted = LoadWishes(
        force=True,
        adapter="a",
        draft_model="d",
        draft_ngram=2,
        draft_tokens=4,
        kv_bits=8,
        kv_group_size=32,
        max_kv_size=512,
    )
    assert asked.services.talk.loadings == [wanted]
    assert asked.services.finding.asked == [("demo", wanted)]


def test_files_go_before_standard_input_and_the_question(tmp_path: Path) -> None:
    one = put(tmp_path, "one.txt", "\ufefffirst\n")
    two = put(tmp_path, "two.md", "a\n```\ncode\n```")
    made = request("--file", one, two, stdin="piped\n", words=("-", "sum up"))
    wanted = f"File {one}:\n```\nfirst\n```\n\nFile {two}:\n````\na\n```\ncode\n```\n````\n\npiped\n\nsum up"
    assert made.messages[-1].content == wanted


def test_a_file_is_followed_by_the_question_where_no_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "a.txt", "A")
    put(tmp_path, "-b.txt", "B")
    asked = line()
    asked.run("run", "demo", "--file", "a.txt", "what", "is", "it", "--file=-b.txt", "?")
    content = asked.services.talk.asked[0][1].messages[0].content
    assert content == "File a.txt:\n```\nA\n```\n\nFile -b.txt:\n```\nB\n```\n\nwhat is it ?"


def test_an_empty_question_is_none_even_with_files(tmp_path: Path) -> None:
    code, message = refusal("", "--file", put(tmp_path, "a", "A"))
    assert (code, "the prompt is empty" in message) == (2, True)


NO_TEXTS = [
    (b"abc\xff", "is not UTF-8 text: byte 3 is 0xff"),
    (b"GIF\x00", "is not a text file: it holds zero bytes"),
    (b"x" * (MOST_BYTES + 1), "is too large: it may have 4.2 MB"),
]


@pytest.mark.parametrize(("content", "message"), NO_TEXTS)
def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = put(tmp_path, "f", content)
    code, told = refusal("x", "--file", path)
    assert code == 1
    assert f"run: Error: --file '{path}' {message}" in told
    assert "Hint: " in told


class Endless(io.RawIOBase):
    """given: bytes that were taken so far."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        into[:] = b"x" * len(into)
        self.given += len(into)
        return len(into)


def piped(source: io.RawIOBase | io.BytesIO) -> tuple[int, str]:
    """The exit code and the message of a question on standard input that is refused."""
    asked, errors = line(), io.StringIO()
    stdin = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8")
    code = run(["run", "demo", "-"], Console(stdin, io.StringIO(), errors), asked._context)
    assert asked.services.talk.asked == []
    return code, errors.getvalue()


@pytest.mark.parametrize(("content", "message"), NO_TEXTS)
def test_standard_input_that_is_no_text_is_refused_as_a_file_is(content: bytes, message: str) -> None:
    code, told = piped(io.BytesIO(content))
    assert (code, f"run: Error: standard input {message}" in told, "Hint: " in told) == (1, True, True)


def test_standard_input_without_end_is_read_no_further_than_its_limit() -> None:
    source = Endless()
    assert "standard input is too large" in piped(source)[1]
    assert MOST_BYTES < source.given < MOST_BYTES + 1024 * 1024


def test_a_file_that_is_not_there_or_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    assert f"--file '{tmp_path}/no': there is no such file" in refusal("x", "--file", f"{tmp_path}/no")[1]
    assert f"--file '{tmp_path}' is a folder" in refusal("x", "--file", str(tmp_path))[1]
    assert "cannot be read" in refusal("x", "--file", "a\0b")[1]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--format", "json", "--regex", "a"), "--format and --regex exclude each other"),
        (("--schema", "{}", "--grammar", "g"), "--schema and --grammar exclude each other"),
        (("--format", "yaml"), "--format cannot be 'yaml'"),
        (("--think", "--no-think"), "--think and --no-think exclude each other"),
        (("--think", "--reasoning-effort", "none"), "--think and --reasoning-effort none exclude each other"),
        (("--reasoning-effort", "lots"), "--reasoning-effort cannot be 'lots'"),
        (("--tool-choice", "auto"), "--tool-choice needs --tools"),
        (("--logprobs", "3"), "--logprobs is shown with --json only"),
    ],
)
def test_contradictions_are_usage_errors(argv: tuple[str, ...], message: str) -> None:
    code, told = refusal("x", *argv)
    assert (code, message in told) == (2, True)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--top-k", "-2"), "top_k must be from -1"),
        (("--min-p", "1.5"), "min_p must be from 0 to 1"),
        (("--logit-bias", "5"), "--logit-bias '5' is not ID=VALUE"),
        (("--logit-bias", "5=1,"), "--logit-bias '' is not ID=VALUE"),
        (("--logit-bias", "5=1,5=2"), "--logit-bias names token 5 twice"),
        (("--logit-bias", "5=101"), "values from -100 to 100"),
        (("--stop", ""), "a stop string must not be empty"),
        (("--template-kwargs", "[1]"), "--template-kwargs '[1]' is not a JSON object"),
        (("--template-kwargs", "{"), "is not JSON: Expecting property name"),
        (("--schema", "{"), "--schema is not JSON"),
        (("--template-kwargs", DEEP), "levels"),
        (("--schema", DEEP), "--schema is nested deeper than 200 levels"),
        (("--template-kwargs", '{"a": ' + "9" * 5000 + "}"), "is not JSON we can read"),
        (("--schema", "no.json"), "--schema 'no.json': there is no such file"),
        (("--grammar", "no.lark"), "--grammar 'no.lark': there is no such file"),
        (("--tools", "no.json"), "--tools 'no.json': there is no such file"),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(argv: tuple[str, ...], message: str) -> None:
    code, told = refusal("x", *argv)
    assert code == 1
    assert message in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is not JSON"),
        (f"[{DEEP}]", "is nested deeper than 200 levels"),
        ("[" * 9999, "is nested deeper than 200 levels"),
        ({}, "is not a list of functions"),
        ([], "is not a list of functions"),
        ([1], "entry 1 is no object"),
        ([WEATHER, {"type": "code"}], "entry 2 has the type 'code'"),
        ([{"description": "x"}], "entry 1 has no name"),
        ([{"name": "a", "parameters": []}], "parameters of entry 1 is not an object"),
        ([{"name": "a", "strict": 1}], "strict of entry 1 is not true or false"),
        ([{"name": "a b"}], "'a b' is no function name"),
        ([{"name": "a"}, {"name": "a"}], "the tool 'a' is there twice"),
    ],
)
def test_tools_that_cannot_be_are_refused_by_entry(tmp_path: Path, content: Any, message: str) -> None:
    code, told = refusal("x", "--tools", put(tmp_path, "t.json", content))
    assert code == 1
    assert message in told


def test_a_choice_that_is_not_on_offer_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "t.json", [WEATHER])
    assert "'time', which is not among the tools" in refusal("x", "--tools", path, "--tool-choice", "time")[1]


def test_a_schema_that_is_no_object_is_refused(tmp_path: Path) -> None:
    assert "is not a JSON object" in refusal("x", "--schema", put(tmp_path, "s.json", [1]))[1]


def test_the_levels_of_reasoning_are_those_of_the_domain() -> None:
    assert REASONING_LEVELS == REASONING_EFFORTS
