"""Both ends of the libraries that pyproject.toml allows."""

from __future__ import annotations

import re
import sys
import tomllib
from enum import StrEnum
from pathlib import Path

# What the MLX libraries are called, in the order of the table.
MLX = ("mlx", "mlx-lm", "mlx-vlm", "mlx-audio")
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9-]+)(?P<extra>\[[^\]]*\])?>=(?P<floor>[0-9.]+)(?:,<[0-9.]+)?")


class Libraries(StrEnum):
    """OLDEST: every dependency that mlxk names itself, at the lowest version that it allows."""

    OLDEST = "oldest"
    NEWEST = "newest"


def extra() -> str:
    """What is installed beside mlxk: the tests' own needs, and on Linux MLX's library for the CPU."""
    return "[dev]" if sys.platform == "darwin" else "[cpu,dev]"


def floors(pyproject: Path) -> tuple[str, ...]:
    """`name==lowest` of each dependency, as pip's constraints. Raises ValueError for one that has no lower bound."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *([] if sys.platform == "darwin" else project["optional-dependencies"]["cpu"])]
    found = []
    for requirement in named:
        hit = _REQUIREMENT.fullmatch(requirement)
        if hit is None:
            raise ValueError(f"{requirement} in {pyproject.name} does not say its lowest version as name>=version")
        found.append(f"{hit['name']}=={hit['floor']}")
    return tuple(dict.fromkeys(found))


def wheels_wanted(pyproject: Path) -> tuple[str, ...]:
    """The requirements whose wheels decide whether a Python can be tested at all."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return tuple(each for each in project["dependencies"] if each.startswith("mlx>="))
