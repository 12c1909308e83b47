"""docs/server.md names every metric there is, and no other, with its labels."""

from __future__ import annotations

import re
from pathlib import Path

from application.serving.meter import HISTOGRAMS
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from tests.support.fakes.http_services import FakeServices

PAGE = Path(__file__).resolve().parents[2] / "docs" / "server.md"
ASKING = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "hi"}]}


def documented() -> dict[str, set[str]]:
    """Name -> labels."""
    found: dict[str, set[str]] = {}
    for names, labels in re.findall(r"^\| ((?:`mlxk_\w+`(?:, )?)+) \| ([\w, ]*) ?\|", PAGE.read_text("utf-8"), re.M):
        for name in re.findall(r"`(\w+)`", names):
            found[name] = set(re.findall(r"\w+", labels))
    return found


def told() -> str:
    services = FakeServices()
    client = create_app(services, HttpLimits(), AnswerSlots(1)).test_client()
    assert "[DONE]" in client.post("/v1/chat/completions", json=ASKING).text
    services.launcher.workers[0].kill()
    return client.get("/metrics").text


def test_the_page_names_every_metric_and_no_other() -> None:
    names = set(re.findall(r"^# TYPE (\w+)", told(), re.M))
    assert set(documented()) == names
    assert len(names) > 30


def test_the_page_names_the_labels() -> None:
    page = documented()
    for name, inside in re.findall(r"^(mlxk_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? ", told(), re.M):
        labels = set(re.findall(r'(\w+)="', inside)) - {"le"}
        if name != "mlxk_front_resident_bytes":
            assert labels == page[name], name


def test_the_page_says_which_are_histograms() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    said = {line.split("`")[1] for line in lines if line.startswith("| `mlxk_") and "| histogram: " in line}
    assert said == set(HISTOGRAMS)
