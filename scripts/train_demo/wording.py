"""Small changes of wording, so that the model learns the question and not its letters."""

from __future__ import annotations

import random
from typing import Final

_OPENINGS: Final = (
    "please ", "please, ", "hey, ", "hi, ", "ok, ", "so, ", "well, ", "tell me: ", "can you tell me: ", "um, ",
    "quick question: ", "I want to know: ", "please tell me: ", "I would like to know, ", "sorry, ",
)  # fmt: skip
_ENDINGS: Final = (" please", ", please", " now", " again", ", thank you", " then", " here", ", friend", " in short")
_SYNONYMS: Final = (
    ("How do I", ("How can I", "How to", "How do you", "How does one", "How could I", "What is the way to")),
    ("How can I", ("How do I", "How to", "How might I", "How should I")),
    ("What is", ("What's", "Tell me what is", "Explain what is", "What exactly is")),
    ("Which", ("What",)),
    ("a model", ("the model", "my model", "models", "my models", "one model", "some model", "this model")),
    ("models", ("my models", "the models", "all models")),
    ("the server", ("a server", "my server", "this server", "the mlxk server")),
    ("Show me", ("Please show me", "Can you show me", "I want to see")),
    ("Give me", ("Please give me", "Can you give me", "I want")),
    ("Tell me", ("Please tell me", "Can you tell me", "Could you tell me")),
    ("Can you", ("Could you", "Please", "Would you")),
    ("mlxk", ("MLXK", "mlx-knife", "this tool")),
    ("an answer", ("the answer", "answers", "the answers")),
    ("Does mlxk", ("Can mlxk", "Does it", "Will mlxk", "Can it")),
    ("installed", ("there", "on this computer", "available")),
    ("Write", ("Please write", "Can you write", "Could you write")),
)


def _misspell(text: str, rng: random.Random) -> str:
    if len(text) < 6:
        return text
    place = rng.randrange(1, len(text) - 1)
    match rng.randrange(3):
        case 0:
            return text[:place] + text[place + 1 :]
        case 1:
            return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        case _:
            return text[:place] + text[place] + text[place:]


def _exchange_words(text: str, rng: random.Random) -> str:
    for phrase, others in _SYNONYMS:
        if phrase in text and rng.random() < 0.3:
            text = text.replace(phrase, rng.choice(others), 1)
    return text


def _end_otherwise(text: str, rng: random.Random) -> str:
    mark = text[-1] if text.endswith((".", "?", "!")) else ""
    body = text[: len(text) - len(mark)]
    if rng.random() < 0.2:
        body += rng.choice(_ENDINGS)
    if rng.random() < 0.5:
        mark = rng.choice(("", "", ".", "?", "!", "??", "...", " ?"))
    return body + mark


def _change_case(text: str, rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.35:
        return text.lower()
    if chance < 0.46:
        return text.upper()
    if chance < 0.49:
        return text.title()
    return text


def reword(text: str, rng: random.Random) -> str:
    """`text` with other small words, case, punctuation, politeness, and now and then a typing error."""
    if not text:
        return text
    text = _end_otherwise(_exchange_words(text, rng), rng)
    if rng.random() < 0.25:
        opening = rng.choice(_OPENINGS)
        text = opening[0].upper() + opening[1:] + (text[0].lower() + text[1:] if rng.random() < 0.7 else text)
    text = _change_case(text, rng)
    return _misspell(text, rng) if rng.random() < 0.12 else text
