"""Conversations with whichever model is named: here it is decided by what the model can do who answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from application.inference.answering import PatientAnswer, never
from application.inference.hear_as_chat import HearAsChat
from domain.inference import GenerationRequest


class Chatting(Protocol):
    """application.inference.chat.Chat."""

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = never,
        joining: bool = False,
    ) -> PatientAnswer: ...

    def at_hand(self, spec: str) -> bool: ...


class AnswersByTask:
    """As Chat, for models that only hear too. Thread-safe."""

    def __init__(self, chat: Chatting, hearing: HearAsChat) -> None:
        self._chat = chat
        self._hearing = hearing

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = never,
        joining: bool = False,
    ) -> PatientAnswer:
        """As Chat.execute; for models that only hear as HearAsChat.execute."""
        if request.bare is None and self._hearing.only_hears(spec):
            return self._hearing.execute(spec, request, streamed=streamed, given_up=given_up)
        return self._chat.execute(spec, request, streamed=streamed, given_up=given_up, joining=joining)

    def at_hand(self, spec: str) -> bool:
        """As Chat.at_hand."""
        return self._chat.at_hand(spec)
