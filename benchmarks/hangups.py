"""How soon a hang-up is noticed: from the client's close to the free place in the worker, with nothing being written.

    python -m benchmarks.hangups [--rounds 20]

The real server over fake workers that hold their answer after the first token, streamed and whole in turn. The server
is asked for its open answers in a tight loop through a pipe, so a figure includes up to a millisecond of asking.
Goal: 50 ms.
"""

from __future__ import annotations

import argparse
import statistics
import time

from tests.support.http_server import Server, started
from tests.support.raw_http import RawClient

GOAL_MS = 50.0
BODY = {"model": "demo", "messages": [{"role": "user", "content": "count"}]}


def hang_up(server: Server, *, stream: bool) -> float:
    """Milliseconds until the place is free again."""
    with RawClient(server.port) as client:
        client.post("/v1/chat/completions", {**BODY, "stream": stream})
        while not server.running():
            pass
        if stream:
            client.read_until(b'"content":')
    begin = time.perf_counter()
    while server.running():
        pass
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with started() as server:
        server.tell(hold_after=1)
        taken = [hang_up(server, stream=number % 2 == 0) for number in range(options.rounds)]
        server.tell(hold_after=None)
    within = sum(each <= GOAL_MS for each in taken)
    median, worst = statistics.median(taken), max(taken)
    print(f"median {median:.1f} ms, worst {worst:.1f} ms, {within} of {len(taken)} within {GOAL_MS:g} ms")


if __name__ == "__main__":
    main()
