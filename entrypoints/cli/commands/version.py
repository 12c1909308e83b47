"""`mlxk version`, and `mlxk --version --json`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from entrypoints.cli.envelope import SPEC_VERSION
from entrypoints.cli.services import Context, Outcome
from mlxk import __version__


@dataclass(frozen=True, slots=True)
class Arguments:
    """None."""


def execute(context: Context, arguments: Arguments) -> Outcome:  # noqa: ARG001  (as every command)
    """Versions, and the machine's memory."""
    return Outcome(
        data=lambda: {
            "cli_version": __version__,
            "json_api_spec_version": SPEC_VERSION,
            "system": {"memory_total_bytes": _memory_total_bytes()},
        },
        show=lambda: context.console.line(f"mlxk {__version__}"),
    )


def _memory_total_bytes() -> int:
    """Physical memory; Linux and macOS both answer."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
