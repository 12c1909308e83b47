"""The bill of materials for models that hear. Everything is imported when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from application.inference.answers_by_task import AnswersByTask
    from application.inference.chat import Chat
    from application.inference.hear_as_chat import HearAsChat
    from application.inference.load_plan import PlanLoad, PlanServedLoad
    from application.inference.model_loads import ModelLoads
    from application.inference.transcribe import Transcribe
    from entrypoints.settings import Settings


def transcribe(loads: ModelLoads, plan: PlanLoad | PlanServedLoad, settings: Settings) -> Transcribe:
    from time import monotonic

    from application.inference.task_models import TaskModels
    from application.inference.transcribe import Transcribe
    from domain.catalog.fitness import require_transcribe
    from domain.serving.load_options import Task

    models = TaskModels(loads, Task.TRANSCRIBE, require_transcribe, plan.execute)
    return Transcribe(models, monotonic, settings.hearing.timeout.value)


def hear_as_chat(transcribe: Transcribe, settings: Settings) -> HearAsChat:
    from application.inference.hear_as_chat import HearAsChat

    return HearAsChat(transcribe, table=settings.hearing.segments.value)


def answers_by_task(chat: Chat, hearing: HearAsChat) -> AnswersByTask:
    from application.inference.answers_by_task import AnswersByTask

    return AnswersByTask(chat, hearing)
