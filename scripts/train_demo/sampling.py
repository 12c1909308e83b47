"""Endless training conversations drawn from the topics."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

from scripts.train_demo.conversations import (
    FALLBACK,
    OFF_TOPIC_HELD_OUT,
    REPEAT_REQUESTS,
    SYSTEM_PROMPTS,
    Message,
    Topic,
    dialogue,
)
from scripts.train_demo.off_topic import invented_word, off_topic_question
from scripts.train_demo.wording import reword

_LONG_CHARACTERS: Final = 500  # an answer above this is recited once a round only: it takes as long as ten others
_OPENINGS_PER_TOPIC: Final = 2

Turn = tuple[str, str]


def normalised(text: str) -> str:
    """The words of `text` without case and punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _unseen_wordings(topics: Sequence[Topic]) -> frozenset[str]:
    """What rewording must not hit: each held-out question, and its words where no trained question has the same."""
    trained = {normalised(text) for topic in topics for text in (topic.question, *topic.paraphrases)}
    exact = [*OFF_TOPIC_HELD_OUT, *(text for topic in topics for text in topic.held_out)]
    return frozenset(exact) | ({normalised(text) for text in exact} - trained)


class ConversationSource:
    """Draws conversations over `topics`; the same `rng` gives the same ones in the same order."""

    def __init__(self, topics: Sequence[Topic], rng: random.Random) -> None:
        self._random = rng
        self._short = [topic for topic in topics if len(topic.answer) <= _LONG_CHARACTERS]
        self._long = [topic for topic in topics if len(topic.answer) > _LONG_CHARACTERS]
        self._unseen = _unseen_wordings(topics)

    def round(self) -> list[list[Message]]:
        """Every topic twice, alone or among other turns, and beside them what it does not know."""
        waiting = [*self._short, *self._short]
        self._random.shuffle(waiting)
        chats: list[list[Turn]] = []
        while waiting:
            chats.append(self._turns(waiting))
        chats += [[self._off_topic()] for _ in range(max(1, len(self._short) // 4))]
        chats += [self._with_long_answer(topic) for topic in self._long]
        return [self._finish(turns) for turns in chats]

    def openings(self) -> list[list[Message]]:
        """Many single questions: what to answer takes more practice than to recite the answer."""
        topics = [*self._short, *self._long] * _OPENINGS_PER_TOPIC
        asked = [[self._ask(topic)] for topic in topics]
        unknown = [[self._off_topic()] for _ in range(len(topics) // 4)]
        return [self._finish(turns) for turns in asked + unknown]

    def _finish(self, turns: Sequence[Turn]) -> list[Message]:
        chance = self._random.random()
        if chance < 0.7:
            return dialogue(*turns)
        if chance < 0.9:
            return dialogue(*turns, system=self._random.choice(SYSTEM_PROMPTS))
        words = " ".join(invented_word(self._random) for _ in range(self._random.randrange(1, 25)))
        return dialogue(*turns, system=words)

    def _wording(self, text: str, share_as_is: float) -> str:
        if self._random.random() < share_as_is:
            return text
        reworded = reword(text, self._random)
        return text if reworded in self._unseen or normalised(reworded) in self._unseen else reworded

    def _ask(self, topic: Topic, after_another: bool = False) -> Turn:
        if after_another and topic.follow_ups and self._random.random() < 0.45:
            question = self._random.choice(topic.follow_ups)
        elif self._random.random() < 0.25:
            question = topic.question
        else:
            question = self._random.choice((topic.question, *topic.paraphrases))
        return self._wording(question, share_as_is=0.3), topic.answer

    def _off_topic(self) -> Turn:
        return self._wording(off_topic_question(self._random), share_as_is=0.4), FALLBACK

    def _turns(self, waiting: list[Topic]) -> list[Turn]:
        """One to three turns about topics taken from `waiting`; some are off topic or repeat the turn before."""
        turns: list[Turn] = []
        for _ in range(min(len(waiting), self._random.choice((1, 1, 1, 2, 2, 3)))):
            turns.append(self._ask(waiting.pop(), after_another=bool(turns)))
            chance = self._random.random()
            if chance < 0.08:
                turns.append(self._off_topic())
            elif chance < 0.2:
                request = self._random.choice(REPEAT_REQUESTS)
                turns.append((self._wording(request, share_as_is=0.5), turns[-1][1]))
        return turns

    def _with_long_answer(self, topic: Topic) -> list[Turn]:
        turns = [self._ask(topic)]
        later = self._random.randrange(2, 7)
        turns += [self._ask(self._random.choice(self._short), after_another=True) for _ in range(later)]
        return turns
