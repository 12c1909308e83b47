"""What a request demands, in llguidance's words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llguidance import LLMatcher

from domain.errors import InvalidRequest
from domain.inference import ConstraintKind, OutputConstraint, Tool
from domain.json_depth import MOST_LEVELS, too_deep

# Unbounded white space invites a small model to write nothing else for ever.
WHITE_SPACE = r"[ \n\t]{1,40}"
ANY_OBJECT: Mapping[str, object] = {"type": "object"}
GUIDANCE = "x-guidance"  # where a schema holds options for llguidance
# Between the parts of a call: what models write, one line or several.
_GAP = r"/[ \n\t]{0,8}/"


@dataclass(frozen=True, slots=True)
class ChannelTokens:
    """Ids of harmony's tokens."""

    start: int
    channel: int
    message: int
    end: int
    constrain: int | None


def output_grammar(output: OutputConstraint) -> str:
    """Raises InvalidRequest for a schema that is no JSON, and for text that is no Unicode."""
    try:
        output.source.encode()
    except UnicodeEncodeError as fault:
        raise InvalidRequest(
            f"{output.param} holds half a character (a lone surrogate) at position {fault.start}", param=output.param
        ) from fault
    match output.kind:
        case ConstraintKind.JSON_OBJECT:
            return _json_grammar(dict(ANY_OBJECT), output.param)
        case ConstraintKind.JSON_SCHEMA:
            return _json_grammar(_schema(output), output.param)
        case ConstraintKind.REGEX:
            return str(LLMatcher.grammar_from_regex(output.source))
        case ConstraintKind.GRAMMAR:
            return str(LLMatcher.grammar_from_lark(output.source))


def schema_grammar(schema: Mapping[str, object]) -> str:
    """Lark: one JSON value by `schema`."""
    return f"start: {_json(schema)}"


def call_schema(tool: Tool, compiles: Callable[[str], bool]) -> Mapping[str, object]:
    """What holds a call's arguments. Of a strict tool its schema, whole; of another one as much of it as can be
    enforced, an object at least.
    """
    schema = {**ANY_OBJECT, **tool.parameters}
    schema.pop(GUIDANCE, None)
    if tool.strict:
        return schema
    lenient = {**schema, GUIDANCE: {"lenient": True}}
    return lenient if compiles(schema_grammar(lenient)) else ANY_OBJECT


def call_body_rules(schemas: Mapping[str, Mapping[str, object]]) -> str:
    """Lark's rule `body`: one of these calls as one JSON object, name first."""
    rules = [f"body: {' | '.join(f'call_{at}' for at in range(len(schemas)))}"]
    for at, (name, schema) in enumerate(schemas.items()):
        head = [_text("{"), _text('"name"'), _text(":"), _text(json.dumps(name)), _text(","), _text('"arguments"')]
        parts = [*head, _text(":"), f"arguments_{at}", _text("}")]
        rules += [f"call_{at}: {f' {_GAP} '.join(parts)}", f"arguments_{at}: {_json(schema)}"]
    return "\n".join(rules)


def calls_grammar(schemas: Mapping[str, Mapping[str, object]], opening: str, closing: str, parallel: bool) -> str:
    """Lark: one call or several, each between its marks, which are terminals of Lark."""
    more = f" ({_GAP} call)*" if parallel else ""
    call = f"call: {opening} {_GAP} body {_GAP} {closing}"
    return "\n".join([f"start: call{more}", call, call_body_rules(schemas)])


def rest_of_call_grammar(schemas: Mapping[str, Mapping[str, object]], closing: str) -> str:
    """Lark: a call whose opening mark has been written."""
    return "\n".join([f"start: {_GAP} body {_GAP} {closing}", call_body_rules(schemas)])


def channel_call_grammar(schemas: Mapping[str, Mapping[str, object]], tokens: ChannelTokens) -> str:
    """Lark: a whole answer in harmony that may think and then calls, behind `<|start|>assistant`."""
    constrain = "" if tokens.constrain is None else f'(" "? {_token(tokens.constrain)} "json")?'
    thought = f'{_token(tokens.channel)} "analysis" {_token(tokens.message)} TEXT {_token(tokens.end)}'
    lines = [
        "start: thought? call",
        f'thought: {thought} {_token(tokens.start)} "assistant"',
        "TEXT: /(?s:.*)/",
        f"call: {_token(tokens.channel)} ({' | '.join(f'call_{at}' for at in range(len(schemas)))})",
    ]
    for at, (name, schema) in enumerate(schemas.items()):
        head = _text(f"commentary to=functions.{name}")
        lines += [f"call_{at}: {head} {constrain} {_token(tokens.message)} arguments_{at}"]
        lines += [f"arguments_{at}: {_json(schema)}"]
    return "\n".join(lines)


def mark_terminal(mark: str, token: int | None) -> str:
    """A mark as Lark's terminal: its token where it is one, else its text."""
    return _text(mark) if token is None else _token(token)


def schemas_of(tools: Sequence[Tool], compiles: Callable[[str], bool]) -> dict[str, Mapping[str, object]]:
    return {tool.name: call_schema(tool, compiles) for tool in tools}


def _json_grammar(schema: object, param: str) -> str:
    text = json.dumps(schema)
    try:
        return str(LLMatcher.grammar_from_json_schema(text, overrides={"whitespace_pattern": WHITE_SPACE}))
    except ValueError as fault:
        raise InvalidRequest(f"{param}: the schema is none: {fault}", param=param) from fault


def _schema(output: OutputConstraint) -> object:
    try:
        schema = json.loads(output.source)
    except ValueError as fault:
        raise InvalidRequest(f"{output.param}: the schema is no JSON: {fault}", param=output.param) from fault
    except RecursionError as fault:
        raise _nested_too_deeply(output) from fault
    if too_deep(schema):
        raise _nested_too_deeply(output)
    if not isinstance(schema, dict):
        raise InvalidRequest(f"{output.param}: a schema is a JSON object, got {output.source[:40]}", param=output.param)
    return schema


def _nested_too_deeply(output: OutputConstraint) -> InvalidRequest:
    return InvalidRequest(
        f"{output.param}: the schema is nested deeper than {MOST_LEVELS} levels", hint="flatten it", param=output.param
    )


def _json(schema: Mapping[str, object]) -> str:
    given = schema.get(GUIDANCE)
    guidance = {**(given if isinstance(given, Mapping) else {}), "whitespace_pattern": WHITE_SPACE}
    return f"%json {json.dumps({**schema, GUIDANCE: guidance})}"


def _text(text: str) -> str:
    return json.dumps(text)


def _token(token: int) -> str:
    return f"<[{token}]>"
