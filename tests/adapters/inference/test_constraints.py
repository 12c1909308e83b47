"""What holds an answer to its form: grammars, behind thoughts, inside calls, in channels."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from adapters.inference.text_codec import MlxTextCodec
from domain.errors import GenerationFailed, InvalidRequest, UnsupportedParameter
from domain.inference import ConstraintKind, OutputConstraint, PromptOptions, Tool, ToolMode, ToolUse
from tests.adapters.inference.test_token_decoder import sentencepiece
from tests.support.codec_kit import (
    ALWAYS_THINKS,
    CLOCK,
    HARMONY_MODEL,
    THINKER_MODEL,
    THINKER_TOKENS,
    WEATHER,
    WEATHER_SCHEMA,
    ToyModel,
    ask,
    constraint_of,
    is_refused,
    may_stop,
    permits,
    permitted,
    refused_at,
    tokens_of,
)

OBJECT = OutputConstraint(ConstraintKind.JSON_OBJECT)
INTEGER_A = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}'
SCHEMA = OutputConstraint(ConstraintKind.JSON_SCHEMA, INTEGER_A)
STRICT = Tool("weather", "", WEATHER_SCHEMA, strict=True)
REQUIRED = ToolUse((WEATHER, CLOCK), ToolMode.REQUIRED)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> MlxTextCodec:
    return ToyModel(tokens=["<|im_end|>"]).codec(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> MlxTextCodec:
    return THINKER_MODEL.codec(tmp_path_factory.mktemp("thinker"))


@pytest.fixture(scope="module")
def harmony(tmp_path_factory: pytest.TempPathFactory) -> MlxTextCodec:
    return HARMONY_MODEL.codec(tmp_path_factory.mktemp("harmony"))


def test_a_free_answer_has_no_constraint(plain: MlxTextCodec) -> None:
    request = ask("hi")
    assert plain.constraint(request, plain.encode(request)) is None


def test_an_object_is_json_to_its_end_and_may_then_stop_with_any_stop_token(plain: MlxTextCodec) -> None:
    constraint = constraint_of(plain, ask("hi", output=OBJECT))
    assert set(permitted(plain, constraint)) == {"{"}
    assert refused_at(plain, constraint, '{"a": [1, "é🦉"]') is None
    assert may_stop(plain, constraint) == set()
    assert refused_at(plain, constraint, "}") is None
    assert may_stop(plain, constraint) == {"<|end|>", "<|im_end|>"}
    assert set(permitted(plain, constraint)) == {"<|end|>", "<|im_end|>"}


@pytest.mark.parametrize(
    ("output", "good", "bad", "bad_ends"),
    [
        (SCHEMA, '{"a": 12}', '{"b": 1}', '{"'),
        (OutputConstraint(ConstraintKind.REGEX, "[ab]+c", "regex"), "abbac", "abd", "ab"),
        (OutputConstraint(ConstraintKind.GRAMMAR, 'start: "x" n\nn: /[0-9]{2}/', "grammar"), "x42", "x4a", "x4"),
    ],
    ids=["schema", "regex", "grammar"],
)
def test_each_kind_takes_what_fits_and_nothing_else(
    plain: MlxTextCodec, output: OutputConstraint, good: str, bad: str, bad_ends: str
) -> None:
    fits = constraint_of(plain, ask("hi", output=output))
    assert refused_at(plain, fits, good) is None
    assert "<|end|>" in may_stop(plain, fits)
    assert refused_at(plain, constraint_of(plain, ask("hi", output=output)), bad) == bad_ends


def test_a_token_that_is_not_allowed_is_an_error(plain: MlxTextCodec) -> None:
    constraint = constraint_of(plain, ask("hi", output=OBJECT))
    assert is_refused(constraint, tokens_of(plain, "x")[0])


def test_white_space_does_not_go_on_for_ever(plain: MlxTextCodec) -> None:
    constraint = constraint_of(plain, ask("hi", output=OBJECT))
    assert refused_at(plain, constraint, "{" + " " * 200) is not None


def test_two_requests_do_not_share_a_matcher(plain: MlxTextCodec) -> None:
    one, other = (constraint_of(plain, ask("hi", output=OBJECT)) for _ in range(2))
    assert refused_at(plain, one, '{"a"') is None
    assert set(permitted(plain, other)) == {"{"}


def test_a_constraint_made_on_one_thread_works_on_another(plain: MlxTextCodec) -> None:
    constraint = constraint_of(plain, ask("hi", output=SCHEMA))
    found: list[str | None] = ["not run"]
    thread = threading.Thread(target=lambda: found.append(refused_at(plain, constraint, '{"a":1}')))
    thread.start()
    thread.join()
    assert found[1:] == [None]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"not": {"type": "string"}}'), "not"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"type": "bogus"}'), "bogus"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"$ref": "#/nowhere"}'), "nowhere"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, "{"), "no JSON"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"not":' * 150 + "{}" + "}" * 150, "--schema"), "--schema: the"),
        # So many that every Python's reader gives up before it sees that the end is missing.
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"not":' * 100_000), "deeper than 200 levels"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"not":' * 300 + "{}" + "}" * 300), "deeper than 200 levels"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, "[1]"), "a schema is a JSON object"),
        (OutputConstraint(ConstraintKind.JSON_SCHEMA, '{"not": {}, "x-guidance": {"lenient": true}}'), "not"),
        (OutputConstraint(ConstraintKind.REGEX, "(a", "regex"), "unclosed group"),
        (OutputConstraint(ConstraintKind.GRAMMAR, "start: foo", "grammar"), "foo"),
    ],
)
def test_what_cannot_be_enforced_is_refused_in_the_compilers_words(
    plain: MlxTextCodec, output: OutputConstraint, words: str
) -> None:
    request = ask("hi", output=output)
    with pytest.raises(InvalidRequest, match=words) as refused:
        plain.constraint(request, plain.encode(request))
    assert refused.value.param == output.param


def test_the_grammar_waits_for_the_end_of_a_thought(thinker: MlxTextCodec) -> None:
    constraint = constraint_of(thinker, ask("hi", output=SCHEMA))
    assert set(permitted(thinker, constraint)) == {"{", "<think>"}
    assert refused_at(thinker, constraint, "<think>anything {at} all") is None
    assert may_stop(thinker, constraint) == set()
    assert refused_at(thinker, constraint, "</think>") is None
    assert set(permitted(thinker, constraint)) == {"{", "<think>"}
    assert refused_at(thinker, constraint, '{"a":1}') is None
    assert may_stop(thinker, constraint) == {"<|im_end|>"}


def test_without_a_thought_the_grammar_begins_at_once(thinker: MlxTextCodec) -> None:
    constraint = constraint_of(thinker, ask("hi", output=SCHEMA))
    assert refused_at(thinker, constraint, '{"a":1}<think>') == '{"a":1}'


def test_a_mark_of_a_thought_that_the_grammar_itself_asks_for_is_the_grammars(thinker: MlxTextCodec) -> None:
    grammar = OutputConstraint(ConstraintKind.GRAMMAR, 'start: <think> "x"', "grammar")
    constraint = constraint_of(thinker, ask("hi", output=grammar))
    assert refused_at(thinker, constraint, "<think>") is None
    assert set(permitted(thinker, constraint)) == {"x"}


def test_a_thought_that_the_prompt_opens_is_free(tmp_path: Path) -> None:
    codec = ToyModel(ALWAYS_THINKS, THINKER_TOKENS, eos="<|im_end|>").codec(tmp_path)
    constraint = constraint_of(codec, ask("hi", output=SCHEMA))
    assert refused_at(codec, constraint, 'so...</think>{"a":1}') is None
    assert "<|im_end|>" in may_stop(codec, constraint)


def test_marks_that_are_no_tokens_are_found_in_the_text(tmp_path: Path) -> None:
    codec = ToyModel(ALWAYS_THINKS, ["<|im_start|>", "<|im_end|>"], eos="<|im_end|>").codec(tmp_path)
    constraint = constraint_of(codec, ask("hi", output=SCHEMA))
    assert refused_at(codec, constraint, 'a < b </thin </think>{"a":1}x') == 'a < b </thin </think>{"a":1}'


def test_a_mark_that_ends_within_a_token_hands_the_rest_on(tmp_path: Path) -> None:
    tokenizer = words_tokenizer([*"abcdefghijklmnopqrstuvwxyz<>/|_1:{}", '"', '>{"'])
    codec = ToyModel(ALWAYS_THINKS, ["<|im_start|>", "<|im_end|>"], tokenizer=tokenizer, eos="<|im_end|>").codec(
        tmp_path
    )
    constraint = constraint_of(codec, ask("hi", output=SCHEMA))
    assert refused_at(codec, constraint, "so</think") is None
    constraint.accept(codec._tokenizer.convert_tokens_to_ids('>{"'))
    assert refused_at(codec, constraint, "b") == ""
    assert refused_at(codec, constraint, 'a":1}') is None


def test_an_answer_in_a_form_may_call_a_tool_instead(thinker: MlxTextCodec) -> None:
    request = ask("hi", output=SCHEMA, tools=ToolUse((WEATHER,)))
    constraint = constraint_of(thinker, request)
    assert refused_at(thinker, constraint, "<think>hm</think><tool_call>anything") is None
    assert "<|im_end|>" in may_stop(thinker, constraint)


@pytest.mark.parametrize("gap", ["\n", ""])
def test_a_required_call_is_one_of_those_on_offer(thinker: MlxTextCodec, gap: str) -> None:
    constraint = constraint_of(thinker, ask("hi", tools=REQUIRED))
    call = f'<tool_call>{gap}{{"name": "weather", "arguments": {{"city": "Köln"}}}}{gap}</tool_call>'
    assert set(permitted(thinker, constraint)) == {"<tool_call>", "<think>"}
    assert refused_at(thinker, constraint, call) is None
    assert may_stop(thinker, constraint) == {"<|im_end|>"}
    assert refused_at(thinker, constraint, "\n" + call) is None


@pytest.mark.parametrize(
    ("tools", "text", "ends"),
    [
        (REQUIRED, '<tool_call>{"name": "rain"', '<tool_call>{"name": "'),
        (
            REQUIRED,
            '<tool_call>{"name": "weather", "arguments": {"city": 3',
            '<tool_call>{"name": "weather", "arguments": {"city": ',
        ),
        (
            ToolUse((WEATHER, CLOCK), ToolMode.REQUIRED, named="clock"),
            '<tool_call>{"name": "weather"',
            '<tool_call>{"name": "',
        ),
        (
            ToolUse((CLOCK,), ToolMode.REQUIRED, parallel=False),
            '<tool_call>{"name": "clock", "arguments": {}}</tool_call>\n',
            '<tool_call>{"name": "clock", "arguments": {}}</tool_call>',
        ),
    ],
    ids=["unknown", "schema", "named", "one only"],
)
def test_a_required_call_is_no_other(thinker: MlxTextCodec, tools: ToolUse, text: str, ends: str) -> None:
    assert refused_at(thinker, constraint_of(thinker, ask("hi", tools=tools)), text) == ends


def test_a_required_call_without_strictness_takes_schemas_as_far_as_they_go(thinker: MlxTextCodec) -> None:
    odd = Tool("odd", "", {"type": "object", "properties": {"n": {"type": "integer", "not": {"const": 3}}}})
    broken = Tool("broken", "", {"type": "object", "properties": {"n": {"type": "bogus"}}})
    for tool, arguments in ((odd, '{"n": 4}'), (broken, '{"n": "x"}')):
        constraint = constraint_of(thinker, ask("hi", tools=ToolUse((tool,), ToolMode.REQUIRED)))
        call = f'<tool_call>{{"name": "{tool.name}", "arguments": {arguments}}}</tool_call>'
        assert refused_at(thinker, constraint, call) is None


@pytest.mark.parametrize("more", [{}, {"x-guidance": {"lenient": True}}])
def test_a_strict_tool_whose_schema_cannot_be_enforced_is_refused(
    thinker: MlxTextCodec, more: dict[str, object]
) -> None:
    tool = Tool("odd", "", {"type": "object", "properties": {"n": {"not": {"const": 3}}}, **more}, strict=True)
    for mode in (ToolMode.AUTO, ToolMode.REQUIRED):
        request = ask("hi", tools=ToolUse((tool,), mode))
        with pytest.raises(InvalidRequest, match="not"):
            thinker.constraint(request, thinker.encode(request))


def test_tools_that_are_not_strict_leave_the_answer_free(thinker: MlxTextCodec) -> None:
    request = ask("hi", tools=ToolUse((WEATHER,)))
    assert thinker.constraint(request, thinker.encode(request)) is None


def test_a_strict_call_is_held_from_its_mark_to_its_end_and_the_rest_is_free(thinker: MlxTextCodec) -> None:
    constraint = constraint_of(thinker, ask("hi", tools=ToolUse((STRICT, CLOCK))))
    assert constraint.allowed() is None
    assert refused_at(thinker, constraint, "<think>or not?</think>Let me see.") is None
    assert constraint.allowed() is None
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    assert refused_at(thinker, constraint, call) is None
    assert constraint.allowed() is None
    assert refused_at(thinker, constraint, 'More.<tool_call>{"name": "weather", "arguments": {"town"') == (
        'More.<tool_call>{"name": "weather", "arguments": {"'
    )


def test_the_mark_of_a_call_inside_a_thought_begins_a_call(thinker: MlxTextCodec) -> None:
    strict = constraint_of(thinker, ask("hi", tools=ToolUse((STRICT,))))
    assert refused_at(thinker, strict, '<think>so <tool_call>{"name": "no') == '<think>so <tool_call>{"name": "'
    for tool, ends in ((WEATHER, None), (STRICT, "<think>so <tool_call>")):
        constraint = constraint_of(thinker, ask("hi", output=SCHEMA, tools=ToolUse((tool,))))
        assert refused_at(thinker, constraint, "<think>so <tool_call>words") == ends
        assert bool(may_stop(thinker, constraint)) is (ends is None)


def test_a_strict_call_that_must_be_the_only_one_ends_the_answer(thinker: MlxTextCodec) -> None:
    constraint = constraint_of(thinker, ask("hi", tools=ToolUse((STRICT,), parallel=False)))
    assert (
        refused_at(thinker, constraint, '<tool_call>{"name": "weather", "arguments": {"city": ""}}</tool_call>') is None
    )
    assert set(permitted(thinker, constraint)) == {"<|im_end|>"}


def test_references_within_a_tools_schema_are_found(thinker: MlxTextCodec) -> None:
    schema = {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
    tools = ToolUse((Tool("t", "", schema, strict=True),), ToolMode.REQUIRED)
    text = '<tool_call>{"name": "t", "arguments": {"n": x'
    assert refused_at(thinker, constraint_of(thinker, ask("hi", tools=tools)), text) == text[:-1]


def test_strict_tools_of_a_format_that_is_no_json_are_refused(tmp_path: Path) -> None:
    template = "{{ tools }}<tool_call>\n<function=f></function></tool_call>"
    codec = ToyModel(template, ["<|im_end|>"]).codec(tmp_path)
    request = ask("hi", tools=ToolUse((STRICT,)))
    with pytest.raises(UnsupportedParameter, match="'weather' is strict"):
        codec.constraint(request, codec.encode(request))


ANALYSIS = "<|channel|>analysis<|message|>hm {<|end|><|start|>assistant"


def test_in_channels_the_final_message_alone_is_held(harmony: MlxTextCodec) -> None:
    constraint = constraint_of(harmony, ask("hi", output=SCHEMA))
    assert refused_at(harmony, constraint, ANALYSIS) is None
    assert may_stop(harmony, constraint) == set()
    assert refused_at(harmony, constraint, '<|channel|>final <|constrain|>json<|message|>{"a":1}') is None
    assert may_stop(harmony, constraint) == {"<|return|>", "<|call|>"}
    other = constraint_of(harmony, ask("hi", output=SCHEMA))
    assert refused_at(harmony, other, ANALYSIS + "<|channel|>final<|message|>hello") == (
        ANALYSIS + "<|channel|>final<|message|>"
    )


def test_in_channels_a_form_leaves_room_for_calls_where_there_are_tools(harmony: MlxTextCodec) -> None:
    call = ANALYSIS + "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{}"
    free = constraint_of(harmony, ask("hi", output=SCHEMA, tools=ToolUse((WEATHER,))))
    assert refused_at(harmony, free, call) is None
    assert may_stop(harmony, free) == {"<|call|>"}


def test_in_channels_a_required_call_may_think_first_and_must_come(harmony: MlxTextCodec) -> None:
    call = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Bonn"}'
    for text in (call, ANALYSIS + call):
        constraint = constraint_of(harmony, ask("hi", tools=REQUIRED))
        assert refused_at(harmony, constraint, text) is None
        assert may_stop(harmony, constraint) == {"<|call|>"}
    other = constraint_of(harmony, ask("hi", tools=REQUIRED))
    assert refused_at(harmony, other, ANALYSIS + "<|channel|>final") == ANALYSIS + "<|channel|>"


def test_in_channels_a_strict_call_is_held_to_its_schema(harmony: MlxTextCodec) -> None:
    head = ANALYSIS + "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>"
    constraint = constraint_of(harmony, ask("hi", tools=ToolUse((STRICT,))))
    assert refused_at(harmony, constraint, head + '{"town"') == head + '{"'


def test_in_channels_a_header_without_an_end_is_none_and_the_next_one_counts(harmony: MlxTextCodec) -> None:
    constraint = constraint_of(harmony, ask("hi", output=SCHEMA))
    assert refused_at(harmony, constraint, "<|channel|>final " + "hm " * 500 + "<|message|>hello<|end|>") is None
    assert refused_at(harmony, constraint, "<|start|>assistant<|channel|>" * 100 + "final<|message|>{") is None
    assert refused_at(harmony, constraint, "hello") == ""


def test_a_switched_off_thought_leaves_the_grammar_at_the_start(thinker: MlxTextCodec) -> None:
    request = ask("hi", output=SCHEMA, prompt=PromptOptions(thinking=False))
    assert refused_at(thinker, constraint_of(thinker, request), '{"a":1}') is None


@pytest.mark.parametrize(("words", "rest"), [('{"a"', ":1}"), ('{"a":1', "}"), ("Here it is: ", '{"a":1}')])
def test_words_to_continue_are_the_beginning_of_the_form_where_they_can_be(
    plain: MlxTextCodec, harmony: MlxTextCodec, words: str, rest: str
) -> None:
    for codec in (plain, harmony):
        constraint = constraint_of(codec, ask("hi", words, output=SCHEMA))
        assert may_stop(codec, constraint) == set()
        assert refused_at(codec, constraint, rest) is None
        assert may_stop(codec, constraint)


def test_without_a_template_the_form_begins_at_once(harmony: MlxTextCodec) -> None:
    constraint = constraint_of(harmony, ask("hi", output=SCHEMA, prompt=PromptOptions(template=False)))
    assert set(permitted(harmony, constraint)) == {"{"}


WALKED = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["a", "ü"]},
        "n": {"type": "integer", "minimum": 3, "maximum": 40},
        "words": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2},
        "at": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}]},
    },
    "required": ["kind", "n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(15))
def test_whichever_tokens_are_drawn_the_answer_fits_its_schema(plain: MlxTextCodec, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    output = OutputConstraint(ConstraintKind.JSON_SCHEMA, json.dumps(WALKED))
    constraint = constraint_of(plain, ask("hi", output=output))
    written: list[int] = []
    for _ in range(600):
        mask = constraint.allowed() or b""
        choices = [at for at in range(len(mask) * 8) if mask[at // 8] >> at % 8 & 1]
        ends = plain.stop_tokens.intersection(choices)
        if ends:
            break
        visible = [at for at in choices if plain.token_bytes(at).strip()] or choices
        written.append(chance.choice(visible))
        constraint.accept(written[-1])
    answer = b"".join(map(plain.token_bytes, written)).decode()
    jsonschema.validate(json.loads(answer), WALKED)


@settings(max_examples=60)
@given(kind=st.sampled_from(list(ConstraintKind)), source=st.text(max_size=30))
def test_whatever_the_source_it_is_a_constraint_or_an_invalid_request(
    plain: MlxTextCodec, kind: ConstraintKind, source: str
) -> None:
    request = ask("hi", output=OutputConstraint(kind, source))
    try:
        constraint = constraint_of(plain, request)
    except InvalidRequest as refused:
        assert refused.param == "response_format"
    else:
        with contextlib.suppress(GenerationFailed):  # a form that no text has
            assert any(constraint.allowed() or b"")


@pytest.mark.parametrize("source", ["(a{1,1000}){1,1000}b", "((((a*)*)*)*)*", "[^\\x00]{1,100000}", "(a|aa|aaa)+" * 50])
def test_an_expression_that_explodes_is_refused_or_works_and_hangs_nothing(plain: MlxTextCodec, source: str) -> None:
    request = ask("hi", output=OutputConstraint(ConstraintKind.REGEX, source))
    try:
        constraint = constraint_of(plain, request)
    except InvalidRequest:
        return
    assert refused_at(plain, constraint, "aaa") is None


def words_tokenizer(words: list[str]) -> Tokenizer:
    """Unigram over these words: the longest ones are taken."""
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), *((word, -1.0) for word in words)], unk_id=0))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def metaspace_tokenizer() -> Tokenizer:
    tokenizer = words_tokenizer([*'abcn{}":,1▁', "▁a", "▁{"])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never", split=False)
    return tokenizer


def sentencepiece_tokenizer() -> Tokenizer:
    tokenizer: Any = sentencepiece(strip=True)
    return Tokenizer.from_str(tokenizer.to_str())


def wordpiece_tokenizer() -> Tokenizer:
    letters = [*'abc{}":,1', *(f"##{letter}" for letter in 'abc{}":,1')]
    tokenizer = Tokenizer(
        models.WordPiece({word: at for at, word in enumerate(["[UNK]", *letters])}, unk_token="[UNK]")
    )
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


@pytest.mark.parametrize("make", [metaspace_tokenizer, sentencepiece_tokenizer, wordpiece_tokenizer])
def test_every_family_of_tokenizers_can_be_held(make: Callable[[], Tokenizer], tmp_path: Path) -> None:
    codec = ToyModel("{{ messages[0].content }}", ["<|im_end|>"], tokenizer=make(), eos="<|im_end|>").codec(tmp_path)
    constraint = constraint_of(codec, ask("a", output=SCHEMA))
    written = b""
    for wanted in (b"{", b'"', b"a", b'"', b":", b"1", b"}"):
        mask = constraint.allowed() or b""
        assert any(mask)
        token = next(
            at
            for at in range(len(codec._tokenizer))
            if codec.token_bytes(at).strip() == wanted and permits(constraint, at) and at not in codec.stop_tokens
        )
        constraint.accept(token)
        written += codec.token_bytes(token)
    assert {word.strip() for word in may_stop(codec, constraint)} == {"<|im_end|>"}
    assert written.replace(b" ", b"") == b'{"a":1}'
    assert codec.token_bytes(10**6) == b""
