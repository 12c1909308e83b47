"""N concurrent streams against an OpenAI base URL, over plain sockets so that the driver costs next to nothing."""

from __future__ import annotations

import json
import math
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

FIRST_TEXT = re.compile(rb'"content": ?"[^"]')
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class StreamResult:
    """first_token_seconds: from sending the request to the first text. tokens: usage.completion_tokens. error: None
    for a stream that came to its [DONE]."""

    first_token_seconds: float
    end: float
    tokens: int
    error: str | None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One measurement. seconds: from the first request to the last byte. cpu_seconds: what the measured side used, in
    all its processes; None when it cannot be told."""

    seconds: float
    tokens: int
    first_token_seconds: tuple[float, ...]
    errors: tuple[str, ...]
    cpu_seconds: float | None = None

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


def measure(base_url: str, model: str, prompts: Sequence[str], max_tokens: int) -> LoadResult:
    """One greedy stream a prompt, all begun at the same moment."""
    results: list[StreamResult | None] = [None] * len(prompts)
    barrier = threading.Barrier(len(prompts) + 1)

    def one(place: int) -> None:
        request = _request(base_url, model, prompts[place], max_tokens)
        barrier.wait()
        results[place] = _stream(base_url, request)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(prompts))]
    for thread in threads:
        thread.start()
    barrier.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    done = [each for each in results if each is not None]
    return LoadResult(
        seconds=max(each.end for each in done) - begin,
        tokens=sum(each.tokens for each in done),
        first_token_seconds=tuple(each.first_token_seconds for each in done),
        errors=tuple(each.error for each in done if each.error),
    )


def _request(base_url: str, model: str, prompt: str, max_tokens: int) -> bytes:
    body = json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    url = urlsplit(base_url)
    head = (
        f"POST {url.path.rstrip('/')}/chat/completions HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _stream(base_url: str, request: bytes) -> StreamResult:
    url = urlsplit(base_url)
    begin = time.perf_counter()
    first = end = float("nan")
    received = bytearray()
    try:
        with socket.create_connection((url.hostname or "", url.port or 80), TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            while piece := connection.recv(65536):
                end = time.perf_counter()
                received += piece
                if math.isnan(first) and FIRST_TEXT.search(received):
                    first = end
    except OSError as fault:
        return StreamResult(float("nan"), time.perf_counter(), 0, f"{type(fault).__name__}: {fault}")
    return StreamResult(first - begin, end, *_outcome(bytes(received)))


def _outcome(raw: bytes) -> tuple[int, str | None]:
    """(tokens, error) of a whole response."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].decode("latin-1")
    if " 200 " not in f"{status} ":
        return 0, f"{status}: {body[:200].decode(errors='replace')}"
    text = _unchunked(body) if b"chunked" in head.lower() else body
    events = [line[6:] for line in text.split(b"\n") if line.startswith(b"data: ")]
    if not events or events[-1].strip() != b"[DONE]":
        return 0, f"the stream broke off: {(events or [b''])[-1][:200].decode(errors='replace')}"
    usages = [usage for each in events[:-1] if (usage := json.loads(each).get("usage"))]
    return (int(usages[-1]["completion_tokens"]), None) if usages else (0, "the stream told no usage")


def _unchunked(body: bytes) -> bytes:
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        pieces.append(body[:length])
        body = body[length + 2 :]
        if not length:
            break
    return b"".join(pieces)
