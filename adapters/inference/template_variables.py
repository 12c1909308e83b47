"""What a template is told about thinking, in the words that it reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from domain.errors import CapabilityMismatch, InvalidRequest
from domain.inference import PromptOptions

SWITCHES = ("enable_thinking", "thinking")
BUDGET = "thinking_budget"
EFFORT = "reasoning_effort"
# What the renderer itself takes: as a template's variable each would change how the template is called.
RESERVED = frozenset(
    {
        *("self", "conversation", "conversations", "messages", "tools", "documents", "chat_template"),
        *("add_generation_prompt", "continue_final_message", "tokenize", "tokenizer_kwargs", "sanitize_control_tokens"),
        *("padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
    }
)
CHANNEL_EFFORTS = {"minimal": "low", "xhigh": "high"}


@dataclass(frozen=True, slots=True)
class Thinking:
    """can: the model marks thoughts. always: its prompt opens a thought whatever it is told, or its channels do.
    channels: gpt-oss's harmony, which knows low, medium and high.
    """

    can: bool
    always: bool = False
    channels: bool = False


def template_variables(options: PromptOptions, known: Collection[str], thinking: Thinking) -> dict[str, object]:
    """The variables for the template: those of the request as they are, and its wishes about thinking in the words
    that this template knows.

    An effort given to a template that knows only on and off switches thinking on. Raises InvalidRequest for a name that
    is not the template's to read, CapabilityMismatch for a wish that the model cannot fulfil.
    """
    taken = sorted(RESERVED.intersection(options.variables))
    if taken:
        raise InvalidRequest(f"{taken[0]!r} is no variable of chat templates", param="chat_template_kwargs")
    effort = _effort_variables(options.reasoning_effort, known, thinking)
    switch = _switch_variables(_wanted(options), known, thinking)
    return {**switch, **effort, **options.variables}


def _wanted(options: PromptOptions) -> bool | None:
    if options.thinking is not None:
        return options.thinking
    return None if options.reasoning_effort is None else options.reasoning_effort != "none"


def _effort_variables(effort: str | None, known: Collection[str], thinking: Thinking) -> dict[str, object]:
    if effort in (None, "none"):
        return {}
    if EFFORT in known:
        return {EFFORT: CHANNEL_EFFORTS.get(effort or "", effort) if thinking.channels else effort}
    if _has_switch(known):
        return {}
    reason = "always thinks as long as it likes" if thinking.can else "does not think before it answers"
    raise CapabilityMismatch(f"reasoning_effort: this model {reason}", hint="leave it out", param=EFFORT)


def _switch_variables(wanted: bool | None, known: Collection[str], thinking: Thinking) -> dict[str, object]:
    if wanted is None:
        return {}
    switches: dict[str, object] = {name: wanted for name in SWITCHES if name in known}
    if BUDGET in known and not wanted:
        switches[BUDGET] = 0
    if wanted and not (switches or thinking.can):
        raise CapabilityMismatch(
            "thinking: this model does not think before it answers", hint="leave it out", param="thinking"
        )
    if not wanted and not switches and thinking.always:
        raise CapabilityMismatch(
            "this model always thinks before it answers: it cannot be switched off",
            hint=f"ask for {EFFORT} low" if EFFORT in known else "leave it out",
            param=EFFORT,
        )
    return switches


def _has_switch(known: Collection[str]) -> bool:
    return BUDGET in known or any(name in known for name in SWITCHES)
