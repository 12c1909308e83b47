"""First tokens of a conversation that grows, against any OpenAI-compatible server.

    python -m benchmarks.turns --build FOLDER                         writes a model of 45 M parameters, float32
    python -m benchmarks.turns --url http://host:port/v1 --model NAME [--turns 4] [--words 420]

The first turn is long and cold; each later one repeats all that was said and adds a short question. Told for each turn:
prompt tokens, how many of them the server says it remembered, and milliseconds to the first text. Run it against one
server after the other, on the same folder.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.serving import WORDS

ANSWER_TOKENS = 16


def build(folder: Path) -> None:
    from tests.support.tiny_llama import TinyLlama

    TinyLlama(hidden=768, layers=8, heads=12, context_length=8192).build(folder)


def ask(url: str, model: str, messages: list[dict[str, str]]) -> tuple[str, float, dict[str, Any]]:
    """The answer, seconds to its first text, and the usage."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=600)
    body = {
        "model": model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": ANSWER_TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    begin = time.perf_counter()
    connection.request("POST", f"{parts.path}/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    text, first = "", 0.0
    usage: dict[str, Any] = {}
    for chunk in chunks(connection):
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices", []):
            piece = choice["delta"].get("content") or ""
            first = first or (time.perf_counter() - begin if piece else 0.0)
            text += piece
    return text, first, usage


def chunks(connection: HTTPConnection) -> Iterator[dict[str, Any]]:
    for line in connection.getresponse():
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--model")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--words", type=int, default=420)
    options = parser.parse_args()
    if options.build is not None:
        build(options.build)
        return
    chance = random.Random(7)  # noqa: S311
    messages = [{"role": "user", "content": " ".join(chance.choice(WORDS) for _ in range(options.words))}]
    for turn in range(1, options.turns + 1):
        text, first, usage = ask(options.url, options.model, messages)
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", "?")
        print(
            f"turn {turn}: {usage.get('prompt_tokens', '?'):>6} tokens, {cached:>6} remembered, {first * 1000:8.0f} ms"
        )
        messages += [{"role": "assistant", "content": text}, {"role": "user", "content": f"and what of {turn}?"}]


if __name__ == "__main__":
    main()
