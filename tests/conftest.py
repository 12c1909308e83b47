"""For every test."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = (
    "tests.plugins.isolation",
    "tests.plugins.markers",
    "tests.plugins.portfolio",
    "tests.plugins.live_house",
    "tests.plugins.live_groups",
    "tests.plugins.report_plugin",
)

# A busy machine is slow, and that makes no property false: nothing is judged by the time it takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell starts what runs in its background deaf to Ctrl-C, and so would be every process that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup makes deaf to the closing of a terminal in the same way. This process goes on; those it starts hear it.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
