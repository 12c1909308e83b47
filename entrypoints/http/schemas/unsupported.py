"""Parameters of OpenAI's APIs that we know and do not honour: refused by name, unless they ask for nothing.

A value that changes nothing (null, an empty list, the documented default) is taken, because clients send those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.errors import UnsupportedParameter


class NoOp:
    """Tells whether a value is one of those that ask for nothing. values: these, as JSON has them."""

    def __init__(self, *values: object) -> None:
        self.values = values

    def __call__(self, value: object) -> bool:
        return any(isinstance(value, bool) == isinstance(each, bool) and value == each for each in self.values)


_OFF = (False,)

CHAT: Mapping[str, NoOp] = {
    "audio": NoOp(),
    "function_call": NoOp("none", "auto"),
    "functions": NoOp([]),
    "modalities": NoOp(["text"], []),
    "moderation": NoOp(),
    "prediction": NoOp(),
    "service_tier": NoOp("auto", "default"),
    "store": NoOp(*_OFF),
    "verbosity": NoOp("medium"),
    "web_search_options": NoOp(),
}

# What makes sense for conversations only is refused where there is none.
COMPLETIONS: Mapping[str, NoOp] = {
    "chat_template_kwargs": NoOp({}),
    "functions": NoOp([]),
    "max_completion_tokens": NoOp(),
    "messages": NoOp([]),
    "reasoning_effort": NoOp(),
    "store": NoOp(*_OFF),
    "suffix": NoOp(""),
    "tool_choice": NoOp("none", "auto"),
    "tools": NoOp([]),
    "top_logprobs": NoOp(0),
}

STREAM_OPTIONS: Mapping[str, NoOp] = {"include_obfuscation": NoOp(*_OFF)}

# Of other servers' APIs: they would change the vectors.
EMBEDDINGS: Mapping[str, NoOp] = {
    "embedding_types": NoOp([], ["float"]),
    "late_chunking": NoOp(*_OFF),
    "task": NoOp(),
    "truncate_prompt_tokens": NoOp(),
}

RERANK: Mapping[str, NoOp] = {
    "max_chunks_per_doc": NoOp(),
    "max_tokens_per_doc": NoOp(),
    "rank_fields": NoOp([], ["text"]),
    "truncate_prompt_tokens": NoOp(),
}

# Of OpenAI's other models: probabilities of tokens, speakers, and ways to cut the sound that are not ours.
TRANSCRIPTIONS: Mapping[str, NoOp] = {
    "chunking_strategy": NoOp("auto"),
    "include": NoOp([]),
    "keywords": NoOp([]),
    "known_speaker_names": NoOp([]),
    "known_speaker_references": NoOp([]),
    "languages": NoOp([]),
}

TRANSLATIONS: Mapping[str, NoOp] = {"timestamp_granularities": NoOp([], ["segment"])}

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


def refuse_unsupported(body: Mapping[str, object], neutral: Mapping[str, NoOp], within: str = "") -> None:
    """within: what stands before the names, such as "stream_options.". Raises UnsupportedParameter naming every field
    that asks for what we do not do.
    """
    asked = [
        within + name for name, is_no_op in neutral.items() if body.get(name) is not None and not is_no_op(body[name])
    ]
    if asked:
        raise UnsupportedParameter(
            f"{', '.join(asked)}: not supported by mlxk",
            hint=f"leave {'it' if len(asked) == 1 else 'them'} out",
            param=asked[0],
        )


def without_known(names: Sequence[str], neutral: Mapping[str, NoOp]) -> list[str]:
    """The names that are no parameter we know of."""
    return [name for name in names if name not in neutral and name not in WITHOUT_EFFECT]
