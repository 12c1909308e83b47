"""A real server under everything at once: no request is lost without an error, and nothing grows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.soak import soak

SEED = 8

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_under_load_and_kills_every_request_ends_in_its_answer_or_an_error(tmp_path: Path) -> None:
    report = soak(tmp_path, seconds=12, seed=SEED, freeze=False, rests=2)
    assert not report.complaints(), report.text()
    assert report.ledger.counts()["seeded and right"] > 10, report.text()


@pytest.mark.nightly
def test_ten_minutes_under_load_and_kills_lose_no_request_and_nothing_grows(tmp_path: Path) -> None:
    report = soak(tmp_path, seconds=600, seed=SEED, freeze=True, rests=20)
    print(report.text())
    assert not report.complaints(), report.text()
