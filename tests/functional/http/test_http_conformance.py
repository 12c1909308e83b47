"""The server keeps to its own OpenAPI document, whatever it is sent: Schemathesis against real models."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.described_server import described_server, strict_document

PHASES = "examples,coverage,fuzzing"
# Fields that contradict one another, or the model, are refused, which no schema says: valid data may meet a 400. 504 is
# the answer to a deadline that nobody could keep. Arguments of paths and queries are text, whatever their type: a list
# there is its items with commas, and unknown names are let pass, as clients of the hub want it.
RULES = """\
[checks]
positive_data_acceptance.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "504"]

[[operations]]
include-tag = "share"
checks.negative_data_rejection.enabled = false
"""


class Described:
    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        document = json.dumps(strict_document(url))
        (home / "openapi.json").write_text(document, encoding="utf-8")
        (home / "schemathesis.toml").write_text(RULES, encoding="utf-8")

    def tried(self, *arguments: str) -> str:
        """What Schemathesis says; "" when it found nothing."""
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
            *("run", "openapi.json", "--url", self.url, "--no-color", "--warnings", "off"),
            *("--generation-deterministic", *arguments),
        ]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout[-6000:] + done.stderr[-2000:]

    def log(self) -> str:
        return (self.home / "log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    home = tmp_path_factory.mktemp("described")
    with described_server(home) as url:
        yield Described(url, home)


def test_no_request_breaks_the_server_or_its_word(described: Described) -> None:
    twice = ("--exclude-operation-id", "explainPrompt")  # its body is a chat's
    found = described.tried("--phases", PHASES, "--max-examples", "5", "--no-shrink", *twice)
    assert found == "", found
    assert "Traceback" not in described.log()


@pytest.mark.nightly
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_many_requests_do_not_either(described: Described, mode: str) -> None:
    found = described.tried("--phases", PHASES, "--max-examples", "400", "--mode", mode)
    assert found == "", found
    assert "Traceback" not in described.log()
