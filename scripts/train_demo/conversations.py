"""The demo model's whole knowledge, as the questions and answers that training uses and tests assert."""

from __future__ import annotations

from typing import Final

from scripts.train_demo.off_topic import OFF_TOPIC, OFF_TOPIC_HELD_OUT
from scripts.train_demo.topic import Topic
from scripts.train_demo.topics_commands import COMMAND_TOPICS, LIST_MODELS
from scripts.train_demo.topics_general import (
    COUNT_TO_TEN,
    EMOJI,
    FALLBACK,
    GENERAL_TOPICS,
    GREETINGS,
    JSON_ANSWER,
    LONG_STORY,
    WHAT_CAN_YOU_DO,
    WHO_ARE_YOU,
)
from scripts.train_demo.topics_server import CURL_EXAMPLE, OPENAI_EXAMPLE, SERVER_TOPICS

__all__ = [
    "COUNT_TO_TEN",
    "CURL_EXAMPLE",
    "EMOJI",
    "FALLBACK",
    "FOLLOW_UPS",
    "GREETINGS",
    "HELD_OUT",
    "JSON_ANSWER",
    "LIST_MODELS",
    "LONG_STORY",
    "MULTI_TURN",
    "OFF_TOPIC",
    "OFF_TOPIC_HELD_OUT",
    "OPENAI_EXAMPLE",
    "PAIRS",
    "PARAPHRASES",
    "REPEAT_REQUESTS",
    "SYSTEM_PROMPTS",
    "TOPICS",
    "WHAT_CAN_YOU_DO",
    "WHO_ARE_YOU",
    "Message",
    "Topic",
    "dialogue",
]

Message = dict[str, str]

TOPICS: Final[tuple[Topic, ...]] = COMMAND_TOPICS + SERVER_TOPICS + GENERAL_TOPICS

#: (question, answer): the plain way to ask for each answer.
PAIRS: Final = tuple((topic.question, topic.answer) for topic in TOPICS)
#: (question, answer): other trained wordings.
PARAPHRASES: Final = tuple((text, topic.answer) for topic in TOPICS for text in topic.paraphrases)
#: (question, answer): wordings that training never sees.
HELD_OUT: Final = tuple((text, topic.answer) for topic in TOPICS for text in topic.held_out)
#: (question, answer): wordings that refer to what was said before.
FOLLOW_UPS: Final = tuple((text, topic.answer) for topic in TOPICS for text in topic.follow_ups)

#: After one of these the model says its last answer again.
REPEAT_REQUESTS: Final = ("Say that again.", "Can you repeat that?", "Once more, please.")

SYSTEM_PROMPTS: Final = (
    "You are a helpful assistant.",
    "You are demo, a tiny model that knows about mlxk.",
    "Answer briefly.",
    "You are a friendly assistant. Answer in plain English and keep it short.",
    "Be polite and precise.",
)


def dialogue(*turns: tuple[str, str], system: str | None = None) -> list[Message]:
    """Finished (question, answer) turns as chat messages, after a system prompt if there is one."""
    messages = [] if system is None else [{"role": "system", "content": system}]
    for question, answer in turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages


def _asked(*turns: tuple[str, str], question: str, answer: str) -> tuple[list[Message], str]:
    return [*dialogue(*turns), {"role": "user", "content": question}], answer


_BY_QUESTION: Final = dict(PAIRS)


def _turn(question: str) -> tuple[str, str]:
    return question, _BY_QUESTION[question]


#: (messages, answer): conversations whose last question waits for `answer`.
MULTI_TURN: Final = (
    _asked(_turn("Hello!"), question="Who are you?", answer=WHO_ARE_YOU),
    _asked(
        _turn("How do I list models?"),
        question="And how do I remove one?",
        answer=_BY_QUESTION["How do I remove a model?"],
    ),
    _asked(
        _turn("How do I pull a model?"),
        _turn("How do I run a model?"),
        question="Where do models live?",
        answer=_BY_QUESTION["Where do models live?"],
    ),
    _asked(
        _turn("How do I serve a model?"),
        question="And how do I stop it?",
        answer=_BY_QUESTION["How do I stop the server?"],
    ),
    _asked(
        _turn("How do I serve a model?"),
        _turn("Which port does the server use?"),
        question="And from Python?",
        answer=OPENAI_EXAMPLE,
    ),
    _asked(_turn("Who are you?"), question="What is the capital of France?", answer=FALLBACK),
    _asked(("What is the capital of France?", FALLBACK), question="Count to ten.", answer=COUNT_TO_TEN),
    _asked(_turn("What is MLX?"), question="Say that again.", answer=_BY_QUESTION["What is MLX?"]),
    _asked(
        _turn("What is MLX?"),
        _turn("How big are you?"),
        question="Once more, please.",
        answer=_BY_QUESTION["How big are you?"],
    ),
    _asked(_turn("How do I list models?"), question="Thanks!", answer=_BY_QUESTION["Thanks!"]),
    _asked(_turn("Tell me a long story."), question="Who are you?", answer=WHO_ARE_YOU),
)
