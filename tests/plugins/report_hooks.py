"""What a conftest.py may decide about benchmark reports."""

from __future__ import annotations

import pytest

from benchmarks.reporting.machine import Machine


@pytest.hookspec(firstresult=True)
def pytest_benchmark_machine(config: pytest.Config) -> Machine | None:
    """The machine that the tests run on; None leaves it to the next one, and at last to the machine itself."""
