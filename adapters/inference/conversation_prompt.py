"""A conversation as the text of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.inference.chat_template import ChatTemplate, Turn
from domain.errors import InvalidRequest, MlxkError
from domain.inference import Message, OutputFormat, Role

SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)
FINAL_CHANNEL = "<|channel|>final<|message|>"
PARAGRAPH_NAMES = {
    Role.USER: "User: ",
    Role.ASSISTANT: "Assistant: ",
    Role.TOOL: "Tool: ",
    Role.SYSTEM: "",
    Role.DEVELOPER: "",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one rendering takes. tools: as templates read them. variables: for the template. spell: how it gets a
    turn.
    """

    messages: tuple[Message, ...]
    tools: tuple[Turn, ...]
    variables: Mapping[str, object]
    spell: Callable[[Message], Turn] = Message.for_template

    @property
    def turns(self) -> list[Turn]:
        return [self.spell(message) for message in self.messages]

    @property
    def continued(self) -> Message | None:
        """The assistant's last turn, when it is to be continued."""
        last = self.messages[-1]
        return last if last.role is Role.ASSISTANT else None


@dataclass(frozen=True, slots=True)
class PromptText:
    """turn_ends: lengths of the text at which a turn ends, rising. reasoning_open: it ends inside a thought.
    starts_tool_call: it ends with the opening of a call.
    """

    text: str
    turn_ends: tuple[int, ...] = ()
    reasoning_open: bool = False
    starts_tool_call: bool = False


def render_prompt(template: ChatTemplate, output_format: OutputFormat, conversation: Conversation) -> PromptText:
    """Raises what ChatTemplate.render raises, and InvalidRequest for a turn that cannot be continued."""
    last = conversation.continued
    if last is None:
        text = template.render(conversation.turns, conversation.tools, "open", conversation.variables)
        is_open = opens_thought(output_format, text)
    else:
        _refuse_calls(last)
        text = _continued(template, output_format, conversation)
        is_open = _ends_in_thought(output_format, text, last.text)
    return PromptText(text, _turn_ends(template, conversation, text), is_open)


def opens_thought(output_format: OutputFormat, text: str) -> bool:
    """Whether a prompt that ends with the opening of the assistant's turn opens a thought too."""
    marks = output_format.reasoning
    return marks is not None and text.rstrip().endswith(marks.opening.rstrip())


def as_paragraphs(messages: Sequence[Message]) -> str:
    """For a model without a chat template: one paragraph a turn, then the opening of the assistant's.

    `system words`, `User: ...`, `Assistant: ...`, separated by empty lines. The assistant's own last turn is left open.
    """
    turns = [f"{PARAGRAPH_NAMES[message.role]}{message.text}" for message in messages]
    is_open = messages[-1].role is Role.ASSISTANT
    return "\n\n".join(turns if is_open else [*turns, "Assistant:"])


def bare_text(messages: Sequence[Message]) -> str:
    """The words alone, turns separated by empty lines."""
    return "\n\n".join(message.text for message in messages)


def _refuse_calls(last: Message) -> None:
    if last.tool_calls:
        raise InvalidRequest(
            "the conversation ends with calls of the assistant: there is nothing to continue",
            hint="send their results as `tool` messages",
            param="messages",
        )


def _continued(template: ChatTemplate, output_format: OutputFormat, conversation: Conversation) -> str:
    """By the template where it keeps the words as they are, else the opening of the turn with the words behind it."""
    words = conversation.messages[-1].text
    if not words.strip():
        return _opening_with_words(template, output_format, conversation)
    try:
        text = template.render(conversation.turns, conversation.tools, "continue", conversation.variables)
    except (ValueError, InvalidRequest):
        text = ""
    return text if text.endswith(words) else _opening_with_words(template, output_format, conversation)


def _opening_with_words(template: ChatTemplate, output_format: OutputFormat, conversation: Conversation) -> str:
    last = conversation.messages[-1]
    before = conversation.turns[:-1]
    if not before:
        raise InvalidRequest(
            "the model's chat template cannot continue a conversation that has the assistant's words alone",
            hint="put a user's turn before them",
            param="messages",
        )
    text = template.render(before, conversation.tools, "open", conversation.variables)
    marks = output_format.reasoning
    if output_format.channels:
        return text + FINAL_CHANNEL + last.text
    if marks is not None and opens_thought(output_format, text) and marks.closing not in last.text:
        text += f"{last.reasoning}\n{marks.closing}\n\n"
    return text + last.text


def _ends_in_thought(output_format: OutputFormat, text: str, words: str) -> bool:
    marks = output_format.reasoning
    if marks is None:
        return False
    opened, closed = words.rfind(marks.opening), words.rfind(marks.closing)
    if opened == closed:  # the words have neither
        return opens_thought(output_format, text.removesuffix(words))
    return opened > closed


def _turn_ends(template: ChatTemplate, conversation: Conversation, text: str) -> tuple[int, ...]:
    """Where the system's turns end, the turn before the last one, and the last one, as far as `text` begins so.

    A later request of the same conversation shares these beginnings, whatever its opening of the assistant's turn is.
    """
    whole = len(conversation.messages) - (1 if conversation.continued else 0)
    system = next((at for at, turn in enumerate(conversation.messages) if turn.role not in SYSTEM_ROLES), 0)
    lengths = (_prefix_length(template, conversation, count, text) for count in sorted({system, whole - 1, whole}))
    return tuple(sorted({length for length in lengths if length}))


def _prefix_length(template: ChatTemplate, conversation: Conversation, count: int, text: str) -> int:
    """The length of the first turns' text, 0 where `text` does not begin so or the template does not take them."""
    if count < 1:
        return 0
    try:
        prefix = template.render(conversation.turns[:count], conversation.tools, "closed", conversation.variables)
    except (MlxkError, ValueError, TypeError, LookupError, AttributeError):
        return 0  # these turns alone are no conversation for this template
    return len(prefix) if text.startswith(prefix) else 0
