"""Conversations to prompts: tools, thinking, turns to continue, anchors."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.inference.chat_template import undeclared_variables
from adapters.inference.text_codec import MlxTextCodec
from domain.errors import CapabilityMismatch, GenerationFailed, InvalidRequest
from domain.inference import GenerationRequest, Message, PromptOptions, Role, Tool, ToolCall, ToolMode, ToolUse
from domain.inference.text_length import TextLength
from tests.adapters.inference.test_constraints import words_tokenizer
from tests.adapters.inference.test_token_decoder import sentencepiece
from tests.support.codec_kit import (
    ALWAYS_THINKS,
    CHATML,
    CHATML_TOKENS,
    CLOCK,
    HARMONY_MODEL,
    OPENING,
    THINKER_MODEL,
    THINKER_TOKENS,
    TURNS,
    WEATHER,
    ToyModel,
    ask,
    prompt_text,
    text_of,
    tokens_of,
)

CHATML_MODEL = ToyModel(CHATML, CHATML_TOKENS, eos="<|im_end|>")
R1_MODEL = ToyModel(ALWAYS_THINKS, THINKER_TOKENS, eos="<|im_end|>")
XML_CALLS = ToyModel(
    "{% for t in tools or [] %}{{ t.function.name }};{% endfor %}{# <tool_call>\n<function=f> #}" + CHATML,
    [*CHATML_TOKENS, "<tool_call>", "</tool_call>"],
)
STRIPPING = ToyModel(TURNS.replace("m.content", "m.content | trim") + OPENING, CHATML_TOKENS)
NO_ASSISTANT_LAST = ToyModel(
    "{% if messages[-1].role == 'assistant' %}{{ raise_exception('users have the last word') }}{% endif %}" + CHATML,
    CHATML_TOKENS,
)


def options(**wishes: object) -> PromptOptions:
    return PromptOptions(**wishes)  # type: ignore[arg-type]


# Tools


def test_tools_are_shown_to_the_template(tmp_path: Path) -> None:
    text = prompt_text(THINKER_MODEL.codec(tmp_path), ask("hi", tools=ToolUse((WEATHER, CLOCK))))
    assert '"name": "weather"' in text
    assert '"name": "clock"' in text


def test_tool_choice_none_shows_no_tools(tmp_path: Path) -> None:
    codec = THINKER_MODEL.codec(tmp_path)
    assert prompt_text(codec, ask("hi", tools=ToolUse((WEATHER,), ToolMode.NONE))) == prompt_text(codec, ask("hi"))


def test_tools_for_a_template_that_ignores_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CapabilityMismatch, match="knows no tools"):
        CHATML_MODEL.codec(tmp_path).encode(ask("hi", tools=ToolUse((WEATHER,))))


@pytest.mark.parametrize("model", [ToyModel(None), THINKER_MODEL])
def test_tools_without_a_template_are_refused(model: ToyModel, tmp_path: Path) -> None:
    request = ask("hi", tools=ToolUse((WEATHER,)), prompt=options(template=False))
    with pytest.raises(CapabilityMismatch, match="need the model's chat template"):
        model.codec(tmp_path).encode(request)


def test_a_template_for_tools_is_taken_when_there_are_tools(tmp_path: Path) -> None:
    codec = ToyModel({"default": "plain" + CHATML, "tool_use": "{{ tools | length }} tools" + CHATML}).codec(tmp_path)
    assert prompt_text(codec, ask("hi")).startswith("plain")
    assert prompt_text(codec, ask("hi", tools=ToolUse((WEATHER, CLOCK)))).startswith("2 tools")


def test_a_required_call_in_a_format_of_its_own_is_opened_by_the_prompt(tmp_path: Path) -> None:
    codec = XML_CALLS.codec(tmp_path)
    request = ask("hi", tools=ToolUse((WEATHER, CLOCK), ToolMode.REQUIRED, named="clock"))
    prompt = codec.encode(request)
    assert text_of(codec, prompt.tokens) == "clock;<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<tool_call>"
    assert prompt.starts_tool_call
    assert codec.constraint(request, prompt) is None
    assert not codec.encode(ask("hi", tools=ToolUse((WEATHER,)))).starts_tool_call


def test_a_call_is_not_opened_inside_a_thought(tmp_path: Path) -> None:
    template = "{{ tools }}{# <tool_call>\n<function=f> #}" + ALWAYS_THINKS
    codec = ToyModel(template, THINKER_TOKENS).codec(tmp_path)
    prompt = codec.encode(ask("hi", tools=ToolUse((WEATHER,), ToolMode.REQUIRED)))
    assert text_of(codec, prompt.tokens).endswith("<think>\n</think>\n\n<tool_call>")
    assert (prompt.reasoning_open, prompt.starts_tool_call) == (False, True)


def test_a_required_call_in_json_is_left_to_the_grammar(tmp_path: Path) -> None:
    codec = THINKER_MODEL.codec(tmp_path)
    prompt = codec.encode(ask("hi", tools=ToolUse((WEATHER,), ToolMode.REQUIRED)))
    assert not prompt.starts_tool_call
    assert text_of(codec, prompt.tokens).endswith("assistant\n")


def test_nothing_can_be_required_of_a_model_whose_calls_are_unknown(tmp_path: Path) -> None:
    codec = ToyModel("{{ tools }}" + CHATML).codec(tmp_path)
    codec.encode(ask("hi", tools=ToolUse((WEATHER,))))
    with pytest.raises(CapabilityMismatch, match="tool_choice"):
        codec.encode(ask("hi", tools=ToolUse((WEATHER,), ToolMode.REQUIRED)))


def test_calls_and_their_results_reach_the_template_as_objects(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{{ m.role }}:{{ m.content }}{{ m.tool_call_id }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.name }}({{ c.function.arguments.city }}){% endfor %}"
        ";{% endfor %}"
    )
    call = ToolCall("c1", "weather", '{"city": "Köln"}')
    turns = (
        Message(Role.DEVELOPER, "be brief"),
        Message(Role.USER, "hi"),
        Message(Role.ASSISTANT, "", tool_calls=(call,)),
        Message(Role.TOOL, "sun", tool_call_id="c1"),
    )
    text = prompt_text(ToyModel(template).codec(tmp_path), GenerationRequest(turns))
    assert text == "system:be brief;user:hi;assistant:weather(Köln);tool:sunc1;"


# Thinking


@pytest.mark.parametrize(
    ("wishes", "ends"),
    [
        ({}, "assistant\n"),
        ({"thinking": True}, "assistant\n"),
        ({"thinking": False}, "<think>\n\n</think>\n\n"),
        ({"reasoning_effort": "none"}, "<think>\n\n</think>\n\n"),
        ({"reasoning_effort": "high"}, "assistant\n"),
        ({"variables": {"enable_thinking": False}}, "<think>\n\n</think>\n\n"),
    ],
)
def test_thinking_is_switched_in_the_templates_own_words(wishes: dict[str, object], ends: str, tmp_path: Path) -> None:
    assert prompt_text(THINKER_MODEL.codec(tmp_path), ask("hi", prompt=options(**wishes))).endswith(ends)


def test_a_template_that_calls_the_switch_thinking_gets_that(tmp_path: Path) -> None:
    codec = ToyModel("{{ thinking }}|" + CHATML, ["<think>", "</think>"]).codec(tmp_path)
    assert prompt_text(codec, ask("hi", prompt=options(thinking=True))).startswith("True|")
    assert prompt_text(codec, ask("hi")).startswith("|")


def test_a_template_that_counts_thinking_in_tokens_gets_none_of_them(tmp_path: Path) -> None:
    codec = ToyModel("{{ thinking_budget }}|" + CHATML, ["<seed:think>", "</seed:think>"]).codec(tmp_path)
    assert prompt_text(codec, ask("hi", prompt=options(thinking=False))).startswith("0|")
    assert prompt_text(codec, ask("hi", prompt=options(thinking=True))).startswith("|")


def test_an_effort_reaches_a_template_that_knows_efforts(tmp_path: Path) -> None:
    codec = HARMONY_MODEL.codec(tmp_path)
    for effort, told in (("low", "low"), ("minimal", "low"), ("xhigh", "high")):
        assert f"Reasoning: {told}<" in prompt_text(codec, ask("hi", prompt=options(reasoning_effort=effort)))
    assert "Reasoning" not in prompt_text(codec, ask("hi"))


@pytest.mark.parametrize(
    ("model", "wishes", "words"),
    [
        (CHATML_MODEL, {"reasoning_effort": "high"}, "does not think"),
        (CHATML_MODEL, {"thinking": True}, "does not think"),
        (R1_MODEL, {"reasoning_effort": "low"}, "as long as it likes"),
        (R1_MODEL, {"reasoning_effort": "none"}, "cannot be switched off"),
        (R1_MODEL, {"thinking": False}, "cannot be switched off"),
        (HARMONY_MODEL, {"thinking": False}, "cannot be switched off"),
        (ToyModel(None), {"reasoning_effort": "high"}, "does not think"),
    ],
)
def test_a_wish_about_thinking_that_cannot_be_met_is_refused(
    model: ToyModel, wishes: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(CapabilityMismatch, match=words):
        model.codec(tmp_path).encode(ask("hi", prompt=options(**wishes)))


@pytest.mark.parametrize(
    ("model", "wishes"),
    [
        (CHATML_MODEL, {"reasoning_effort": "none"}),
        (CHATML_MODEL, {"thinking": False}),
        (R1_MODEL, {"thinking": True}),
        (ToyModel(None), {"thinking": False}),
    ],
)
def test_a_wish_that_is_met_already_changes_nothing(model: ToyModel, wishes: dict[str, object], tmp_path: Path) -> None:
    codec = model.codec(tmp_path)
    assert codec.encode(ask("hi", prompt=options(**wishes))) == codec.encode(ask("hi"))


def test_variables_reach_the_template(tmp_path: Path) -> None:
    codec = ToyModel("{{ mood }}" + CHATML).codec(tmp_path)
    assert prompt_text(codec, ask("hi", prompt=options(variables={"mood": "merry"}))).startswith("merry")


@pytest.mark.parametrize("name", ["chat_template", "messages", "self", "tokenize", "tools", "add_generation_prompt"])
def test_variables_cannot_take_the_renderers_place(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=name):
        CHATML_MODEL.codec(tmp_path).encode(ask("hi", prompt=options(variables={name: "x"})))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{% if x is defined and x %}{{ y.z }}{% endif %}", {"x", "y"}),
        ("{% set x = 1 %}{{ x }}", set()),
        ("{% if x is not defined %}{% set x = 1 %}{% endif %}{{ x }}", {"x"}),
        ("{% generation %}{{ x }}{% endgeneration %}", {"x"}),
        ("{% for m in messages %}{% if m %}{% break %}{% endif %}{% endfor %}", {"messages"}),
        ("{% broken", set()),
    ],
)
def test_what_a_template_reads_is_read_from_it(source: str, names: set[str]) -> None:
    assert undeclared_variables(source) == names


@pytest.mark.parametrize(
    ("model", "turns", "is_open"),
    [
        (R1_MODEL, ["hi"], True),
        (R1_MODEL, ["hi", "</think>Well,"], False),
        (THINKER_MODEL, ["say <think>"], False),
        (THINKER_MODEL, ["hi", "<think>Well,"], True),
        (THINKER_MODEL, ["hi", "<think>Well,</think>So"], False),
        (CHATML_MODEL, ["hi"], False),
    ],
)
def test_it_says_whether_the_prompt_ends_inside_a_thought(
    model: ToyModel, turns: list[str], is_open: bool, tmp_path: Path
) -> None:
    assert model.codec(tmp_path).encode(ask(*turns)).reasoning_open is is_open


# Turns to continue


@pytest.mark.parametrize("words", ["Sure, I", "Sure, ", "  two\n", " "])
@pytest.mark.parametrize(
    "model", [CHATML_MODEL, STRIPPING, NO_ASSISTANT_LAST, THINKER_MODEL], ids=["as is", "strips", "refuses", "thinks"]
)
def test_the_assistants_last_turn_is_left_open(model: ToyModel, words: str, tmp_path: Path) -> None:
    text = prompt_text(model.codec(tmp_path), ask("hi", words))
    assert text == f"<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{words}"


def test_words_to_continue_are_not_put_into_a_thought(tmp_path: Path) -> None:
    refuses = "{% if messages[-1].role == 'assistant' %}{{ raise_exception('no') }}{% endif %}"
    codec = ToyModel(refuses + ALWAYS_THINKS, THINKER_TOKENS).codec(tmp_path)
    prompt = codec.encode(ask("hi", "Sure, "))
    assert text_of(codec, prompt.tokens).endswith("<think>\n\n</think>\n\nSure, ")
    assert not prompt.reasoning_open


def test_words_that_end_the_thought_themselves_are_left_as_they_are(tmp_path: Path) -> None:
    refuses = "{% if messages[-1].role == 'assistant' %}{{ raise_exception('no') }}{% endif %}"
    codec = ToyModel(refuses + ALWAYS_THINKS, THINKER_TOKENS).codec(tmp_path)
    prompt = codec.encode(ask("hi", "easy</think>Sure, "))
    assert text_of(codec, prompt.tokens).endswith("<think>\neasy</think>Sure, ")
    assert not prompt.reasoning_open


@pytest.mark.parametrize("model", [CHATML_MODEL, THINKER_MODEL, HARMONY_MODEL, ToyModel(None)])
def test_an_empty_turn_of_the_assistant_leaves_no_trace(model: ToyModel, tmp_path: Path) -> None:
    codec = model.codec(tmp_path)
    assert codec.encode(ask("hi", "")) == codec.encode(ask("hi"))


def test_in_channels_the_final_message_is_continued(tmp_path: Path) -> None:
    text = prompt_text(HARMONY_MODEL.codec(tmp_path), ask("hi", "Sure, "))
    assert text.endswith("<|start|>assistant<|channel|>final<|message|>Sure, ")


def test_calls_without_results_cannot_be_continued(tmp_path: Path) -> None:
    turns = (Message(Role.USER, "hi"), Message(Role.ASSISTANT, "", tool_calls=(ToolCall("a", "clock", "{}"),)))
    with pytest.raises(InvalidRequest, match="nothing to continue"):
        THINKER_MODEL.codec(tmp_path).encode(GenerationRequest(turns))


def test_words_alone_that_the_template_does_not_take_are_refused(tmp_path: Path) -> None:
    turns = (Message(Role.ASSISTANT, "Sure"),)
    with pytest.raises(InvalidRequest, match="assistant's words alone"):
        NO_ASSISTANT_LAST.codec(tmp_path).encode(GenerationRequest(turns))


# Without a template


def test_a_single_turn_without_a_template_is_exactly_its_text(tmp_path: Path) -> None:
    codec = CHATML_MODEL.codec(tmp_path)
    for text in ("Once upon", " <|im_start|>x\n"):
        assert list(codec.encode(ask(text, prompt=options(template=False))).tokens) == tokens_of(codec, text)


def test_turns_without_a_template_are_joined_by_empty_lines(tmp_path: Path) -> None:
    request = ask("one", "two", prompt=options(template=False))
    assert prompt_text(CHATML_MODEL.codec(tmp_path), request) == "one\n\ntwo"


def test_a_model_without_a_template_gets_paragraphs_and_continues_its_own(tmp_path: Path) -> None:
    codec = ToyModel(None).codec(tmp_path)
    assert prompt_text(codec, ask("hi")) == "User: hi\n\nAssistant:"
    assert prompt_text(codec, ask("hi", "Well, ")) == "User: hi\n\nAssistant: Well, "


def begins_with_bos(folder: Path) -> MlxTextCodec:
    from tokenizers import AddedToken, processors

    tokenizer = sentencepiece(strip=True)
    tokenizer.add_special_tokens([AddedToken("<s>", special=True, normalized=False)])
    begin = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", begin)])
    model = ToyModel(None, tokenizer=tokenizer, eos="<unk>", tokenizer_config={"bos_token": "<s>"})
    return model.codec(folder)


def test_bare_text_begins_as_the_tokenizer_begins_texts_and_never_twice(tmp_path: Path) -> None:
    codec = begins_with_bos(tmp_path)
    bare = options(template=False)
    begin = codec._tokenizer.convert_tokens_to_ids("<s>")
    assert codec.encode(ask("x", prompt=bare)).tokens[0] == begin
    assert list(codec.encode(ask("<s>x", prompt=bare)).tokens).count(begin) == 1


# Anchors


def anchored(codec: MlxTextCodec, request: GenerationRequest) -> list[str]:
    prompt = codec.encode(request)
    return [text_of(codec, prompt.tokens[:anchor]) for anchor in prompt.anchors]


def test_anchors_are_where_the_system_the_turn_before_and_the_last_turn_end(tmp_path: Path) -> None:
    turns = (Message(Role.SYSTEM, "be brief"), *ask("one", "two", "three").messages)
    system = "<|im_start|>system\nbe brief<|im_end|>\n"
    first = f"{system}<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>\n"
    whole = f"{first}<|im_start|>user\nthree<|im_end|>\n"
    assert anchored(CHATML_MODEL.codec(tmp_path), GenerationRequest(turns)) == [system, first, whole]


def test_a_longer_conversation_begins_with_what_an_anchor_ends(tmp_path: Path) -> None:
    codec = THINKER_MODEL.codec(tmp_path)
    before, after = codec.encode(ask("one")), codec.encode(ask("one", "two", "three"))
    last = before.anchors[-1]
    assert after.tokens[:last] == before.tokens[:last]
    assert after.tokens[: len(before.tokens)] != before.tokens or last < len(before.tokens)


def test_a_turn_that_is_continued_has_its_anchor_before_it(tmp_path: Path) -> None:
    codec = CHATML_MODEL.codec(tmp_path)
    assert anchored(codec, ask("one", "Well")) == ["<|im_start|>user\none<|im_end|>\n"]


def test_a_token_that_reaches_over_the_end_of_a_turn_leaves_no_anchor(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}b{% endif %}"
    tokenizer = words_tokenizer(["a", "b", "ab"])
    turns = (Message(Role.SYSTEM, "ba"), Message(Role.USER, "bb"))
    codec = ToyModel(template, ["<|end|>"], tokenizer=tokenizer).codec(tmp_path)
    assert anchored(codec, GenerationRequest(turns)) == ["babb"]


@pytest.mark.parametrize("where", ["description", "variable"])
def test_half_a_character_anywhere_in_the_prompt_is_refused(where: str, tmp_path: Path) -> None:
    half = "abc\ud83e"
    tools = ToolUse((Tool("t", half),)) if where == "description" else ToolUse()
    wishes = options(variables={"mood": half}) if where == "variable" else options()
    codec = ToyModel("{{ mood }}{% for t in tools or [] %}{{ t.function.description }}{% endfor %}" + CHATML).codec(
        tmp_path
    )
    with pytest.raises(InvalidRequest, match="half a character"):
        codec.encode(ask("hi", tools=tools, prompt=wishes))


@pytest.mark.parametrize(
    ("template", "count"),
    [
        ("{% if messages | length < 3 %}{{ raise_exception('too short') }}{% endif %}" + CHATML, 1),
        ("{{ messages | length }} turns" + CHATML, 1),
        ("{{ messages[2].content }}" + CHATML, 1),
        ("{{ messages[2].content.upper() }}" + CHATML, 1),
    ],
)
def test_templates_that_do_not_build_up_have_fewer_anchors(template: str, count: int, tmp_path: Path) -> None:
    codec = ToyModel(template, CHATML_TOKENS).codec(tmp_path)
    request = ask("one", "two", "three")
    found = anchored(codec, request)
    assert len(found) == count
    assert prompt_text(codec, request).startswith(found[-1])
    assert found[-1].endswith("three<|im_end|>\n")


# Hostile and broken templates


@pytest.mark.parametrize(
    "template",
    ["{{ broken", "{{ ''.__class__.__mro__ }}{{ messages.append(1) }}", "{{ messages.__class__.__base__.x }}"],
)
def test_a_template_that_breaks_the_rules_fails_and_does_not_blame_the_conversation(
    template: str, tmp_path: Path
) -> None:
    with pytest.raises(GenerationFailed, match="template is broken"):
        ToyModel(template).codec(tmp_path).encode(ask("hi"))


def test_values_nested_too_deeply_for_a_template_that_walks_them_are_refused(tmp_path: Path) -> None:
    walks = "{% macro walk(x) %}{% for y in x %}{{ walk(x[y]) }}{% endfor %}{% endmacro %}"
    walks += "{% for t in tools or [] %}{{ walk(t.function.parameters) }}{% endfor %}"
    deep: dict[str, object] = {}
    for _ in range(900):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply for the model's chat template"):
        ToyModel(walks + CHATML).codec(tmp_path).encode(ask("hi", tools=ToolUse((Tool("t", "", deep),))))


def test_a_tool_with_a_hostile_description_is_plain_text_to_the_template(tmp_path: Path) -> None:
    tool = Tool("t", "{{ raise_exception('run') }}")
    text = prompt_text(THINKER_MODEL.codec(tmp_path), ask("hi", tools=ToolUse((tool,))))
    assert "{{ raise_exception('run') }}" in text


def test_the_longest_token_counts_special_ones_too(tmp_path: Path) -> None:
    assert HARMONY_MODEL.codec(tmp_path).longest_token() == TextLength(len("<|constrain|>"), len("<|constrain|>"))
