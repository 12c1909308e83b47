"""The bill of materials: everything in it can be built, from strings of module names as from types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dependency_injector import providers

from container import Container
from entrypoints.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
INSIDE_A_WORKER = {"frame_channel", "conversion_line", "convert_here"}  # these take a socket or do the work at once
ONLY_IF_NAMED = {"embedding_backend"}  # None unless a setting names one
NAMES = sorted(set(Container.providers) - INSIDE_A_WORKER - ONLY_IF_NAMED)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_can_be_built(name: str, tmp_path: Path) -> None:
    (tmp_path / ".cache/huggingface/hub").mkdir(parents=True)
    container = Container(settings=load_settings({}, {"HOME": str(tmp_path)}))
    assert getattr(container, name)() is not None


def test_a_backend_that_is_named_can_be_built() -> None:
    settings = load_settings({"embed_backend": "http://127.0.0.1:9"}, {"HOME": "/nowhere"})
    assert Container(settings=settings).embedding_backend() is not None
    assert Container(settings=load_settings({}, {"HOME": "/nowhere"})).embedding_backend() is None


def test_settings_are_the_only_thing_a_container_needs() -> None:
    needed = [name for name, each in Container.providers.items() if isinstance(each, providers.Dependency)]
    assert needed == ["settings"]


def test_one_pool_and_one_launcher_per_container(tmp_path: Path) -> None:
    first, second = (Container(settings=load_settings({}, {"HOME": str(tmp_path)})) for _ in range(2))
    assert first.model_pool() is first.model_pool()
    assert first.model_pool() is not second.model_pool()


def test_the_container_brings_no_asyncio_and_leaves_the_real_one_to_others() -> None:
    probe = (
        "import sys, container\n"
        "assert 'asyncio' not in sys.modules and 'fastapi' not in sys.modules\n"
        "import asyncio\n"
        "async def answer(): return 42\n"
        "print(asyncio.run(answer()))"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stderr
