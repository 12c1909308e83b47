"""A model is loaded the way of what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from application.inference.answering import Prepared, never
from application.inference.bring_in import BringIn
from application.inference.embed import Embed
from application.inference.vector_models import VectorModels
from domain.catalog import LocatedModel
from domain.catalog.fitness import can_serve, require_embed, require_served
from domain.errors import CapabilityMismatch, ModelUnhealthy
from domain.inference.embedding import EmbeddingRequest
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import LoadPlan
from domain.serving.load_wishes import LoadWishes
from tests.support.fakes.http_services import EARS, VECTOR_MODELS, FakeServices, served

KINDS = {
    "chat": served("org/chat"),
    "embed": VECTOR_MODELS[0],
    "rerank": VECTOR_MODELS[1],
    "hear": EARS,
    "nothing": served("org/voice", capabilities=("speech",)),
}


@pytest.mark.parametrize(
    ("kind", "way"), [("chat", "chat"), ("embed", "embed"), ("rerank", "rerank"), ("hear", "hear"), ("nothing", "chat")]
)
def test_every_kind_goes_its_way_with_all_that_was_asked(kind: str, way: str) -> None:
    gone: list[tuple[str, str, bool | None, bool]] = []

    class Noted:
        def __init__(self, name: str) -> None:
            self.name = name

        def __call__(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
            gone.append((self.name, spec, pinned, given_up()))
            return Prepared(KINDS[kind].location)

    bring_in = BringIn(lambda _: KINDS[kind], Noted("chat"), Noted("embed"), Noted("rerank"), Noted("hear"))
    bring_in.execute("name", pinned=True, given_up=lambda: True)
    assert gone == [(way, "name", True, True)]


@pytest.mark.parametrize("kind", ["chat", "embed", "rerank", "hear"])
def test_what_a_route_answers_for_is_served_while_it_is_sound_and_runs(kind: str) -> None:
    report = KINDS[kind]
    require_served(report)
    assert can_serve(report)
    assert not can_serve(replace(report, healthy=False))
    assert not can_serve(replace(report, runtime_compatible=False))
    with pytest.raises(ModelUnhealthy):
        require_served(replace(report, healthy=False))


def test_what_no_route_answers_for_is_not() -> None:
    assert not can_serve(KINDS["nothing"])
    with pytest.raises(CapabilityMismatch):
        require_served(KINDS["nothing"])


def test_vectors_are_made_on_the_cpu_where_that_is_wished_for() -> None:
    services = FakeServices(models=VECTOR_MODELS)

    def planned(_model: LocatedModel, wishes: LoadWishes) -> LoadPlan:
        return LoadPlan(LoadOptions(cpu=wishes.cpu))

    loads = services._model_loads()
    embed = Embed(VectorModels(loads, Task.EMBED, require_embed, planned))
    embed.execute("embedder", EmbeddingRequest(("a",)), loading=LoadWishes(cpu=True))
    assert services.launcher.options == [LoadOptions(task=Task.EMBED, cpu=True)]
