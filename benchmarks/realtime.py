"""From the end of what is said to its text, over a WebSocket of our server, beside mlx-audio's Whisper in this process.

python -m benchmarks.realtime [--runs 5] [--sessions 16]

Both sides hear the same samples: a clip of the tests and the silence that ends its turn. raw: one call of mlx-audio.
ours: the sound is sent but for its last 40 ms, and read by the server; then the clock runs from the last 40 ms, with
which the silence has lasted long enough, to the completed event. So what the silence lasts is not counted (500 ms by
default), and everything else is: the line, the detector, the process of the model, the events. committed: the same by
hand, the clock running from the commit. together: as many sessions that all end at once; every text is compared with
what was said. The model is the trained miniature, so what is measured is what is around the numbers of a network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.hearing_house import MODEL, hearing_server, samples
from tests.support.live_client import LiveClient, talking
from tests.support.trained_whisper import SHORT, WHISPER, Clip
from tests.support.voices import silence

RATE, RAW_RATE = 24_000, 16_000
LAST_MS = 40
SILENCE_SECONDS = 1.0
PATIENCE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds, of all clips one after another."""

    raw: float
    ours: float
    committed: float


def raw_hearing() -> Callable[[Clip, int], str]:
    """Of a clip's first so many milliseconds."""
    import numpy
    from mlx_audio.stt.utils import load_model

    model = load_model(WHISPER)

    def hear(clip: Clip, end_ms: int) -> str:
        line = samples(clip.name, RAW_RATE) + silence(SILENCE_SECONDS, RAW_RATE)
        sound = numpy.frombuffer(line[: end_ms * RAW_RATE // 1000 * 2], dtype="<i2").astype("float32") / 32768
        return str(model.generate(sound).text).strip()

    return hear


def caught_up(client: LiveClient) -> None:
    """The server has read everything: it answers what it cannot know."""
    client.say("are.you.there")
    client.until("error")


def end_of_turn(url: str, clip: Clip) -> int:
    """In milliseconds from the first sample, as the server finds it."""
    with talking(url) as client:
        client.update(MODEL, turn_detection={"type": "server_vad"})
        client.append(samples(clip.name, RATE) + silence(SILENCE_SECONDS, RATE))
        end: int = client.until("input_audio_buffer.speech_stopped")["audio_end_ms"]
        client.text()
        return end


def said(client: LiveClient, clip: Clip, end_ms: int, *, by_hand: bool) -> Callable[[], float]:
    """All but the end of it is sent; what is returned sends that, and tells the seconds to the text."""
    client.update(MODEL, turn_detection=None if by_hand else {"type": "server_vad"})
    line = (samples(clip.name, RATE) + silence(SILENCE_SECONDS, RATE))[: end_ms * RATE // 1000 * 2]
    cut = len(line) if by_hand else len(line) - LAST_MS * RATE // 1000 * 2
    client.append(line[:cut], size=9_600)
    caught_up(client)

    def finish() -> float:
        began = time.perf_counter()
        if by_hand:
            client.say("input_audio_buffer.commit")
        else:
            client.append(line[cut:], size=len(line))
        text = client.text()
        seconds = time.perf_counter() - began
        assert text == clip.text, (text, clip.text)
        return seconds

    return finish


def alone(url: str, clip: Clip, end_ms: int, *, by_hand: bool) -> float:
    with talking(url) as client:
        return said(client, clip, end_ms, by_hand=by_hand)()


def together(url: str, spoken: Sequence[tuple[Clip, int]]) -> list[float]:
    """Seconds of each session; all of them end at once."""
    seconds: list[float] = []
    with ExitStack() as held:
        clients = [held.enter_context(talking(url)) for _ in spoken]
        ends = [said(each, *of, by_hand=False) for each, of in zip(clients, spoken, strict=True)]
        threads = [threading.Thread(target=lambda end=end: seconds.append(end())) for end in ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seconds) == len(spoken), "a session did not hear what was said"
    return seconds


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def measure(options: argparse.Namespace, url: str) -> tuple[list[Round], list[float], float]:
    """The rounds; the seconds of sessions that end at once, in all rounds; raw seconds of a clip, the median."""
    from adapters.inference.mlx_process import configure_mlx

    configure_mlx()
    raw = raw_hearing()
    ends = [(clip, end_of_turn(url, clip)) for clip in SHORT]
    rounds: list[Round] = []
    at_once: list[float] = []
    for number in range(options.runs + 1):
        raw_seconds, texts = timed(lambda: [raw(*each) for each in ends])
        assert texts == [clip.text for clip, _ in ends], texts
        ours = sum(alone(url, *each, by_hand=False) for each in ends)
        committed = sum(alone(url, *each, by_hand=True) for each in ends)
        if number:  # the first round warms up
            rounds.append(Round(raw_seconds, ours, committed))
            at_once += together(url, (ends * options.sessions)[: options.sessions])
    return rounds, at_once, statistics.median(each.raw for each in rounds) / len(ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, hearing_server(Path(home), PATIENCE_SECONDS) as url:
        rounds, at_once, raw_clip = measure(options, url)
    for each in rounds:
        told = {"raw_s": round(each.raw, 3), "ours_s": round(each.ours, 3), "committed_s": round(each.committed, 3),
                "times_raw": round(each.ours / each.raw, 3)}  # fmt: skip
        sys.stdout.write(json.dumps(told) + "\n")
    at_once.sort()
    for name, value in (
        ("times raw, median", statistics.median(each.ours / each.raw for each in rounds)),
        ("times raw by hand, median", statistics.median(each.committed / each.raw for each in rounds)),
        ("raw, seconds a clip", raw_clip),
        (f"{options.sessions} sessions at once, p50 seconds", at_once[len(at_once) // 2]),
        (f"{options.sessions} sessions at once, p95 seconds", at_once[int(len(at_once) * 0.95)]),
    ):
        sys.stdout.write(json.dumps({"what": name, "value": round(value, 3)}) + "\n")


if __name__ == "__main__":
    main()
