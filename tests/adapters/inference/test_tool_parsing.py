"""Calls out of the text between a model's marks, in every format that is known here."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import mlx_lm.tool_parsers
import pytest

from adapters.inference.text_codec import MlxTextCodec
from domain.inference import Tool, ToolMarks
from tests.support.codec_kit import ToyModel

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "where": {"type": "object"},
        "words": {"type": "array", "items": {"type": "string"}},
    },
}
TOOLS = (Tool("weather", "", SCHEMA), Tool("clock"))
ROME: dict[str, object] = {"city": "Rome", "days": 3}
KOELN: dict[str, object] = {"city": "Köln 🦉"}
NESTED: dict[str, object] = {"where": {"lat": 1.5, "tags": ["a", "b"]}, "words": ["x", "y"]}
Call = tuple[str, dict[str, object]]
Case = tuple[str, list[Call]]

XML = "<parameter={k}>\n{v}\n</parameter>\n"
DEEPSEEK_ONE = "<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
NESTED_JSON = json.dumps(NESTED)


def arguments(pattern: str, values: dict[str, object]) -> str:
    spelled = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return "".join(pattern.format(k=key, v=value) for key, value in spelled.items())


GLM = "\n<arg_key>{k}</arg_key>\n<arg_value>{v}</arg_value>"
LONGCAT = "\n<longcat_arg_key>{k}</longcat_arg_key>\n<longcat_arg_value>{v}</longcat_arg_value>"
MINICPM = '<param name="{k}">{v}</param>'
MINIMAX = '<parameter name="{k}">{v}</parameter>\n'
ATEM = '<atem:parameter name="{k}">{v}</atem:parameter>'
K2 = "<|tool_call_begin|>functions.{}:{}<|tool_call_argument_begin|>{}<|tool_call_end|>"
K3_CALL = '<|open|>call tool="{}" index="1"<|sep|>{}<|close|>call<|sep|>'
K3_ARGUMENT = '<|open|>argument key="{}" type="{}"<|sep|>{}<|close|>argument<|sep|>'

# One text for each parser of mlx-lm's, or more: what stands between the marks, and the calls in it.
CASES: dict[str, list[Case]] = {
    "json_tools": [
        (json.dumps({"name": "weather", "arguments": ROME}), [("weather", ROME)]),
        ('\n{"name": "weather", "arguments": {"city": "Köln 🦉"}}\n', [("weather", KOELN)]),
        (json.dumps({"arguments": NESTED, "name": "weather"}), [("weather", NESTED)]),
        (json.dumps({"name": "weather", "arguments": json.dumps(ROME)}), [("weather", ROME)]),
        ('{"name": "clock"}', [("clock", {})]),
    ],
    "function_gemma": [
        ("call:weather{city:<escape>Rome<escape>,days:3}", [("weather", ROME)]),
        ("call:weather{city:<escape>Köln 🦉<escape>}", [("weather", KOELN)]),
        ("call:clock{}", [("clock", {})]),
    ],
    "gemma4": [
        ('call:weather{city:<|"|>Rome<|"|>,days:3}', [("weather", ROME)]),
        ('call:weather{city:<|"|>Köln 🦉<|"|>}call:clock{}', [("weather", KOELN), ("clock", {})]),
        (
            'call:weather{where:{lat:1.5,tags:[<|"|>a<|"|>,<|"|>b<|"|>]},words:[<|"|>x<|"|>,<|"|>y<|"|>]}',
            [("weather", NESTED)],
        ),
    ],
    "glm47": [
        ("weather" + arguments(GLM, ROME), [("weather", ROME)]),
        ("weather" + arguments(GLM, KOELN), [("weather", KOELN)]),
        ("weather" + arguments(GLM, NESTED), [("weather", NESTED)]),
        ("weather" + arguments(GLM, {"city": "12"}), [("weather", {"city": "12"})]),
        ("clock", [("clock", {})]),
    ],
    "laguna": [("weather" + arguments(GLM, ROME), [("weather", ROME)])],
    "longcat": [
        ("weather" + arguments(LONGCAT, ROME), [("weather", ROME)]),
        ("weather" + arguments(LONGCAT, {"city": "7"}), [("weather", {"city": "7"})]),
        ("weather" + arguments(LONGCAT, NESTED), [("weather", NESTED)]),
        (json.dumps({"name": "weather", "arguments": KOELN}), [("weather", KOELN)]),
    ],
    "kimi_k2": [
        (K2.format("weather", 0, json.dumps(ROME)), [("weather", ROME)]),
        (
            K2.format("weather", 0, '{"city": "Köln 🦉"}') + K2.format("clock", 1, "{}"),
            [("weather", KOELN), ("clock", {})],
        ),
        (K2.format("weather", 0, NESTED_JSON), [("weather", NESTED)]),
    ],
    "kimi_k3": [
        (
            K3_CALL.format(
                "weather", K3_ARGUMENT.format("city", "string", "Rome") + K3_ARGUMENT.format("days", "number", "3")
            ),
            [("weather", ROME)],
        ),
        (
            K3_CALL.format("weather", f'<|open|>json type="object"<|sep|>{NESTED_JSON}<|close|>json<|sep|>')
            + K3_CALL.format("clock", ""),
            [("weather", NESTED), ("clock", {})],
        ),
    ],
    "minicpm5": [
        ('"weather">' + arguments(MINICPM, ROME), [("weather", ROME)]),
        ('"weather"><param name="city"><![CDATA[a<b & c]]></param>', [("weather", {"city": "a<b & c"})]),
        (
            f'"weather">{arguments(MINICPM, KOELN)}</function>\n<function name="clock"></function>',
            [("weather", KOELN), ("clock", {})],
        ),
        ('"weather">' + arguments(MINICPM, NESTED), [("weather", NESTED)]),
    ],
    "minimax_m2": [
        (f'<invoke name="weather">\n{arguments(MINIMAX, ROME)}</invoke>', [("weather", ROME)]),
        (
            f'<invoke name="weather">{arguments(MINIMAX, KOELN)}</invoke><invoke name="clock"></invoke>',
            [("weather", KOELN), ("clock", {})],
        ),
        (f'<invoke name="weather">{arguments(MINIMAX, NESTED)}</invoke>', [("weather", NESTED)]),
    ],
    "mistral": [
        (json.dumps([{"name": "weather", "arguments": ROME}]), [("weather", ROME)]),
        ('weather[ARGS]{"city": "Köln 🦉"}clock[ARGS]{}', [("weather", KOELN), ("clock", {})]),
        (
            json.dumps([{"name": "weather", "arguments": NESTED}, {"name": "clock", "arguments": {}}]),
            [("weather", NESTED), ("clock", {})],
        ),
    ],
    "muse_spark": [
        (f'<atem:invoke name="weather">{arguments(ATEM, ROME)}</atem:invoke>', [("weather", ROME)]),
        (
            f'<atem:invoke name="weather">{arguments(ATEM, KOELN)}</atem:invoke>'
            '<atem:invoke name="clock"></atem:invoke>',
            [("weather", KOELN), ("clock", {})],
        ),
        (f'<atem:invoke name="weather">{arguments(ATEM, NESTED)}</atem:invoke>', [("weather", NESTED)]),
    ],
    "pythonic": [
        ('[weather(city="Rome", days=3)]', [("weather", ROME)]),
        ('[weather(city="Köln 🦉"), clock()]', [("weather", KOELN), ("clock", {})]),
        (f"[weather(where={json.dumps(NESTED['where'])}, words={json.dumps(NESTED['words'])})]", [("weather", NESTED)]),
        ("[weather(words=[true, null])]", [("weather", {"words": [True, None]})]),
    ],
    "qwen3_coder": [
        (f"\n<function=weather>\n{arguments(XML, ROME)}</function>", [("weather", ROME)]),
        (f"<function=weather>\n{arguments(XML, KOELN)}</function>", [("weather", KOELN)]),
        (f"<function=weather>\n{arguments(XML, NESTED)}</function>", [("weather", NESTED)]),
    ],
}
PARSERS = sorted(module.name for module in pkgutil.iter_modules(mlx_lm.tool_parsers.__path__))

DSML = '<｜DSML｜invoke name="weather">\n{}</｜DSML｜invoke>'
DSML_CITY = '<｜DSML｜parameter name="city" string="true">Köln 🦉</｜DSML｜parameter>\n'
DSML_WORDS = '<｜DSML｜parameter name="words" string="false">["x"]</｜DSML｜parameter>\n'
# Template, marks, and texts, of formats that mlx-lm does not infer.
OWN_FORMATS: dict[str, tuple[str, ToolMarks, list[Case]]] = {
    "hermes": (
        '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
        ToolMarks("<tool_call>", "</tool_call>", json=True),
        [('{"name": "weather", "arguments": {"city": "Köln 🦉"}}', [("weather", KOELN)])],
    ),
    "llama 3": (
        '{{ \'Respond in the format {"name": function name, "parameters": dictionary of arguments}.\' }}',
        ToolMarks('{"name": ', ""),
        [
            ('"weather", "parameters": {"city": "Rome", "days": 3}}', [("weather", ROME)]),
            ('"clock", "parameters": {}}; {"name": "weather", "parameters": {}}', [("clock", {}), ("weather", {})]),
        ],
    ),
    "cohere": (
        "<|START_ACTION|>[{% for t in tool_calls %}{% endfor %}]<|END_ACTION|>",
        ToolMarks("<|START_ACTION|>", "<|END_ACTION|>"),
        [
            (
                json.dumps(
                    [{"tool_call_id": "0", "tool_name": "weather", "parameters": NESTED}, {"tool_name": "clock"}]
                ),
                [("weather", NESTED), ("clock", {})],
            )
        ],
    ),
    "granite": (
        "<|tool_call|>{{ calls | tojson }}",
        ToolMarks("<|tool_call|>", ""),
        [('[{"name": "weather", "arguments": {"city": "Rome", "days": 3}}]', [("weather", ROME)])],
    ),
    "phi": (
        "<|tool_call|>[]<|/tool_call|>",
        ToolMarks("<|tool_call|>", "<|/tool_call|>"),
        [
            ('[{"name": "clock", "arguments": {}}]', [("clock", {})]),
            ('[{"name": "clock", "arguments": null}]', [("clock", {})]),
        ],
    ),
    "deepseek": (
        "<｜tool▁calls▁begin｜>...<｜tool▁calls▁end｜>",
        ToolMarks("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
        [
            (DEEPSEEK_ONE.format('{"city": "Rome", "days": 3}') * 2, [("weather", ROME)] * 2),
            (
                "<｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n"
                + NESTED_JSON
                + "\n```<｜tool▁call▁end｜>",
                [("weather", NESTED)],
            ),
        ],
    ),
    "deepseek 3.2": (
        "<｜DSML｜function_calls>",
        ToolMarks("<｜DSML｜function_calls>", "</｜DSML｜function_calls>"),
        [(DSML.format(DSML_CITY) + DSML.format(DSML_WORDS), [("weather", KOELN), ("weather", {"words": ["x"]})])],
    ),
}


def calls_of(codec: MlxTextCodec, text: str, tools: tuple[Tool, ...] = TOOLS) -> list[Call]:
    return [(call.name, json.loads(call.arguments)) for call in codec.parse_tool_calls(text, tools)]


@pytest.fixture(scope="module")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MlxTextCodec]:
    folder = tmp_path_factory.mktemp("parsers")
    return {name: ToyModel(tokenizer_config={"tool_parser_type": name}).codec(folder / name) for name in sorted(CASES)}


def test_every_parser_of_mlx_lm_has_cases_here() -> None:
    assert sorted(CASES) == PARSERS


@pytest.mark.parametrize(("name", "at"), [(name, at) for name, cases in CASES.items() for at in range(len(cases))])
def test_each_parser_finds_the_calls(codecs: dict[str, MlxTextCodec], name: str, at: int) -> None:
    text, expected = CASES[name][at]
    assert calls_of(codecs[name], text) == expected


@pytest.mark.parametrize("name", PARSERS)
def test_each_parser_has_its_marks(codecs: dict[str, MlxTextCodec], name: str) -> None:
    module = importlib.import_module(f"mlx_lm.tool_parsers.{name}")
    marks = codecs[name].output_format.tools
    assert marks == ToolMarks(module.tool_call_start, module.tool_call_end, json=name == "json_tools")


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "text", ["", "I cannot do that.", "{", '{"name": 3}', "[1, 2]", '{"name": "weather", "arguments": [1]}']
)
def test_text_without_a_call_is_a_value_error(codecs: dict[str, MlxTextCodec], name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        codecs[name].parse_tool_calls(text, TOOLS)


@pytest.mark.parametrize("name", PARSERS)
def test_calls_of_nothing_on_offer_are_calls_all_the_same(codecs: dict[str, MlxTextCodec], name: str) -> None:
    for text, expected in CASES[name]:
        for tools in (Tool("other"),), (TOOLS[0],), (TOOLS[1],):
            assert [call for call, _ in calls_of(codecs[name], text, tools)] == [call for call, _ in expected]


def test_an_unknown_name_costs_the_calls_beside_it_nothing(codecs: dict[str, MlxTextCodec]) -> None:
    text = '[weather(city="Rome", days=3), clock()]'
    assert calls_of(codecs["pythonic"], text, TOOLS[:1]) == [("weather", ROME), ("clock", {})]


def test_words_of_no_tool_are_no_call(codecs: dict[str, MlxTextCodec]) -> None:
    for text, problem in ("I cannot do that.", "cannot be read"), ("{", "without a name"):
        with pytest.raises(ValueError, match=problem):
            codecs["glm47"].parse_tool_calls(text, TOOLS)


def test_a_bare_object_is_a_call_if_it_has_parameters_or_a_name_on_offer(tmp_path: Path) -> None:
    codec = ToyModel(OWN_FORMATS["llama 3"][0]).codec(tmp_path)
    assert calls_of(codec, '"clock"}') == [("clock", {})]
    assert calls_of(codec, '"clocks", "parameters": {"a": 1}}') == [("clocks", {"a": 1})]
    with pytest.raises(ValueError, match="no parameters"):
        codec.parse_tool_calls('"Ada", "born": 1815}', TOOLS)


@pytest.mark.parametrize("name", sorted(OWN_FORMATS))
def test_formats_are_known_by_their_templates(name: str, tmp_path: Path) -> None:
    template, marks, cases = OWN_FORMATS[name]
    codec = ToyModel(template).codec(tmp_path)
    assert codec.output_format.tools == marks
    for text, expected in cases:
        assert calls_of(codec, text) == expected
    for broken in ("", "no call", "{", "[", '{"name"', '{"name": "weather", "arguments": {"x": NaN}}'):
        with pytest.raises(ValueError, match=r"."):
            codec.parse_tool_calls(broken, TOOLS)


def test_arguments_in_json_stay_as_the_model_wrote_them(codecs: dict[str, MlxTextCodec]) -> None:
    text = '{"name": "weather", "arguments": { "city" :"K\\u00f6ln","days": 3 } }'
    (call,) = codecs["json_tools"].parse_tool_calls(text, TOOLS)
    assert call.arguments == '{ "city" :"K\\u00f6ln","days": 3 }'


def test_control_characters_in_strings_are_escaped_and_what_is_no_number_is_refused(
    codecs: dict[str, MlxTextCodec], tmp_path: Path
) -> None:
    deepseek = ToyModel(OWN_FORMATS["deepseek"][0]).codec(tmp_path)
    for codec, form in (codecs["json_tools"], '{{"name": "weather", "arguments": {}}}'), (deepseek, DEEPSEEK_ONE):
        (call,) = codec.parse_tool_calls(form.format('{"city":\n"R\to\nme"}'), TOOLS)
        assert call.arguments == '{"city":\n"R\\to\\nme"}'
        for number in "NaN", "Infinity", "-Infinity":
            with pytest.raises(ValueError, match=r"."):
                codec.parse_tool_calls(form.format(f'{{"days": {number}}}'), TOOLS)
    packed = json.dumps({"name": "weather", "arguments": '{"days": NaN}'})
    with pytest.raises(ValueError, match="no object"):
        codecs["json_tools"].parse_tool_calls(packed, TOOLS)


def test_other_arguments_are_json_with_letters_as_they_are(codecs: dict[str, MlxTextCodec]) -> None:
    (call,) = codecs["qwen3_coder"].parse_tool_calls(CASES["qwen3_coder"][1][0], TOOLS)
    assert call.arguments == '{"city": "Köln 🦉"}'


def test_an_id_that_the_model_gives_is_kept(codecs: dict[str, MlxTextCodec]) -> None:
    (call,) = codecs["kimi_k2"].parse_tool_calls(CASES["kimi_k2"][0][0], TOOLS)
    assert call.call_id == "functions.weather:0"
    (other,) = codecs["mistral"].parse_tool_calls('[{"name": "clock", "arguments": {}, "id": "abc123def"}]', TOOLS)
    assert other.call_id == "abc123def"


def test_a_schema_that_the_parsers_trip_over_is_no_hindrance(codecs: dict[str, MlxTextCodec]) -> None:
    odd = (Tool("weather", "", {"type": "object", "properties": {"city": True}}),)
    assert calls_of(codecs["glm47"], "weather" + arguments(GLM, {"city": "Rome"}), odd) == [
        ("weather", {"city": "Rome"})
    ]


def test_words_that_only_begin_like_a_call_are_none(codecs: dict[str, MlxTextCodec]) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        codecs["glm47"].parse_tool_calls("weather in Rome please", TOOLS)


def test_a_model_without_marks_knows_no_calls(tmp_path: Path) -> None:
    codec = ToyModel().codec(tmp_path)
    assert codec.output_format.tools is None
    with pytest.raises(ValueError, match="marks no calls"):
        codec.parse_tool_calls('{"name": "weather"}', TOOLS)
