"""Writes the generated parts of docs/testing.md and docs/testing-details.md: `python -m scripts.generate_testing_docs`.

A part lies between `<!-- made: NAME -->` and `<!-- end -->`; the rest of a page is written by hand. A test keeps the
parts current.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from domain.serving.memory_policy import GIB, portfolio_budget_bytes
from tests.plugins.live_groups import HUB_FAULTS
from tests.support.live_environment import VARIABLES
from tests.support.live_markers import ALONE, LIVE, NIGHTLY, SPEC, SPECIFIC, WET, is_wet, selects
from tests.support.portfolio.documented import AUDIO_TEST_MODELS, TEST_MODELS, VISION_TEST_MODELS
from tests.support.portfolio.miniatures import miniatures

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "docs" / "testing.md", ROOT / "docs" / "testing-details.md")
TARGETS = ("check", "test", "wet", "nightly", "lint", "types", "imports", "models", "docs")
DEFAULT, CHECK, UMBRELLA = "not live", "not nightly and not live", "live and "
_PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def targets() -> str:
    """What `make help` says of them."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    told = {line.partition(":")[0]: line.partition("## ")[2] for line in lines if re.match(r"[a-z]+:.*## ", line)}
    return table(("target", "what it does"), ((f"`make {name}`", told[name]) for name in TARGETS))


def markers() -> str:
    """Which test runs where, by its markers and its place: read off the rules themselves."""
    cases: list[tuple[str, set[str], bool]] = [
        ("none, or `spec`", {SPEC}, False),
        ("`nightly`", {NIGHTLY}, False),
        ("`live`, under tests/live", {LIVE}, True),
        *((f"`live`, `{name}`", {LIVE, name}, True) for name in SPECIFIC),
    ]
    rows = []
    for words, marks, in_folder in cases:
        everything = marks | ({WET} if is_wet(marks, in_folder) else set())
        groups = [name for name in (WET, *ALONE) if selects(f"{UMBRELLA}{name}", everything)]
        group = groups[0] if groups else ""
        rows.append(
            (words, *(_yes(selects(each, everything)) for each in (DEFAULT, CHECK)), f"`{group}`" if group else "")
        )
    rows.append(("a specific one without `live`", "refused", "refused", "refused"))
    return table(("markers", "`pytest`", "`make check`", "`make wet`, in the process"), rows)


def meanings() -> str:
    return table(("marker", "what is tested"), ((f"`{name}`", words) for name, words in SPECIFIC.items()))


def variables() -> str:
    rows = ((f"`{name}`", _default(default), words) for name, (default, words) in VARIABLES.items())
    return table(("variable", "default", "meaning"), rows)


def models() -> str:
    """The documented real models, and the miniatures."""
    real = {
        "TEST_MODELS": TEST_MODELS,
        "VISION_TEST_MODELS": VISION_TEST_MODELS,
        "AUDIO_TEST_MODELS": AUDIO_TEST_MODELS,
    }
    rows = [(f"`{model}`", f"`{name}`", f"{size:g} GB") for name, each in real.items() for model, size in each.items()]
    small = [(f"`{each.name}`", each.kind.value, "miniature") for each in miniatures()]
    return table(("model", "set or kind", "size"), [*rows, *small])


def budgets() -> str:
    """RAM of a machine, and what a text model may need there."""
    sizes = (16, 24, 32, 48, 64, 96, 128)
    rows = (
        (f"{size} GiB", f"{portfolio_budget_bytes(size * GIB) / GIB:g} GiB", f"{size * 0.7:.1f} GiB") for size in sizes
    )
    return table(("RAM", "a text model, its size and a fifth", "a vision model"), rows)


def folders() -> str:
    """The folders below tests, with the first words of a README or of the docstring of what they hold."""
    rows = []
    for name, words in FOLDERS.items():
        assert (ROOT / "tests" / name).is_dir(), name
        rows.append((f"`tests/{name}/`", words))
    return table(("folder", "what is in it"), rows)


def plugins() -> str:
    """The modules of tests/plugins, by their docstrings."""
    rows = []
    for path in sorted((ROOT / "tests" / "plugins").glob("*.py")):
        words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        rows.append((f"`{path.name}`", words.partition("\n\n")[0].replace("\n", " ")))
    return table(("module", "what it is for"), rows)


def faults() -> str:
    return ", ".join(f"`{each}`" for each in sorted(HUB_FAULTS)) + ".\n"


FOLDERS: Mapping[str, str] = {
    "unit": "rules and use cases, in memory",
    "contracts": "what every implementation of a port does, the fakes too",
    "adapters": "one outside thing each: the disk, the hub's protocol, MLX, processes",
    "functional": "the command line and the server, whole",
    "spec": "documents, schemas and examples against the program",
    "architecture": "layers, sizes of modules, the workflow",
    "isolation": "the test system itself: caches, markers, portfolios, the server of live tests",
    "live": "real models, or miniatures in their place; nothing of it runs unless asked for",
    "plugins": "what pytest is taught",
    "support": "what tests share: miniature models, a hub, servers, fakes",
    "assets": "small trained models, committed with their recipes",
}
PARTS: Mapping[str, Callable[[], str]] = {
    each.__name__: each for each in (targets, markers, meanings, variables, models, budgets, folders, plugins, faults)
}


def renewed(text: str) -> str:
    """A page with its parts made again. Raises KeyError for a part that nobody makes."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[3]}", text)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |\n" for line in lines)


def _yes(value: bool) -> str:
    return "runs" if value else "no"


def _default(text: str) -> str:
    return f"`{text}`" if text and " " not in text and not text.startswith("`") else text


def main() -> None:
    for page in PAGES:
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {page.name}")


if __name__ == "__main__":
    main()
