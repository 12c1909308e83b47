"""Asks `mlxk list --json`, as a process, what a cache has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.portfolio import miniatures
from tests.support.portfolio.kinds import Kind, PortfolioModel, portfolio_of

PROGRAM = Path(__file__).resolve().parents[3] / "mlxk" / "__main__.py"
PATIENCE_SECONDS = 120


class CannotList(Exception):
    """`mlxk list --json` failed: what it said."""


def listed(home: Path) -> list[dict[str, Any]]:
    """The models that HF_HOME=home has. What mlxk keeps for itself goes to a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as own:
        place = {"HOME": own, "XDG_CACHE_HOME": own, "XDG_STATE_HOME": own, "HF_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, str(PROGRAM), "list", "--json"],
            env={"PATH": os.environ.get("PATH", ""), **place}, cwd=own,
            capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
    if done.returncode != 0:
        raise CannotList(f"mlxk list --json ended with {done.returncode}: {done.stdout}{done.stderr}")
    models: list[dict[str, Any]] = json.loads(done.stdout)["data"]["models"]
    return models


def discover(user_home: Path | None) -> Mapping[Kind, tuple[PortfolioModel, ...]]:
    """Every kind: the user's models; miniatures where there are none. user_home: None when it may not be read.

    Raises CannotList.
    """
    real = {} if user_home is None or not user_home.is_dir() else portfolio_of(listed(user_home), user_home)
    return {kind: real.get(kind) or small for kind, small in miniatures.portfolio().items()}
