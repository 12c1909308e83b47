"""A server with each model of the portfolio that hears, asked by the official client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.benchmark_facts import AnswerTimes, BenchmarkFacts
from tests.support.heard_words import agrees
from tests.support.live_server import LiveServer
from tests.support.portfolio import PortfolioModel
from tests.support.trained_whisper import Clip, clip

pytestmark = [pytest.mark.live, pytest.mark.live_e2e]
Serve = Callable[..., LiveServer]
SHORT_WAV, LONG_MP3 = clip("fox"), clip("market")
MOST_BYTES = 50 * 1024 * 1024


@pytest.fixture
def heard(serve: Serve, audio_model_info: PortfolioModel) -> Iterator[Callable[..., Any]]:
    """heard(path, **fields): what the server makes of a file."""
    server = serve(audio_model_info)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=600) as client:
        yield lambda path, **fields: client.audio.transcriptions.create(
            model=audio_model_info.name, file=Path(path), **fields
        )


@pytest.mark.parametrize("each", [SHORT_WAV, LONG_MP3], ids=["3 s, wav", "14 s, mp3"])
def test_a_file_is_written_down(heard: Callable[..., Any], audio_model_info: PortfolioModel, each: Clip) -> None:
    told = heard(each.path)
    assert agrees(told.text, each.text, audio_model_info), told.text
    assert heard(each.path, response_format="text").strip() == told.text.strip()
    assert "| Start |" not in told.text


def test_the_verbose_form_tells_language_duration_and_segments_in_order(
    heard: Callable[..., Any], audio_model_info: PortfolioModel
) -> None:
    told = heard(LONG_MP3.path, response_format="verbose_json", language="de")
    assert told.language == "de"
    assert float(told.duration) == pytest.approx(LONG_MP3.duration, abs=0.2)
    assert agrees(told.text, LONG_MP3.text, audio_model_info)
    times = [time for segment in told.segments for time in (segment.start, segment.end)]
    assert times == sorted(times)


def test_a_stream_says_what_a_whole_answer_says(heard: Callable[..., Any], benchmark_facts: BenchmarkFacts) -> None:
    sent, first, events = time.monotonic(), None, []
    for event in heard(SHORT_WAV.path, stream=True):
        if first is None and event.type == "transcript.text.delta":
            first = time.monotonic()
        events.append(event)
    benchmark_facts.http_answer({}, AnswerTimes(sent, time.monotonic(), first))
    deltas = "".join(each.delta for each in events if each.type == "transcript.text.delta")
    assert deltas == events[-1].text == heard(SHORT_WAV.path).text


def test_a_file_that_is_too_large_is_refused(heard: Callable[..., Any], tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as out:
        out.truncate(MOST_BYTES + 1)
    with pytest.raises(openai.APIStatusError) as refusal:
        heard(large)
    assert refusal.value.status_code == 413
