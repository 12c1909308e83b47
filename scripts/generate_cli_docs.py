"""Writes docs/cli.md from the option table: `python -m scripts.generate_cli_docs`. A test keeps the page current."""

from __future__ import annotations

from pathlib import Path

from entrypoints.cli.grammar import Command
from entrypoints.cli.help import ABOUT, option_help
from entrypoints.cli.options import ALONE, COMMANDS, EVERYWHERE

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

INTRODUCTION = f"""\
# The command line

<!-- Made by `make docs` from entrypoints/cli/options.py: change that, not this page. -->

{ABOUT}

Options may stand anywhere after their command, as `--name value` or `--name=value`; `--` ends them. Everything is
checked before anything is done. Results go to standard output, remarks and errors to standard error. What `--json`
prints is specified in [json-api.md](json-api.md), with the exit codes.
"""


def page() -> str:
    """The whole page."""
    overview = _table(
        ("Command", "What it does"), [(f"[`{each.name}`](#mlxk-{each.name})", each.summary) for each in COMMANDS]
    )
    everywhere = _table(("Everywhere", ""), [(f"`{each.usage}`", each.help) for each in EVERYWHERE])
    alone = _table(("Without a command", ""), [(f"`{each.usage}`", each.help) for each in ALONE])
    return "\n".join([INTRODUCTION, overview, everywhere, alone, *map(section, COMMANDS)])


def section(command: Command) -> str:
    """A command's part of the page."""
    parts = [f"## mlxk {command.name}\n", f"```text\n{command.usage}\n```\n", f"{_sentence(command.summary)}\n"]
    if command.aliases:
        parts.append(f"Also: {', '.join(f'`mlxk {alias}`' for alias in command.aliases)}.\n")
    parts += [f"{text}\n" for text in command.details]
    rows = [(f"`{each.usage}`", each.help) for each in command.positionals]
    rows += [(f"`{each.usage}`", option_help(each)) for each in command.options]
    if rows:
        parts.append(_table(("Word or option", "Meaning"), rows))
    if command.examples:
        parts.append("```sh\n" + "\n".join(command.examples) + "\n```\n")
    return "\n".join(parts)


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = [head, ("---", "---"), *rows]
    return "".join(f"| {left} | {right} |\n" for left, right in ((_cell(a), _cell(b)) for a, b in lines))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
