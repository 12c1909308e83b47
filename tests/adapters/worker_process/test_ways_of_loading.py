"""A real worker, started with every option that says how its model is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InvalidRequest
from domain.inference import (
    DefaultLength,
    Finished,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
)
from domain.serving.load_options import LoadOptions
from tests.support.tiny_adapter import tiny_adapter
from tests.support.tiny_llama import TinyLlama

Answer = Callable[[LoadOptions], str]
REQUEST = GenerationRequest(
    (Message(Role.USER, "hello"),),
    TokenLimits(DefaultLength.FULL_CONTEXT, 24),
    SamplingRequest(temperature=0.0),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ways")
    TinyLlama(hidden=64).build(folder / "tiny")
    TinyLlama(seed=8).build(folder / "draft")
    tiny_adapter(folder / "lora", hidden=64)
    return folder


def located(folder: Path) -> LocatedModel:
    return LocatedModel(f"org/{folder.name}", folder, ModelSource.WORKSPACE)


@pytest.fixture(scope="module")
def answer(models: Path) -> Iterator[Answer]:
    """The answer of a worker of its own; the next one's start runs beside it."""
    launcher = ProcessWorkerLauncher(os.environ, keep_spare=True)

    def answered(options: LoadOptions) -> str:
        worker = launcher.launch(located(models / "tiny"), options)
        events = list(worker.generate(REQUEST))
        worker.close()
        end = events[-1]
        assert isinstance(end, Finished)
        assert end.usage.completion_tokens == 24
        return "".join(event.text for event in events if isinstance(event, TextDelta))

    yield answered
    launcher.close()


def test_each_way_of_loading_reaches_the_worker(answer: Answer, models: Path) -> None:
    plain = answer(LoadOptions())
    assert answer(LoadOptions(draft=located(models / "draft"), draft_tokens=5)) == plain
    assert answer(LoadOptions(draft_ngram=1)) == plain
    others = [
        answer(LoadOptions(adapter=models / "lora")),
        answer(LoadOptions(kv_bits=2, kv_group_size=32)),
    ]
    assert len({plain, *others}) == 3


def test_what_the_model_cannot_honour_comes_back_as_it_was_said(answer: Answer) -> None:
    with pytest.raises(InvalidRequest, match="--kv-bits 4 with --kv-group-size 128 cannot be used with org/tiny"):
        answer(LoadOptions(kv_bits=4, kv_group_size=128))
