"""What becomes of what a network says: windows, fallbacks, silence, faults. The network is scripted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from adapters.inference.hearing.codec import PreparedSound
from adapters.inference.hearing.whisper_tokens import WhisperTokens
from domain.errors import GenerationFailed, MlxkError
from domain.inference.sound import SoundBytes
from domain.inference.transcription import HearingTask, Transcription, TranscriptionRequest
from ports.sound_engine import SoundJob
from tests.support.scripted_whisper import ScriptedNetwork, scripted_engine, trained_tokens

RATE = 16_000


@pytest.fixture(scope="module")
def tokens() -> WhisperTokens:
    return trained_tokens()


def sound(seconds: float, *prompt: int) -> PreparedSound:
    return PreparedSound(np.zeros(int(seconds * RATE), np.float32), prompt)


def asked(**wishes: object) -> TranscriptionRequest:
    return TranscriptionRequest(SoundBytes(b""), **{"language": "en", **wishes})  # type: ignore[arg-type]


def heard(
    network: ScriptedNetwork, tokens: WhisperTokens, prepared: PreparedSound, **wishes: object
) -> Transcription | MlxkError:
    engine = scripted_engine(network, tokens)
    engine.add(SoundJob(1, asked(**wishes), prepared))
    told: list[object] = []
    while engine.jobs:
        told += [event for _, event in engine.step()]
    assert isinstance(told[-1], Transcription | MlxkError)
    return told[-1]


def whole(network: ScriptedNetwork, tokens: WhisperTokens, prepared: PreparedSound, **wishes: object) -> Transcription:
    found = heard(network, tokens, prepared, **wishes)
    assert isinstance(found, Transcription), found
    return found


def at(tokens: WhisperTokens, seconds: float) -> int:
    return tokens.first_stamp + round(seconds * 50)


def said(tokens: WhisperTokens, text: str, start: float, end: float) -> list[int]:
    return [at(tokens, start), *tokens.encode(text), at(tokens, end)]


FOX, STATION = "The quick brown fox", "the old station"


def test_a_network_that_wants_pairs_of_no_length_for_ever_comes_to_an_end(tokens: WhisperTokens) -> None:
    wants = [at(tokens, 0), *tokens.encode(FOX), at(tokens, 0), at(tokens, 0)]
    found = whole(ScriptedNetwork(tokens, wants), tokens, sound(45))
    assert found.text.startswith(FOX)
    assert len(found.segments) < 10


def test_a_window_goes_on_where_its_last_pair_ends(tokens: WhisperTokens) -> None:
    first = [*said(tokens, FOX, 0.5, 10.0), *said(tokens, STATION, 12.0, 20.0), at(tokens, 20.0), *tokens.encode(FOX)]
    network = ScriptedNetwork(tokens, first, said(tokens, FOX, 1.0, 5.0))
    found = whole(network, tokens, sound(45))
    assert found.text == f"{FOX} {STATION} {FOX}"
    times = [(each.seek, each.start, each.end) for each in found.segments]
    assert times == [(0, 0.5, 10.0), (0, 12.0, 20.0), (2000, 21.0, 25.0)]


def test_what_was_heard_is_said_to_the_model_before_the_next_window(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 10.0), said(tokens, STATION, 1.0, 5.0))
    whole(network, tokens, sound(45, 7, 8))
    first, second = network.openings
    assert first == (tokens.previous, 7, 8, *tokens.opening("en", translates=False, times=True))
    assert second == (tokens.previous, 7, 8, *said(tokens, FOX, 0.5, 10.0), *first[3:])


def test_what_was_heard_is_not_said_before_a_translation_nor_after_a_guess(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 10.0))
    whole(network, tokens, sound(45), task=HearingTask.TRANSLATE)
    opening = tokens.opening("en", translates=True, times=True)
    assert network.openings == [opening, opening]
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 10.0))
    whole(network, tokens, sound(45), temperature=0.9)
    assert len(network.openings[1]) == 3


def test_no_more_is_said_before_than_half_of_the_decoder_holds(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 10.0))
    whole(network, tokens, sound(5, *range(1000)))
    assert network.openings[0][1:224] == tuple(range(777, 1000))


def test_what_repeats_itself_is_read_at_all_temperatures_and_the_last_one_counts(tokens: WhisperTokens) -> None:
    again = [at(tokens, 0.0), *tokens.encode("the " * 60), at(tokens, 5.0)]
    found = whole(ScriptedNetwork(tokens, again), tokens, sound(5))
    assert found.segments[0].temperature == 1.0 and found.segments[0].compression_ratio > 2.4
    assert found.prompt_tokens == 6 * 3
    one = whole(ScriptedNetwork(tokens, again), tokens, sound(5), temperature=0.2)
    assert one.segments[0].temperature == 0.2 and one.prompt_tokens == 3


def test_a_guess_where_nobody_speaks_is_passed_over(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 10.0))
    network.unsure = network.silent = True
    found = whole(network, tokens, sound(45))
    assert found.text == "" and found.segments == () and len(network.openings) == 2


def test_what_is_surely_said_is_told_although_nobody_seems_to_speak(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 2.0))
    network.silent = True
    assert whole(network, tokens, sound(5)).text == FOX


def test_numbers_that_are_none_are_an_error(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 2.0))
    network.broken = True
    fault = heard(network, tokens, sound(5))
    assert isinstance(fault, GenerationFailed) and "no number" in fault.message


def test_a_row_that_breaks_a_pass_fails_alone_and_the_others_are_read_again(tokens: WhisperTokens) -> None:
    bad = tokens.encode(STATION)[1]
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 2.0), said(tokens, STATION, 0.5, 2.0))
    network.breaks_on = bad
    engine = scripted_engine(network, tokens)
    for job_id in range(4):  # 0 and 2 hear the fox, 1 and 3 the station
        engine.add(SoundJob(job_id, asked(), sound(5)))
    told: dict[int, object] = {}
    while engine.jobs:
        told.update(engine.step())
    assert [isinstance(told[job_id], GenerationFailed) for job_id in range(4)] == [False, True, False, True]
    assert [whole.text for job_id in (0, 2) if isinstance(whole := told[job_id], Transcription)] == [FOX, FOX]


def test_sounds_that_came_together_are_read_side_by_side(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 2.0))
    engine = scripted_engine(network, tokens)
    for job_id in range(20):
        engine.add(SoundJob(job_id, asked(), sound(5)))
    while engine.jobs:
        engine.step()
    assert max(network.batches) == 16


def test_an_endless_answer_ends_where_half_of_the_decoder_is_full(tokens: WhisperTokens) -> None:
    words: Sequence[int] = tokens.encode("quick brown fox lazy dog old station small house beach " * 60)
    found = whole(ScriptedNetwork(tokens, [at(tokens, 0.0), *words]), tokens, sound(5), temperature=0.01)
    assert len(found.segments[0].tokens) == 224
    assert found.segments[0].end == 5.0


def test_no_more_windows_are_held_than_there_is_room_for(tokens: WhisperTokens) -> None:
    network = ScriptedNetwork(tokens, said(tokens, FOX, 0.5, 2.0))
    row_bytes = 2 * 1948 * 4 * 4
    assert [network.rows_within(room) for room in (-5, row_bytes, 3 * row_bytes)] == [1, 1, 3]
    engine = scripted_engine(network, tokens, most_rows=3)
    for job_id in range(5):
        engine.add(SoundJob(job_id, asked(), sound(5)))
    while engine.jobs:
        engine.step()
    assert max(network.batches) == 3
