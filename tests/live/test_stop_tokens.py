"""What each text model stops at, and that nobody reads it. build/stop_token_config_report.json has what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.reporting.whole_file import write_whole
from tests.plugins.live_house import MakeHouse
from tests.plugins.portfolio import Portfolio
from tests.support.benchmark_facts import BenchmarkFacts
from tests.support.model_copy import snapshot_of
from tests.support.portfolio import Kind, PortfolioModel
from tests.support.stop_tokens import configured_stops, last_tokens

pytestmark = [pytest.mark.live, pytest.mark.live_stop_tokens]
REPORT = Path(__file__).resolve().parents[2] / "build" / "stop_token_config_report.json"
PROMPTS = ("Who are you?", "Say hello.")


@pytest.fixture(scope="module")
def report(portfolio: Portfolio) -> Iterator[dict[str, Any]]:
    """Written when the module is through. A model that no test reached counts as skipped."""
    found: dict[str, Any] = {"models": {}, "skipped_models": []}
    yield found
    names = [each.name for each in portfolio[Kind.TEXT]]
    found["skipped_models"] = [name for name in names if name not in found["models"]]
    REPORT.parent.mkdir(exist_ok=True)
    write_whole(REPORT, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def test_an_answer_ends_at_a_stop_token_that_the_models_files_declare_and_does_not_show_it(
    house_of: MakeHouse, text_model_info: PortfolioModel, report: dict[str, Any], benchmark_facts: BenchmarkFacts
) -> None:
    house = house_of(text_model_info)
    assert text_model_info.home is not None
    stops = configured_stops(snapshot_of(text_model_info.home / "hub", text_model_info.name))
    detected: dict[int, str] = {}
    leaked = False
    for prompt in PROMPTS:
        words = ("run", text_model_info.name, prompt, "--temperature", "0", "--max-tokens", "200", "--verbose")
        done = house.run(*words)
        assert done.returncode == 0, done.stderr
        answer, told = done.stdout.decode(), done.stderr.decode()
        if "ended by stop" in told:
            token, text = last_tokens(told)[-1]
            detected[token] = text
        leaked = leaked or any(text and text in answer for text in stops.values())
    facts = {"configured": stops, "detected": detected, "leaked": leaked}
    report["models"][text_model_info.name] = facts
    benchmark_facts.stop_tokens(list(stops.values()), list(detected.values()), leaked=leaked)
    assert not leaked, facts
    assert set(detected) <= set(stops), f"it stops at a token that its files do not declare: {facts}"
