"""`mlxk serve`: flags that say how the model given by --model is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import MlxkError
from domain.serving.load_wishes import LoadWishes
from entrypoints.http.front import Serving
from entrypoints.settings import Settings, load_settings
from tests.support.fakes.cli_services import FakeServices, Line, report

MODELS = (report("mlxk/demo"), report("org/Small"), report("org/Broken", health_reason="config.json missing"))
NUMBERS = ("draft_ngram", "draft_tokens", "kv_bits", "kv_group_size", "max_kv_size")


class Server:
    """Notes its settings."""

    def __init__(self) -> None:
        self.settings: Settings | None = None

    def __call__(
        self, settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]
    ) -> int:
        self.settings = settings
        return 0


def serve(*argv: str, **environ: str) -> tuple[int, dict[str, str], LoadWishes | None]:
    server = Server()
    seen = Line(FakeServices(MODELS), server=server, environ=environ).run("serve", *argv, "--json")
    error = json.loads(seen.out)["error"] if seen.out else {}
    return seen.code, error, None if server.settings is None else server.settings.loading.wishes


def test_the_flags_become_wishes() -> None:
    code, _, wishes = serve(
        *[
            "--model",
            "demo",
            "--draft-model",
            "Small",
            "--draft-tokens",
            "5",
            "--kv-bits",
            "4",
            "--kv-group-size",
            "32",
        ],
        "--adapter",
        "x y",
    )
    assert code == 0
    assert wishes == LoadWishes(adapter="x y", draft_model="Small", draft_tokens=5, kv_bits=4, kv_group_size=32)
    assert serve("--model", "demo", "--max-kv-size", "256")[2] == LoadWishes(max_kv_size=256)
    assert serve("--model", "demo", MLXK_DRAFT_NGRAM="3")[2] == LoadWishes(draft_ngram=3)


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ("--kv-bits 4", 2, "--kv-bits says how a model is loaded, and no model is given"),
        ("--model demo --kv-bits 5", 1, "--kv-bits must be one of"),
        ("--model demo --kv-bits four", 2, "--kv-bits"),
        ("--model demo --draft-model Small --draft-ngram 2", 1, "--draft-model and --draft-ngram exclude each other"),
        ("--model demo --draft-model xyzzy", 1, "xyzzy"),
        ("--model demo --draft-model Broken", 1, "org/Broken cannot be used"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_listens(argv: str, code: int, words: str) -> None:
    found, error, wishes = serve(*argv.split())
    assert (found, wishes) == (code, None)
    assert words in error["message"]


def test_every_wish_has_a_variable_of_its_own(tmp_path: Path) -> None:
    numbers = {name.upper(): str(value) for value, name in enumerate(NUMBERS, start=2)}
    words = {"ADAPTER": "a", "DRAFT_MODEL": "b"}
    loading = load_settings({}, {f"MLXK_{name}": value for name, value in (words | numbers).items()}).loading
    wanted: dict[str, Any] = {"adapter": "a", "draft_model": "b", **dict(zip(NUMBERS, range(2, 7), strict=True))}
    assert loading.wishes == LoadWishes(**wanted)
    assert len(loading.given) == 7
