"""Parameters of OpenAI's APIs that we know and do not honour: refused by name, unless they ask for nothing.

A value that changes nothing (null, an empty list, the documented default) is taken, because clients send those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from domain.errors import UnsupportedParameter

NoOp = Callable[[object], bool]


def _number(neutral: float) -> NoOp:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == neutral


def _off(value: object) -> bool:
    return value is False


def _one_of(*neutral: object) -> NoOp:
    return lambda value: any(type(value) is type(each) and value == each for each in neutral)


CHAT: Mapping[str, NoOp] = {
    "audio": _one_of(),
    "function_call": _one_of("none", "auto"),
    "functions": _one_of([]),
    "modalities": _one_of(["text"], []),
    "moderation": _one_of(),
    "prediction": _one_of(),
    "service_tier": _one_of("auto", "default"),
    "store": _off,
    "verbosity": _one_of("medium"),
    "web_search_options": _one_of(),
}

# What makes sense for conversations only is refused where there is none.
COMPLETIONS: Mapping[str, NoOp] = {
    "chat_template_kwargs": _one_of({}),
    "functions": _one_of([]),
    "max_completion_tokens": _one_of(),
    "messages": _one_of([]),
    "reasoning_effort": _one_of(),
    "store": _off,
    "suffix": _one_of(""),
    "tool_choice": _one_of("none", "auto"),
    "tools": _one_of([]),
    "top_logprobs": _number(0),
}

# These ask for nothing that shapes an answer.
WITHOUT_EFFECT = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
    }
)


def refuse_unsupported(body: Mapping[str, object], neutral: Mapping[str, NoOp]) -> None:
    """Raises UnsupportedParameter naming every field that asks for what we do not do."""
    asked = [name for name, is_no_op in neutral.items() if body.get(name) is not None and not is_no_op(body[name])]
    if asked:
        raise UnsupportedParameter(
            f"{', '.join(asked)}: not supported by mlxk",
            hint=f"leave {'it' if len(asked) == 1 else 'them'} out",
            param=asked[0],
        )


def without_known(names: Sequence[str], neutral: Mapping[str, NoOp]) -> list[str]:
    """The names that are no parameter we know of."""
    return [name for name in names if name not in neutral and name not in WITHOUT_EFFECT]
