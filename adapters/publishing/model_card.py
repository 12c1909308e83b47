"""ModelCard with PyYAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

FENCE = "---"


class YamlModelCard:
    """ModelCard."""

    def front_matter(self, readme: str) -> Mapping[str, object]:
        block, _ = _split(readme)
        try:
            value: Any = yaml.safe_load(block)
        except (yaml.YAMLError, RecursionError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def completed(self, readme: str, additions: Mapping[str, object]) -> str:
        _, text = _split(readme)
        values = {**self.front_matter(readme), **additions}
        block = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False)
        return f"{FENCE}\n{block}{FENCE}\n{text}"


def _split(readme: str) -> tuple[str, str]:
    """The block without its fences ("" when there is none) and what follows."""
    lines = readme.lstrip("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != FENCE:
        return "", readme
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == FENCE:
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    return "", readme
