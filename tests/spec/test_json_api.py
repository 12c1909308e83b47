"""docs/json-api.md, docs/json-api-schema.json and what the commands really print are one and the same."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from domain.catalog import ModelSource
from domain.errors import AmbiguousModel, EngineDied, MlxkError, leaves
from domain.inference import TextDelta
from entrypoints.cli.envelope import SPEC_VERSION
from entrypoints.cli.errors import EXIT_CODES
from entrypoints.cli.options import COMMANDS
from tests.support.fakes.cli_services import EARS, EMBEDDER, VOICE, FakeServices, Line, report, spoken
from tests.support.fakes.prefix_store import FakePrefixStore, prompts_of
from tests.support.fakes.server_processes import FakeProcesses, server_entry

pytestmark = pytest.mark.spec

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "json-api.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((DOCS / "json-api-schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLES: list[dict[str, Any]] = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
HASH = "sha256:" + "0a" * 32
SPOKEN = Path(tempfile.gettempdir()) / "mlxk-json-api.wav"
SOUND = Path(__file__).resolve()  # a file that is there: nobody listens

MODELS = (
    report("mlx-community/Good"),
    report("org/Gguf", reason="Incompatible framework: GGUF", framework="GGUF"),
    report("org/Broken", health_reason="config.json missing", framework="Unknown", capabilities=()),
    report("mlxk/demo", source=ModelSource.BUILTIN),
    EMBEDDER,
    EARS,
    VOICE,
    report("./plain", source=ModelSource.WORKSPACE),
    report(
        "managed",
        source=ModelSource.WORKSPACE,
        origin="org/x",
        content_hash=HASH,
        hash_modified="2026-05-03T18:12:09Z",
        clean=False,
        managed=True,
        dropped={"vision": "mlx-vlm is missing"},
        findings=("README.md is not UTF-8",),
    ),
)
COMMAND_LINES = (
    ("list",),
    ("bench", "demo", "--prompt-tokens", "50", "--batch", "2", "--answer-tokens", "11", "--runs", "1"),
    ("list", "org", "--vision"),
    ("show", "Good"),
    ("show", "Good", "--files"),
    ("show", "Good", "--config"),
    ("show", "Broken"),
    ("show", "managed"),
    ("health",),
    ("health", "Broken", "--strict"),
    ("show", "org/far", "--remote"),
    ("pull", "org/far"),
    ("pull", "org/far", "--dry-run", "--include", "*.json"),
    ("search", "far", "away"),
    ("verify", "org/far"),
    ("outdated",),
    ("prune", "--yes"),
    ("prune", "--dry-run"),
    ("rm", "mlx-community/Good"),
    ("rm", "Good", "--dry-run"),
    ("rm", "Good@abcdef0", "--yes"),
    ("show", "managed", "--recalc-hash"),
    ("show", "managed", "--deep", "--files"),
    ("clone", "org/far", "mine"),
    ("clone", "org/far", "--no-health-check"),
    ("convert", "ws", "out", "--quantize", "4"),
    ("convert", "ws", "out", "--repair-index", "--skip-health"),
    ("doctor", "ws"),
    ("doctor", "ws", "--fix"),
    ("doctor", "ws", "--undo"),
    ("push", "ws", "me/mine", "--private"),
    ("push", "ws", "me/mine", "--public", "--branch", "same", "--verbose"),
    ("push", "ws", "me/mine", "--private", "--dry-run"),
    ("push", "ws", "me/mine", "--private", "--check-only"),
    ("run", "demo", "Who are you?"),
    ("transcribe", "org/ears", str(SOUND)),
    ("transcribe", "org/ears", str(SOUND), "--timestamps", "word", "--translate"),
    ("speak", "org/voice", "Mind the gap.", "--output", str(SPOKEN)),
    ("embed", "embedder", "a text", "another"),
    ("rerank", "reranker", "a question", "a document"),
    ("embed-serve", "org/embedder"),
    ("serve", "--model", "demo"),
    ("serve", "--print-config"),
    ("status",),
    ("status", "--port", "1"),
    ("stop", "--port", "8000"),
    ("stop", "--all", "--force"),
    ("logs",),
    ("logs", "--port", "8000", "-n", "1"),
    ("service", "install"),
    ("service", "install", "--print"),
    ("service", "install", "--now"),
    ("service", "uninstall"),
    ("service", "status"),
    ("cache",),
    ("cache", "clear"),
    ("cache", "clear", "Good", "--dry-run"),
    ("completion", "zsh"),
    ("version",),
    ("--version",),
    ("help",),
    ("help", "run"),
    ("serve", "--help"),
)
WRONG_LINES = (
    (),
    ("lsit",),
    ("list", "--al"),
    ("show",),
    ("show", "xyzzy"),
    ("prune",),
    ("search",),
    ("search", "x", "--limit", "0"),
    ("show", "Good", "--hub", "http://x"),
    ("rm", "Good"),
    ("convert", "ws", "out", "--quantize", "5"),
    ("doctor", "ws", "--fix", "--undo"),
    ("push", "ws", "me/mine"),
    ("push", "ws", "me/mine", "--private", "--public"),
    ("bench", "demo", "--batch", "none"),
    ("run", "demo"),
    ("run", "demo", "x", "--temperature", "9"),
    ("embed", "embedder"),
    ("embed", "embedder", "a", "--dimensions", "0"),
    ("rerank", "reranker", "a question"),
    ("speak", "org/voice", "Mind the gap."),
    ("speak", "org/voice", "Mind the gap.", "--output", "/nowhere/gap.wav"),
    ("embed-serve",),
    ("embed-serve", "Good"),
    ("serve", "--embed-backend", "http://10.0.0.1:8002"),
    ("serve", "--port", "x"),
    ("serve", "--config", "/nowhere/mlxk.toml"),
    ("stop",),
    ("stop", "--port", "9999"),
    ("stop", "--port", "8000", "--all"),
    ("logs", "--port", "9999"),
    ("logs", "-f"),
    ("service",),
    ("service", "start"),
    ("service", "status", "--now"),
    ("cache", "--dry-run"),
    ("cache", "clear", "nowhere"),
    ("completion", "csh"),
)


LOGS = {"folder": Path("/nowhere")}


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has logged in the background."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/server-8000.log").write_text("[INFO] one\n[INFO] two\n")
    monkeypatch.setitem(LOGS, "folder", tmp_path)


def line() -> Line:
    services = FakeServices(MODELS, answers=[spoken("I am", " mlxk.")])
    services.processes = FakeProcesses(server_entry(8000), server_entry(9000, 4715))
    services.state_dir = LOGS["folder"]
    services.prompts = FakePrefixStore(prompts_of("mlx-community/Good"), replace(prompts_of(""), revision=None))
    return Line(services)


def checked(text: str) -> dict[str, Any]:
    """The one envelope in this output, valid against the schema."""
    envelope: dict[str, Any] = json.loads(text)
    VALIDATOR.validate(envelope)
    return envelope


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("argv", COMMAND_LINES, ids=" ".join)
def test_what_a_command_prints_is_as_specified(argv: tuple[str, ...]) -> None:
    envelope = checked(line().run(*argv, "--json").out)
    assert envelope["status"] == "success"


@pytest.mark.parametrize("argv", WRONG_LINES, ids=lambda argv: " ".join(argv) or "nothing")
def test_what_a_wrong_line_prints_is_as_specified(argv: tuple[str, ...]) -> None:
    envelope = checked(line().run(*argv, "--json").out)
    assert envelope["status"] == "error"


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_every_error_prints_as_specified(kind: type[MlxkError]) -> None:
    fault = kind("what happened", hint="the way out", matches=["a", "b"], detail={"count": 2})
    seen = Line(services_fault=fault).run("list", "--json")
    assert checked(seen.out)["error"]["type"] == kind.type
    assert seen.code == EXIT_CODES[kind]


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_the_page_names_every_error(kind: type[MlxkError]) -> None:
    table = PAGE.partition("### Errors")[2].partition("### Exit codes")[0]
    rows = [row for row in table.splitlines() if f"`{kind.type}`" in row]
    assert rows
    assert kind.code == kind.type or any(f"`{kind.code}`" in row for row in rows)


def test_every_command_was_tried_and_is_described() -> None:
    names = {command.name for command in COMMANDS}
    assert {line[0].removeprefix("--") for line in COMMAND_LINES} == names
    assert {name for name in SCHEMA["properties"]["command"]["enum"] if name} == names
    assert names <= set(re.findall(r"^## ([\w-]+)$", PAGE, re.MULTILINE))
    assert {example["command"] for example in EXAMPLES if example["status"] == "success"} == names


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["command"]))
def test_every_example_is_as_specified(example: dict[str, Any]) -> None:
    VALIDATOR.validate(example)


def test_page_schema_and_code_agree_on_the_version() -> None:
    stated = json.loads(line().run("version", "--json").out)["data"]["json_api_spec_version"]
    assert stated == SPEC_VERSION
    assert f"Specification {SPEC_VERSION}." in PAGE
    assert f"## What {SPEC_VERSION} adds" in PAGE
    assert SPEC_VERSION in SCHEMA["description"]
    assert SCHEMA["$id"].endswith(SPEC_VERSION)
    assert SCHEMA["$defs"]["version"]["properties"]["json_api_spec_version"] == {"const": SPEC_VERSION}


def broken(change: str) -> dict[str, Any]:
    """The list example with one thing wrong."""
    example: dict[str, Any] = json.loads(
        json.dumps(next(each for each in EXAMPLES if each["command"] == "list" and each["status"] == "success"))
    )
    model = example["data"]["models"][0]
    match change:
        case "no time zone":
            model["last_modified"] = "2026-04-15T08:23:41"
        case "a reason although it runs":
            model["reason"] = "why"
        case "no reason although it does not run":
            model["runtime_compatible"] = False
        case "a missing field":
            del model["size_bytes"]
        case "a workspace in the cache":
            model["clean"] = True
        case "an error beside success":
            example["error"] = {"type": "x", "message": "y"}
        case "a foreign field in the envelope":
            example["extra"] = 1
        case "the data of another command":
            example["command"] = "show"
    return example


@pytest.mark.parametrize(
    "change",
    [
        "no time zone",
        "a reason although it runs",
        "no reason although it does not run",
        "a missing field",
        "a workspace in the cache",
        "an error beside success",
        "a foreign field in the envelope",
        "the data of another command",
    ],
)
def test_the_schema_refuses(change: str) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate(broken(change))


def test_an_error_that_carries_matches_is_as_the_page_shows_it() -> None:
    fault = AmbiguousModel("'q' can mean 2 models", hint="name one of them in full", matches=["a/q1", "a/q2"])
    envelope = checked(Line(services_fault=fault).run("list", "--json").out)
    example = next(each for each in EXAMPLES if each["error"] and each["error"]["type"] == "ambiguous_match")
    assert envelope["error"].keys() == example["error"].keys()


def test_a_stream_that_breaks_still_gives_one_envelope() -> None:
    services = FakeServices(MODELS, answers=[[TextDelta("I"), EngineDied("the engine ended")]])
    assert checked(Line(services).run("run", "demo", "x", "--json").out)["status"] == "error"
