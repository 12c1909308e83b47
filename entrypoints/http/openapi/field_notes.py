"""What a field is for, and its bounds: what the schemas do not say. Bounds come from the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.inference.choices import MAX_ANSWERS
from domain.inference.picture_limits import MOST_PICTURES
from domain.inference.prompt_options import REASONING_EFFORTS
from domain.inference.request import MAX_STOP_STRINGS, MAX_TOP_LOGPROBS
from domain.inference.sampling import RANGES
from domain.inference.tools import MAX_TOOLS
from entrypoints.http.openapi.json_shapes import Shape
from entrypoints.http.schemas.output_form import FORMATS

TEXT: Shape = {"type": "string", "minLength": 1}
SPEAKS: Shape = {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Note:
    """bounds: further keywords of the field's shape; `anyOf` replaces one it has."""

    about: str
    bounds: Mapping[str, Any] = field(default_factory=dict)

    def bound(self, shape: Shape) -> Shape:
        return {**shape, **self.bounds}


def _drawing(name: str, about: str) -> Note:
    least, most = RANGES[name]
    return Note(about, {"minimum": least, "maximum": most})


_SAMPLING = {
    "temperature": "0 takes the likeliest token. Default: the model's own, else 0.7.",
    "top_p": "Only the likeliest tokens that together are so likely. Default: the model's own, else 0.9.",
    "seed": "The same tokens every time.",
    "top_k": "Only so many of the likeliest tokens; 0 and -1 are all.",
    "min_p": "Only tokens at least that share as likely as the likeliest.",
    "repetition_penalty": "Divides the logits of tokens that stand in the last few.",
    "repetition_context_size": "How many tokens the last few are. Default: 20.",
    "presence_penalty": "Subtracted from the logits of tokens that the answer has.",
    "frequency_penalty": "Subtracted once for each time that the answer has the token.",
    "xtc_probability": "How often the likeliest tokens are left out.",
    "xtc_threshold": "How likely they must be for it. Default: 0.1.",
}

_ANYWHERE = {
    "model": Note("Any spelling of a model that is here, or an alias; GET /v1/models lists them.", {"pattern": r"\S"}),
    "stream": Note("Server-sent events instead of one object."),
    "stream_options": Note("Only together with stream."),
    "stop": Note(
        "The answer ends before the earliest of these.",
        {"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": MAX_STOP_STRINGS}]},
    ),
    "max_tokens": Note("The longest answer. Default: the server's, else half the model's context.", {"minimum": 1}),
    "n": Note("How many answers to each prompt.", {"minimum": 1, "maximum": MAX_ANSWERS}),
    "logit_bias": Note("Added to the logits, by token id."),
    "response_format": Note("The form that the answer must have, enforced token by token."),
    "guided_json": Note("A JSON Schema, or its text. One form at a time."),
    "guided_regex": Note("A regular expression. One form at a time."),
    "guided_grammar": Note("A grammar in Lark's notation. One form at a time."),
    "mlxk": Note("Additions of mlxk. A name that is not here is refused."),
    **{name: _drawing(name, about) for name, about in _SAMPLING.items()},
}

_CHAT = {
    "messages": Note("The conversation, oldest turn first; an assistant's last turn is continued.", {"minItems": 1}),
    "max_completion_tokens": Note("Another name for max_tokens.", {"minimum": 1}),
    "logprobs": Note("Tell how likely each token was."),
    "top_logprobs": Note("How many of the likeliest to tell too.", {"minimum": 0, "maximum": MAX_TOP_LOGPROBS}),
    "tools": Note("Functions that the model may call.", {"maxItems": MAX_TOOLS}),
    "tool_choice": Note("Whether it may, must or must not call, and which."),
    "parallel_tool_calls": Note("Several calls in one answer are welcome. Default: true."),
    "chunk": Note(
        "So many pictures of the last question at a time, each group with an answer of its own.",
        {"minimum": 1, "maximum": MOST_PICTURES},
    ),
    "reasoning_effort": Note("For models that know it; none switches thinking off.", {"enum": list(REASONING_EFFORTS)}),
    "chat_template_kwargs": Note("Variables of the model's template; enable_thinking switches thinking on or off."),
}

_COMPLETION = {
    "prompt": Note("A string, a list of strings, a list of token ids, or a list of lists of token ids."),
    "max_tokens": Note("As for chat; 0 with echo only reads the prompt.", {"minimum": 0}),
    "logprobs": Note("How many of the likeliest tokens to tell.", {"minimum": 0, "maximum": MAX_TOP_LOGPROBS}),
    "echo": Note("The prompt stands before the answer."),
    "best_of": Note("Must be n: no answers are made to be thrown away.", {"minimum": 1, "maximum": MAX_ANSWERS}),
}

_INSTRUCT = Note("The task that the question belongs to, for models that want to know.")

