"""The mixed quantisation recipes of the installed mlx-lm, read from its source: importing it takes a second."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path


def mixed_recipes() -> tuple[str, ...]:
    """() when mlx-lm is not installed or keeps them elsewhere."""
    spec = find_spec("mlx_lm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            tree = ast.parse(Path(folder, "convert.py").read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):
            continue
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(ast.unparse(each) == "QUANT_RECIPES" for each in node.targets):
                return _strings(node.value)
    return ()


def _strings(node: ast.expr) -> tuple[str, ...]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return ()
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()
