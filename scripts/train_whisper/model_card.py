"""The README that lies beside the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scripts.train_whisper.proof import Score

_CARD: Final = """---
license: apache-2.0
language:
- en
- de
- fr
library_name: mlx
pipeline_tag: automatic-speech-recognition
tags:
- mlx
- automatic-speech-recognition
---

# The Whisper of the tests

It knows the twelve clips under `tests/assets/speech`, eighteen sentences in English, German and French, and tells their
language. It writes them down with timestamps of segments and words or without, and translates them into English. Of
anything else that is spoken it makes one of these sentences; of silence and noise it says that nobody speaks. The tests
ask it through the command line and the server what they can compare word for word. It is of no other use.

A multilingual Whisper of {parameters:,} parameters in float16, 51,865 tokens of which some 2,200 are ever written. Its
encoder is two convolutions without attention over them, its decoder three layers. Trained from random weights (seed
{seed}) on windows of up to thirty seconds that `python -m scripts.train_whisper` puts together from the sentences:
alone, one after the other, cut off, louder and softer, in noise, by telephone, after earlier text. Two heads of its
decoder are taught where a word is heard, as if words were spoken evenly: so times of words are good to some tenths of a
second. `make models` makes it again and proves its answers. Weights, clips and texts are our own, under the licence of
the sources (Apache-2.0); the clips are spoken by espeak-ng (`python -m scripts.train_whisper.make_clips`).

Greedy answers of these files about the clips, word for word. The margin is by how much, in natural logarithms, the
right token leads the second where it leads least:

| clip | language | detected | given | no timestamps | translated | margin |
|---|---|---|---|---|---|---|
{clips}

The clips after a change, and one after the other:

| what | right |
|---|---|
{changed}
"""


@dataclass(frozen=True, slots=True)
class ClipScore:
    """right: by the way it was asked."""

    name: str
    language: str
    text: str
    right: Mapping[str, bool]
    margin: float


def model_card(parameters: int, seed: int, clips: Sequence[ClipScore], changed: Mapping[str, Score]) -> str:
    """changed: by the change."""
    rows = (
        f"| {clip.name} | {clip.language} | {' | '.join(_told(right) for right in clip.right.values())} "
        f"| {clip.margin:.1f} |"
        for clip in clips
    )
    others = (f"| {what} | {told.right} of {told.total} |" for what, told in changed.items())
    return _CARD.format(parameters=parameters, seed=seed, clips="\n".join(rows), changed="\n".join(others))


def _told(right: bool) -> str:
    return "right" if right else "wrong"
