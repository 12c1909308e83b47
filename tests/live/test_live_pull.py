"""A pull from a hub into the test's own cache, interrupted and resumed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.plugins.live_groups import HubGroup
from tests.support.live_cli import PATIENCE_SECONDS, PROGRAM

pytestmark = [pytest.mark.live, pytest.mark.live_pull]
PAUSE_SECONDS = 0.02


def interrupted(source: HubGroup) -> int:
    """A pull that is killed with the first bytes of the weights on the disk; how many there are."""
    pulling = subprocess.Popen(
        [sys.executable, str(PROGRAM), "pull", source.name, "--json"], cwd=source.house.home,
        env=source.house.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_SECONDS
    with pulling:
        try:
            while not (begun := begun_bytes(source)):
                if pulling.poll() is not None:
                    said = pulling.communicate()[0]
                    source.judge(json.loads(said))
                    raise AssertionError(f"nothing was left to interrupt: {said!r}")
                assert time.monotonic() < deadline
                time.sleep(PAUSE_SECONDS)
        finally:
            pulling.kill()
    return begun


def begun_bytes(source: HubGroup) -> int:
    """Of large files under way, which have a journal beside them; one counts once it has blocks on the disk."""
    found = 0
    for journal in source.folder.glob("blobs/*.mlxk.ranges"):
        with suppress(FileNotFoundError):  # it has just been finished
            found += journal.with_suffix(".incomplete").stat().st_blocks * 512
    return found


def test_a_pull_that_was_interrupted_is_unhealthy_wants_a_yes_and_resumes(pull_source: HubGroup) -> None:
    if pull_source.hub is not None:
        pull_source.hub.fail("model.safetensors", times=1000, chunk_delay_seconds=0.2)
    assert interrupted(pull_source) > 0
    summary = pull_source.house.envelope("health", pull_source.name)["data"]["summary"]
    assert (summary["healthy_count"], summary["unhealthy_count"]) == (0, 1)
    if pull_source.hub is not None:
        pull_source.hub.faults.clear()
    asked = pull_source.house.envelope("pull", pull_source.name)
    assert asked["error"]["detail"]["requires_confirmation"] is True, asked
    told = pull_source.envelope("pull", pull_source.name, "--force-resume")
    assert told["status"] == "success", told
    assert not list(pull_source.folder.glob("blobs/*.incomplete"))
    assert pull_source.envelope("health", pull_source.name)["data"]["summary"]["healthy_count"] == 1
