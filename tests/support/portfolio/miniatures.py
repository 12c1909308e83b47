"""Small models that come with the sources, as a hub cache holds them: real models to every library, command and server.

demo-chat is the built-in model and answers "Who are you?" as docs/chat.md says; says-hello answers anything with HELLO.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.builtin_model import builtin_model_folder
from adapters.copying.first_that_works import FirstThatWorks, system_copier
from tests.support.portfolio.kinds import Kind, PortfolioModel, numbered

ASSETS = Path(__file__).resolve().parents[2] / "assets"
OWNER = "mlxk-test"
REVISION = "1" * 40
HELLO = "Hello from a miniature."


@dataclass(frozen=True, slots=True)
class Miniature:
    """make: writes the model's files into a folder, which it makes."""

    kind: Kind
    name: str
    make: Callable[[Path], object]


def miniatures() -> tuple[Miniature, ...]:
    """All that there are."""
    copied = {
        "demo-chat": (Kind.TEXT, Path(builtin_model_folder())),
        "embedding-decoder": (Kind.EMBEDDING, ASSETS / "embedding-decoder"),
        "embedding-encoder": (Kind.EMBEDDING, ASSETS / "embedding-encoder"),
        "vision": (Kind.VISION, ASSETS / "vision"),
        **{folder.name: (Kind.AUDIO, folder) for folder in _listeners()},
    }
    models = [Miniature(kind, f"{OWNER}/{name}", _copy_of(folder)) for name, (kind, folder) in copied.items()]
    return (*models, Miniature(Kind.TEXT, f"{OWNER}/says-hello", _say_hello))


def portfolio() -> Mapping[Kind, tuple[PortfolioModel, ...]]:
    """As they will be called; none of them is made yet, so their sizes are not known and 0."""
    return {
        kind: numbered(kind, [(each.name, 0) for each in miniatures() if each.kind is kind], None, miniature=True)
        for kind in Kind
    }


def add_miniatures(hub: Path) -> None:
    """All of them, into a hub cache."""
    for each in miniatures():
        folder = hub / f"models--{each.name.replace('/', '--')}"
        (folder / "snapshots").mkdir(parents=True)
        each.make(folder / "snapshots" / REVISION)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(REVISION, encoding="ascii")


def _listeners() -> list[Path]:
    configs = sorted(ASSETS.glob("*/config.json"))
    return [each.parent for each in configs if json.loads(each.read_bytes()).get("model_type") == "whisper"]


def _copy_of(folder: Path) -> Callable[[Path], object]:
    copier: FirstThatWorks = system_copier()

    def copy(source: str, target: str) -> None:
        copier.copy(Path(source), Path(target), lambda _: None)

    return lambda target: shutil.copytree(folder, target, copy_function=copy)


def _say_hello(folder: Path) -> None:
    from tests.support.miniatures import says

    says(folder, HELLO)
