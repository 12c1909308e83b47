"""`mlxk serve` with a draft model, as a user starts it: real processes, real MLX, the built-in model."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai

from scripts.train_demo.conversations import PAIRS
from tests.support.tiny_llama import TinyLlama

ROOT = Path(__file__).resolve().parents[3]
QUESTION, ANSWER = PAIRS[0]


@contextmanager
def serving(home: Path, *argv: str) -> Iterator[dict[str, Any]]:
    """The start-up envelope of a server that is ready, or of one that failed."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "mlxk" / "__main__.py"), "serve", "--port", "0", "--json", *argv],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        yield json.loads("".join(lines))
        process.terminate()
        watchdog.cancel()


def test_a_server_with_a_draft_model_answers_as_without(tmp_path: Path) -> None:
    with serving(tmp_path, "--model", "demo", "--draft-model", "demo", "--draft-tokens", "5") as started:
        assert started["status"] == "success", started
        with openai.OpenAI(base_url=f"{started['data']['url']}/v1", api_key="none", max_retries=0) as client:
            answer = client.chat.completions.create(
                model="demo", messages=[{"role": "user", "content": QUESTION}], temperature=0
            )
    assert answer.choices[0].message.content == ANSWER


def test_a_draft_that_cannot_guess_for_the_model_ends_the_start(tmp_path: Path) -> None:
    TinyLlama().build(tmp_path / "stranger")
    with serving(tmp_path, "--model", "demo", "--draft-model", "./stranger") as started:
        error = started["error"]
    assert (started["status"], error["type"]) == ("error", "validation_error")
    assert "--draft-model" in error["message"]
    assert "has another tokenizer than mlxk/demo" in error["message"]
