"""The bill of materials for models that speak. Everything is imported when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from application.inference.load_plan import PlanLoad, PlanServedLoad
    from application.inference.model_loads import ModelLoads
    from application.inference.speak import Speak


def speak(loads: ModelLoads, plan: PlanLoad | PlanServedLoad) -> Speak:
    from application.inference.speak import Speak
    from application.inference.task_models import TaskModels
    from domain.catalog.fitness import require_speak
    from domain.serving.load_options import Task

    return Speak(TaskModels(loads, Task.SPEAK, require_speak, plan.execute))
