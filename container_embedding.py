"""The bill of materials for models that answer with vectors or scores. Everything is imported when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from application.catalog.completion import Complete
    from application.catalog.inspect_model import InspectModel
    from application.inference.answering import Resolver
    from application.inference.bring_in import BringIn
    from application.inference.chat import Chat
    from application.inference.embed import Embed
    from application.inference.load_plan import PlanLoad, PlanServedLoad
    from application.inference.model_loads import ModelLoads
    from application.inference.rerank import Rerank
    from application.inference.transcribe import Transcribe
    from application.serving.memory_gate import MemoryGate
    from application.serving.model_pool import ModelPool
    from entrypoints.settings import Settings
    from ports.embedding_backend import EmbeddingBackend


def model_loads(resolve: Resolver, inspect: InspectModel, pool: ModelPool, gate: MemoryGate) -> ModelLoads:
    from time import monotonic

    from application.inference.model_loads import ModelLoads

    return ModelLoads(resolve, inspect, pool, gate, monotonic)


def embed(loads: ModelLoads, plan: PlanLoad | PlanServedLoad, complete: Complete) -> Embed:
    from application.inference.embed import Embed
    from application.inference.known_contents import KnownContents
    from application.inference.vector_models import VectorModels
    from domain.catalog.fitness import require_embed
    from domain.serving.load_options import Task

    return Embed(VectorModels(loads, Task.EMBED, require_embed, plan.execute, KnownContents(complete)))


def rerank(loads: ModelLoads, plan: PlanLoad | PlanServedLoad, complete: Complete) -> Rerank:
    from application.inference.known_contents import KnownContents
    from application.inference.rerank import Rerank
    from application.inference.vector_models import VectorModels
    from domain.catalog.fitness import require_rerank
    from domain.serving.load_options import Task

    return Rerank(VectorModels(loads, Task.RERANK, require_rerank, plan.execute, KnownContents(complete)))


def bring_in(loads: ModelLoads, chat: Chat, embed: Embed, rerank: Rerank, transcribe: Transcribe) -> BringIn:
    from application.inference.bring_in import BringIn

    return BringIn(loads.look_up, chat.bring_in, embed.bring_in, rerank.bring_in, transcribe.bring_in)


def embedding_backend(settings: Settings) -> EmbeddingBackend | None:
    url = settings.embedding.backend.value
    if url is None:
        return None
    from adapters.embedding_backend.http_backend import HttpEmbeddingBackend

    return HttpEmbeddingBackend(url)
