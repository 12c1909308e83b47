"""The server around the engine: how much it costs, and how soon it is there again.

    python -m benchmarks.server [--parts models tokens streams memory unload death] [--rounds 5] [--blas LIBMKL]

models    GET /v1/models on 16 connections, beside a bare Flask route of as many bytes under the same gunicorn
tokens    answers of one token a second on 16 connections, beside peers; the miniature of benchmarks/serving.py
streams   256 streams at once
memory    PSS of gunicorn's two processes, summed, with no model loaded: fresh, and after requests
unload    what of a worker's memory comes back when its model is unloaded
death     from a worker's SIGKILL to the end of the right answer of the next request

Sides that are compared run in turn within each round. Medians, with the lowest and the highest; a first round of rates
is not counted. Memory is read from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.cpu_time import tree_cpu_seconds
from benchmarks.http_load import Load, NoAnswer, drive, request_bytes
from benchmarks.server_processes import PEERS, bare, ours, peer
from benchmarks.serving import built, environment, prompts
from benchmarks.startup import OURS, compile_all
from benchmarks.stream_load import measure
from tests.support.processes import descendants, workers
from tests.support.soak.gauges import held

CONNECTIONS = 16
CHAT = "/v1/chat/completions"
Values = dict[str, str]


def spread(values: Sequence[float], digits: int = 0) -> str:
    low, middle, high = (f"{each:.{digits}f}" for each in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}-{high})"


def call(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url + path, data, {"Content-Type": "application/json"}), timeout=120) as answer:  # noqa: S310
        return json.loads(answer.read())


def one_token(url: str, model: str, prompt: str) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 1, "temperature": 0}
    return request_bytes(url, "POST", CHAT, json.dumps(body).encode())


def show(name: str, loads: Sequence[Load]) -> None:
    p50s, p99s = ([each.percentile(percent) * 1000 for each in loads] for percent in (50, 99))
    ratios = [p99 / p50 for p50, p99 in zip(p50s, p99s, strict=True)]
    errors = [error for each in loads for error in each.errors]
    rates = spread([each.rate for each in loads])
    print(f"{name:<16} {rates}/s, p50 {spread(p50s, 1)} ms, p99/p50 {spread(ratios, 1)}, {len(errors)} errors")
    for error in errors[:2]:
        print(f"    {error}")


def in_turn(rounds: int, sides: dict[str, Callable[[int], Load]]) -> dict[str, list[Load]]:
    """The first round is not counted; every second one goes the other way round. A side that stops answering is left
    out from then on, with a line that says so.
    """
    found: dict[str, list[Load]] = {name: [] for name in sides}
    running = dict(sides)
    for number in range(rounds + 1):
        for name in list(running)[:: 1 if number % 2 else -1]:
            try:
                load = running[name](number)
            except NoAnswer as fault:
                print(f"{name}, round {number}: {fault}")
                del running[name], found[name]
                continue
            if number:
                found[name].append(load)
    return found


def compare(found: dict[str, list[Load]], ours_name: str) -> None:
    for name, loads in found.items():
        show(name, loads)
        if name != ours_name:
            pairs = zip(found[ours_name], loads, strict=True)
            print(f"    ours: {spread([mine.rate / other.rate for mine, other in pairs], 2)} of it")


def models(values: Values, _: Path, options: argparse.Namespace) -> None:
    with ExitStack() as held_open:
        url, _pid = held_open.enter_context(ours(values, "--model", "demo"))
        with urlopen(f"{url}/v1/models") as answer:  # noqa: S310
            size = len(answer.read())
        plain = held_open.enter_context(bare(values, size))
        sides = {
            "mlxk": lambda _: drive(url, CONNECTIONS, [request_bytes(url, "GET", "/v1/models")] * options.requests),
            "bare Flask": lambda _: drive(
                plain, CONNECTIONS, [request_bytes(plain, "GET", "/bare")] * options.requests
            ),
        }
        compare(in_turn(options.rounds, sides), "mlxk")


def tokens(values: Values, folder: Path, options: argparse.Namespace) -> None:
    count = max(CONNECTIONS, options.requests // 10)

    def side(url: str, model: str) -> Callable[[int], Load]:
        return lambda number: drive(
            url, CONNECTIONS, [one_token(url, model, each) for each in prompts(count, 40, seed=number)]
        )

    with ExitStack() as held_open:
        url, _ = held_open.enter_context(ours(values, "--model", str(folder)))
        sides = {"mlxk": side(url, call(url, "/v1/models")["data"][0]["id"])}
        for name in options.peers:
            sides[name] = side(held_open.enter_context(peer(name, folder, values)), str(folder))
        compare(in_turn(options.rounds, sides), "mlxk")


def streams(values: Values, folder: Path, options: argparse.Namespace) -> None:
    with ours(values, "--model", str(folder)) as (url, _):
        model = call(url, "/v1/models")["data"][0]["id"]
        loads = [measure(f"{url}/v1", model, prompts(256, 40, seed=each), 32) for each in range(options.rounds)]
    errors = [error for each in loads for error in each.errors]
    print(f"256 streams of 32 tokens: {spread([each.tokens_per_second for each in loads])} tok/s, {len(errors)} errors")
    for error in errors[:3]:
        print(f"    {error}")


def memory(values: Values, _: Path, options: argparse.Namespace) -> None:
    found: dict[str, list[float]] = {"fresh": [], "after requests": []}
    for _round in range(options.rounds):
        with ours(values) as (url, pid):
            found["fresh"].append(_front_bytes(pid) / 1e6)
            call(url, CHAT, {"model": "demo", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2})
            call(url, "/v1/models/unload", {"model": "demo"})
            drive(url, CONNECTIONS, [request_bytes(url, "GET", "/v1/models")] * 500)
            found["after requests"].append(_front_bytes(pid) / 1e6)
    for name, each in found.items():
        print(f"front, no model, {name}: {spread(each, 1)} MB")


def _front_bytes(pid: int) -> int:
    """gunicorn's parent and the serving process; workers of models (and the spare) are others."""
    models_workers = set(workers(pid))
    return held(pid, *(each for each in descendants(pid) if each not in models_workers)).pss_bytes