_EMBEDDING = {
    "input": Note("Texts, or the model's own token ids. None may be empty, or longer than the model reads."),
    "encoding_format": Note("base64 is of 32-bit floats, least significant byte first. Default: float."),
    "dimensions": Note("Shorter vectors, of models that were made for it.", {"minimum": 1}),
    "input_type": Note("What the texts are for; without it nothing is put before them."),
    "instruct": _INSTRUCT,
}

_HEARING = {
    "file": Note("WAV, MP3, FLAC, or what ffmpeg reads; at most 50 MiB."),
    "language": Note(
        "What is spoken, as a code such as en or de. Default: it is found out.", {"pattern": "^[a-z]{2,3}$"}
    ),
    "prompt": Note("Text that the sound goes on from, or names and terms that occur in it."),
    "response_format": Note("Default: json."),
    "temperature": Note(
        "0 takes the likeliest words, and higher ones where they cannot be trusted. Default: 0.",
        {"minimum": 0, "maximum": 1},
    ),
    "stream": Note("Server-sent events: a delta for each segment, then the whole."),
    "timestamp_granularities": Note("Of verbose_json: the times of words, of segments or of both. Default: segments."),
}
_HEARERS = ("TranscriptionRequest", "TranslationRequest")

_RERANK = {
    "query": Note("The question.", {"minLength": 1}),
    "documents": Note("What may answer it."),
    "top_n": Note("Tell so many of the best; all without it.", {"minimum": 1}),
    "return_documents": Note("With their texts."),
    "instruct": _INSTRUCT,
}

_MESSAGE = {
    "role": Note("Who speaks; function is read as tool."),
    "content": Note("Text, or a list of parts. May be absent or null beside calls or thoughts."),
    "reasoning_content": Note("What an assistant thought before."),
    "reasoning": Note("Another name for reasoning_content."),
    "refusal": Note("What an assistant said instead of an answer."),
    "tool_calls": Note("What an assistant called."),
    "function_call": Note("The older form of tool_calls."),
    "tool_call_id": Note("The call that a tool answers."),
    "name": Note("Who of several."),
}

_EXTENSION = {
    "report": Note("Tell with the answer how it came about."),
    "loaded": Note("A token of GET /v1/mlxk/server, in place of model."),
    "template": Note("false: the model gets the bare text of the turns."),
    "chat_stops": Note("Stop where the model begins to write the other side's turns."),
    "inspect": Note("Find out how often the model says a stop token when it stops."),
    "ignore_stops": Note("Stop tokens end nothing, for measuring."),
    "progress": Note("Tell in a stream how far the prompt has been read."),
    "output_param": Note("What errors call the form of the answer."),
    "image_table": Note("false: no table of the pictures before the answer."),
    "default_length": Note("The length of an answer without a number, in place of the server's rule."),
    "priority": Note("Higher goes first; 0 is usual."),
    "deadline_seconds": Note("From the request's arrival; what is not done by then fails.", {"exclusiveMinimum": 0}),
}

_PARTS = {
    ("StreamOptions", "include_usage"): Note("A last chunk with the usage."),
    ("StreamOptions", "include_progress"): Note("Chunks that tell how far the prompt has been read."),
    ("Function", "name"): Note("", {"pattern": "^[A-Za-z0-9_.:-]{1,256}$"}),
    ("Function", "parameters"): Note("A JSON Schema of the arguments."),
    ("Function", "strict"): Note("The arguments must fit the schema."),
    ("ResponseFormat", "type"): Note("json_schema is enforced, whatever its strict says.", {"enum": list(FORMATS)}),
    ("ResponseFormat", "schema"): Note("Of json_object: a schema all the same."),
    ("JsonSchema", "schema"): Note("A JSON Schema."),
    ("Call", "type"): Note("", {"enum": ["function"]}),
    ("Called", "arguments"): Note("JSON text."),
    ("LoadRequest", "pinned"): Note("Whether it stays when others need its memory; without it nothing changes."),
    ("UnloadRequest", "force"): Note("Running answers end with engine_died. Default: they finish first."),
}

# By the component and the field; "" for every body.
NOTES: Mapping[tuple[str, str], Note] = {
    **{("", name): note for name, note in _ANYWHERE.items()},
    **{("ChatRequest", name): note for name, note in _CHAT.items()},
    **{("CompletionRequest", name): note for name, note in _COMPLETION.items()},
    **{("EmbeddingRequest", name): note for name, note in _EMBEDDING.items()},
    **{(owner, name): note for owner in _HEARERS for name, note in _HEARING.items()},
    **{("RerankRequest", name): note for name, note in _RERANK.items()},
    **{("Message", name): note for name, note in _MESSAGE.items()},
    **{("Extension", name): note for name, note in _EXTENSION.items()},
    **_PARTS,
}
