"""Fixtures around the hub server; a test folder's conftest imports the ones it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.support.hub_server.server import HubServer

MakeHub = Callable[[], HubServer]


@pytest.fixture
def make_hub(tmp_path: Path) -> Iterator[MakeHub]:
    """A factory of hubs, each on a folder of its own; all are closed at the end."""
    with ExitStack() as stack:
        count = 0

        def make() -> HubServer:
            nonlocal count
            count += 1
            return stack.enter_context(HubServer(tmp_path / f"hub{count}"))

        yield make


@pytest.fixture
def hub(make_hub: MakeHub) -> HubServer:
    return make_hub()


@pytest.fixture(autouse=True)
def quiet_huggingface_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The library reads its environment at import: no shared stores, no stored login, no bars, whatever is set."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