def unload(values: Values, folder: Path, options: argparse.Namespace) -> None:
    shares, sizes = [], []
    with ours(values, "--model", str(folder)) as (url, pid):
        model = call(url, "/v1/models")["data"][0]["id"]
        for _ in range(options.rounds + 1):
            call(url, "/v1/models/unload", {"model": model})
            before = _settled(pid)
            call(url, "/v1/models/load", {"model": model})
            for text in prompts(4, 400, seed=1):
                call(url, CHAT, {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 16})
            loaded = _settled(pid)
            call(url, "/v1/models/unload", {"model": model})
            after = _settled(pid)
            shares.append((loaded - after) / (loaded - before))
            sizes.append((loaded - before) / 1e6)
    print(f"unloading returns {spread([100 * each for each in shares[1:]], 1)} % of {spread(sizes[1:])} MB")


def _settled(pid: int) -> int:
    """PSS of the whole tree, once the spare has done its imports."""
    _idle(pid)
    return held(pid, *descendants(pid)).pss_bytes


def _idle(pid: int) -> None:
    """Wait until the tree has used no processor time for a second."""
    used, since = tree_cpu_seconds(pid), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.1)
        now = tree_cpu_seconds(pid)
        if now is None or used is None or now - used > 0.02:
            used, since = now, time.monotonic()


def death(values: Values, folder: Path, options: argparse.Namespace) -> None:
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": "who are you?"}],
        "max_tokens": 4,
        "temperature": 0,
    }
    for name, spec in (("the built-in model", "demo"), ("the miniature", str(folder))):
        taken = []
        with ours(values, "--model", spec) as (url, pid):
            body["model"] = call(url, "/v1/models")["data"][0]["id"]
            right = call(url, CHAT, body)["choices"][0]["message"]
            for _ in range(options.rounds):
                _idle(pid)
                victim = _largest(workers(pid))
                begin = time.perf_counter()
                os.kill(victim, signal.SIGKILL)
                told = call(url, CHAT, body)["choices"][0]["message"]
                taken.append((time.perf_counter() - begin) * 1000)
                if told != right:
                    raise SystemExit(f"{told} instead of {right}")
        print(f"from SIGKILL to the right answer, {name}: {spread(taken)} ms")


def _largest(process_ids: list[int]) -> int:
    """The one that holds the model: the spare is smaller."""
    return max(process_ids, key=lambda each: held(each).pss_bytes)


PARTS = {each.__name__: each for each in (models, tokens, streams, memory, unload, death)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4000, help="a round of listings; a tenth of them of answers")
    parser.add_argument("--blas", help="library to preload on all sides")
    options = parser.parse_args()
    compile_all(OURS)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(built(f"{home}/miniature"))
        values = {**environment(options.blas), "HOME": home, "HF_HUB_CACHE": f"{home}/hub"}
        for name in options.parts:
            print(f"== {name} (load {os.getloadavg()[0]:.1f})", flush=True)
            PARTS[name](values, folder, options)


if __name__ == "__main__":
    main()
