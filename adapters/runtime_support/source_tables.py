"""Constants of a Python source file, read without running it."""

from __future__ import annotations

import re
from pathlib import Path


def read_constant(path: Path, name: str) -> object:
    """The value of a module-level `name = <literal>`; None when the file has none or cannot be read.

    The statement is cut out by its lines first: parsing a whole module of thousands of lines takes 60 ms.
    """
    source = read_source(path)
    value = _value_of(_statement(source, name), name)
    return _value_of(source, name) if value is None else value


def read_source(path: Path) -> str:
    """The file's text, "" when it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def offers(source: str, name: str) -> bool:
    """Whether the module defines, assigns or imports `name` at its top level, as far as its text tells."""
    if f"\nclass {name}(" in source or f"\nclass {name}:" in source or f"\n{name} = " in source:
        return True
    return any(name in _imported_names(line) for line in _import_statements(source))


def _statement(source: str, name: str) -> str:
    start = source.find(f"\n{name} = ") + 1
    if start == 0 and not source.startswith(f"{name} = "):
        return ""
    lines = source[start:].splitlines()
    taken = [lines[0]]
    for line in lines[1:]:
        if line and not line[0].isspace() and line[0] not in "})]#":
            break
        taken.append(line)
    return "\n".join(taken)


def _value_of(source: str, name: str) -> object:
    import ast  # 5 ms that a listing without a new model does not spend

    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    for statement in statements:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            try:
                return ast.literal_eval(statement.value)
            except (ValueError, SyntaxError, TypeError, RecursionError):
                return None
    return None


def _import_statements(source: str) -> list[str]:
    """`from x import ...` statements at the top level, brackets joined into one line each."""
    statements: list[str] = []
    lines = iter(source.splitlines())
    for line in lines:
        if not line.startswith("from "):
            continue
        text = line.partition("#")[0]
        while "(" in text and ")" not in text:
            more = next(lines, None)
            if more is None:
                break
            text += more.partition("#")[0]
        statements.append(text)
    return statements


def _imported_names(statement: str) -> set[str]:
    names = statement.partition(" import ")[2].strip("() ").split(",")
    return {each.split(" as ")[-1].strip() for each in names}


def demanded_packages(source: str) -> set[str]:
    """Top-level packages that the module cannot do without: it imports them unconditionally, or ends when it cannot."""
    ends = "exit(" in source and re.search(r"\n {4}(?:sys\.)?exit\(", source)
    pattern = r"\n(?:    )?(?:import|from) (\w+)" if ends else r"\n(?:import|from) (\w+)"
    return set(re.findall(pattern, "\n" + source))
