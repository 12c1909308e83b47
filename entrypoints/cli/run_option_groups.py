"""The options of `mlxk run` that come in groups: how tokens are drawn, what form the answer has, how to load."""

from __future__ import annotations

from entrypoints.cli.grammar import Completes, Kind, Option

# Those of domain.inference, which a listing does not need: a test compares them.
REASONING_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh")
_SAMPLING = "Sampling"
_FORM = "The answer"
_LOADING = "Loading"
_PICTURES = "Pictures"


def _number(flag: str, text: str, default: str | None = None, *, value: str = "X") -> Option:
    return Option(flag, text, Kind.NUMBER, value=value, default=default, group=_SAMPLING)


def _whole(flag: str, text: str, group: str, default: str | None = None) -> Option:
    return Option(flag, text, Kind.INTEGER, value="N", default=default, group=group)


def _text(flag: str, value: str, text: str, choices: tuple[str, ...] = ()) -> Option:
    return Option(flag, text, Kind.TEXT, value=value, choices=choices, group=_FORM)


SAMPLING_OPTIONS = (
    _number("--temperature", "0 is greedy", "the model's own, else 0.7", value="T"),
    _number("--top-p", "share of the probability to draw from", "the model's, else 0.9", value="P"),
    _whole("--top-k", "draw from so many tokens only", _SAMPLING, "the model's, else all"),
    _number("--min-p", "leave out what is less than that share as likely as the likeliest", "the model's, else 0"),
    _number("--repetition-penalty", "above 1: fewer of the last tokens again", "the model's, else 1"),
    _number("--presence-penalty", "above 0: fewer tokens that the answer has", "0"),
    _number("--frequency-penalty", "above 0: the fewer, the more often the answer has them", "0"),
    Option(
        "--logit-bias",
        "make a token likelier or, below 0, less likely; several with commas, or given again",
        Kind.TEXTS,
        value="ID=VALUE",
        group=_SAMPLING,
    ),
    _number("--xtc-probability", "how often the likeliest tokens are left out", "0", value="P"),
    _number("--xtc-threshold", "from which share on a token is one of the likeliest", "0.1", value="P"),
    _whole("--seed", "makes the answer repeatable", _SAMPLING, "a fresh one"),
)

FORM_OPTIONS = (
    Option("--stop", "end the answer before this text; may be given again", Kind.TEXTS, value="TEXT", group=_FORM),
    Option("--chat-stops", "also end it where the model begins to write the other side's turns", group=_FORM),
    _text("--format", "FORMAT", "any JSON object", ("json",)),
    _text("--schema", "SCHEMA", "JSON that fits this JSON Schema: a file, or the schema itself"),
    _text("--regex", "REGEX", "text that this regular expression matches"),
    _text("--grammar", "PATH", "text of this grammar: a file in Lark's notation"),
    _text("--tools", "PATH", "functions that the model may call: a JSON file; the calls are printed"),
    _text("--tool-choice", "CHOICE", "auto, none, required, or the one function that must be called"),
    _text("--reasoning-effort", "LEVEL", "for models that know it", REASONING_LEVELS),
    Option("--think", "switch thinking on, where the model's template can", group=_FORM),
    Option("--no-think", "switch it off", group=_FORM),
    Option("--no-reasoning", "do not show what the model thinks", group=_FORM),
    Option("--no-chat-template", "give the model the bare text", group=_FORM),
    _text("--template-kwargs", "JSON", "an object with variables for the chat template"),
    _whole("--logprobs", "with --json: each token's logprob, and the N likeliest in its place", _FORM),
)

PICTURE_OPTIONS = (
    Option(
        "--image",
        "pictures that the model is to see; patterns in quotes too; may be given again",
        Kind.FILES,
        value="PATH",
        group=_PICTURES,
    ),
    _whole("--chunk", "look at so many pictures at a time, with an answer for each group", _PICTURES, "all at once"),
    Option("--no-table", "leave out the table of the pictures before the answer", group=_PICTURES),
)

LOADING_OPTIONS = (
    Option("--adapter", "a LoRA adapter: its folder", Kind.TEXT, value="PATH", group=_LOADING),
    Option(
        "--draft-model",
        "a small model that proposes tokens (speculative decoding)",
        Kind.TEXT,
        value="MODEL",
        completes=Completes.MODEL,
        group=_LOADING,
    ),
    _whole("--draft-ngram", "propose what followed the last N tokens before", _LOADING),
    _whole("--draft-tokens", "tokens proposed at once", _LOADING, "3"),
    _whole("--kv-bits", "keep the conversation in so many bits a value", _LOADING, "as the model computes"),
    _whole("--kv-group-size", "values that share a scale, with --kv-bits", _LOADING, "64"),
    _whole("--max-kv-size", "tokens to keep; older ones are forgotten", _LOADING, "all"),
    Option("--local", "load the model here, also when a server of ours already holds it", group=_LOADING),
    Option("--force", "load the model although it may not fit into memory", group=_LOADING),
)
