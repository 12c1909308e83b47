"""A request that no frame can hold fails alone, before anything of it is sent."""

from __future__ import annotations

import sys

import pytest

from adapters.worker_process import frames
from adapters.worker_process.process import ChildProcess
from adapters.worker_process.worker import ProcessWorker
from domain.errors import PayloadTooLarge
from domain.inference import GenerationRequest, Message, Role
from tests.support.pictures import picture


def test_what_is_too_large_to_hand_over_is_told_to_who_asked_and_the_worker_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames, "MAX_TAILS_BYTES", 100)
    worker = ProcessWorker(ChildProcess((sys.executable, "-c", "import time; time.sleep(60)"), {}))
    try:
        large = Message(Role.USER, "", attachments=(picture(b"x" * 60), picture(b"y" * 60)))
        for ask in (worker.generate, worker.explain):
            with pytest.raises(PayloadTooLarge, match="tails of 136 bytes, over 100") as caught:
                ask(GenerationRequest((large,)))
            assert caught.value.param == "messages"
        assert worker.alive
        worker.generate(GenerationRequest((Message(Role.USER, "", attachments=(picture(b"x" * 60),)),))).cancel()
    finally:
        worker.close()
    assert not worker.alive
