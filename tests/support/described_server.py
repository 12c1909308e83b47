"""A real server that shares one model, and its own document made strict: for tools that try everything it says."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adapters.builtin_model import builtin_model_folder

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("demo", "mlxk/demo", "acme/model", "mine", "none/such", "a/b/c")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECONDS = 120.0
# What is tried of arguments in paths and queries: some that are there, some that are not.
TRIED: Mapping[str, tuple[str, ...]] = {
    "model_id": MODELS,
    "owner": ("acme", "none"),
    "name": ("model", "such"),
    "revision": ("main", COMMIT, "nope"),
    "folder": ("none", "a/b"),
    "path": ("config.json", "model.safetensors", "nope.txt", "a/b"),
    "search": ("model", "none"),
}
CONFIG = """\
aliases = {{ mine = "demo" }}
[server]
port = 0
share = true
max_tokens = 4
cache_ram = "64MB"
"""


@contextlib.contextmanager
def described_server(home: Path) -> Iterator[str]:
    """Its URL."""
    folder = home / "hub" / "models--acme--model"
    snapshot = folder / "snapshots" / COMMIT
    shutil.copytree(builtin_model_folder(), snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    config = home / "config.toml"
    config.write_text(CONFIG.format(), encoding="utf-8")
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "HF_HUB_CACHE": str(home / "hub")}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlxk", "serve", "--model", "demo", "--config", str(config), "--json"],
            cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        watchdog = threading.Timer(SECONDS * 10, process.kill)
        watchdog.start()
        with process:
            try:
                yield _url(process, home)
            finally:
                process.terminate()
                process.wait(SECONDS)
                watchdog.cancel()


def _url(process: subprocess.Popen[str], home: Path) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.rstrip() == "}":
            return str(json.loads(said)["data"]["url"])
    raise AssertionError((home / "log").read_text(encoding="utf-8"))


def strict_document(url: str) -> dict[str, Any]:
    """The server's document, in which answers have no field that it does not name, and requests mean models that are
    there, or at least might be.
    """
    with urllib.request.urlopen(f"{url}/openapi.json") as response:  # noqa: S310  # our own server
        document: dict[str, Any] = json.load(response)
    schemas = document["components"]["schemas"]
    sent = _reachable(document, [each for each in schemas if each.endswith("Request")])
    for name in set(schemas) - sent:
        schemas[name] = closed(schemas[name])
    for name in sent:
        if "model" in schemas[name].get("properties", {}):
            schemas[name]["properties"]["model"] = {"enum": list(MODELS)}
    for operations in document["paths"].values():
        for operation in operations.values():
            _hurry(operation)
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in TRIED:
                    parameter["schema"] = {"enum": list(TRIED[parameter["name"]])}
    return document


def _hurry(operation: Mapping[str, Any]) -> None:
    """Requests are made by changing the examples: let their answers be short."""
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in sent.get("examples", {}).values():
        if example["value"].get("max_tokens"):
            example["value"]["max_tokens"] = 2


def _reachable(document: Mapping[str, Any], names: list[str]) -> set[str]:
    found: set[str] = set()
    while names:
        name = names.pop()
        if name in found:
            continue
        found.add(name)
        text = json.dumps(document["components"]["schemas"][name])
        names += [each.partition('"')[0] for each in text.split("#/components/schemas/")[1:]]
    return found


def closed(shape: Any) -> Any:
    """The same without room for fields that it does not name."""
    if isinstance(shape, dict):
        inside = {name: closed(each) for name, each in shape.items()}
        return {"additionalProperties": False, **inside} if "properties" in shape else inside
    return [closed(each) for each in shape] if isinstance(shape, list) else shape
