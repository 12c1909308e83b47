"""A server under mixed load and faults for a while, and a ledger of what became of every request."""

from tests.support.soak.report import Report
from tests.support.soak.storm import soak

__all__ = ["Report", "soak"]
