"""What is said in the clips, by which voice of espeak-ng, and in which kind of file it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and what it means in English."""

    text: str
    translation: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A clip to be made. file: its name; the ending says how it is kept. words_per_minute: how fast it is spoken."""

    file: str
    language: str
    voice: str
    words_per_minute: int
    sentences: tuple[Said, ...]


def _english(*texts: str) -> tuple[Said, ...]:
    return tuple(Said(text, text) for text in texts)


PLANS: Final = (
    Plan("fox.wav", "en", "en-us", 150, _english("The quick brown fox jumps over the lazy dog.")),
    Plan("weather.flac", "en", "en-gb", 145, _english("It will be cold and windy in the mountains today.")),
    Plan("numbers.wav", "en", "en-us+f3", 165, _english("One, two, three, four, five, six.")),
    Plan("station.mp3", "en", "en-gb+f2", 145, _english("Please meet me in front of the old station.")),
    Plan(
        "seaside.flac", "en", "en-us+m3", 124,
        _english(
            "My sister lives in a small house by the sea.",
            "Every morning she walks along the beach.",
            "She looks for shells and coloured stones.",
            "In the evening she paints what she has found.",
        ),
    ),
    Plan(
        "morning.wav", "de", "de", 140,
        (Said("Guten Morgen, wie geht es Ihnen heute?", "Good morning, how are you today?"),),
    ),
    Plan(
        "train.flac", "de", "de+f2", 140,
        (Said("Der Zug nach Berlin fährt um neun Uhr ab.", "The train to Berlin leaves at nine."),),
    ),
    Plan(
        "coffee.mp3", "de", "de+m3", 140,
        (Said("Ich hätte gern einen Kaffee und zwei Brötchen.", "I would like a coffee and two rolls."),),
    ),
    Plan(
        "market.mp3", "de", "de+f4", 122,
        (
            Said("Am Samstag gehen wir auf den Markt.", "On Saturday we go to the market."),
            Said("Dort kaufen wir frisches Obst und Gemüse.", "There we buy fresh fruit and vegetables."),
            Said("Mein Bruder kocht dann eine große Suppe.", "Then my brother cooks a big soup."),
            Said("Abends essen alle zusammen im Garten.", "At night everyone eats together in the garden."),
        ),
    ),
    Plan(
        "cat.flac", "fr", "fr-fr", 150,
        (Said("Le chat noir dort sur la table de la cuisine.", "The black cat sleeps on the kitchen table."),),
    ),
    Plan(
        "library.flac", "fr", "fr-fr+f3", 140,
        (Said("Où se trouve la bibliothèque de la ville?", "Where is the city library?"),),
    ),
    Plan(
        "holiday.flac", "fr", "fr-be+m2", 140,
        (Said("Nous partons en vacances demain après midi.", "We leave on holiday tomorrow afternoon."),),
    ),
)  # fmt: skip
