"""Questions that the demo model must admit it cannot answer."""

from __future__ import annotations

import random
from typing import Final

OFF_TOPIC: Final = (
    "What is the capital of France?",
    "What is 2+2?",
    "Who wrote Hamlet?",
    "What colour is the sky?",
    "What is the weather like today?",
    "How do I bake bread?",
    "How do I fix my bike?",
    "Who won the world cup?",
    "What time is it?",
    "Tell me a joke.",
    "Sing a song.",
    "What is the meaning of life?",
    "How old is the universe?",
    "Translate this sentence.",
    "Write an essay about history.",
    "What is quantum physics?",
    "Who is the president?",
    "How do I learn the piano?",
    "What should I eat tonight?",
    "Recommend a good film.",
    "How far away is the moon?",
    "What is the best car?",
    "Where is Paris?",
    "How do I lose weight?",
    "Solve this equation.",
    "What is the news?",
    "Why is grass green?",
    "Do you love me?",
    "Play some music.",
    "Book a flight to London.",
    "How tall is Mount Everest?",
    "Explain photosynthesis.",
    "How do I remove a stain?",
    "How do I list the kings of England?",
    "What is a dog?",
    "Describe the sea.",
    "Ping",
    "test",
    "asdf",
    "",
)

OFF_TOPIC_HELD_OUT: Final = (
    "What is the capital of Italy?",
    "Who painted the Mona Lisa?",
    "How do I cook rice?",
    "Why is the sea blue?",
    "Tell me about dinosaurs.",
    "What is 17 times 3?",
    "Who was Albert Einstein?",
    "How many people live in Berlin?",
    "How do I grow tomatoes?",
    "Write an essay about love.",
    "Where can I buy shoes?",
    "What is the speed of light?",
)

_FRAMES: Final = (
    "What is {}?",
    "What is the price of {}?",
    "What is the history of {}?",
    "What colour is {}?",
    "Who invented {}?",
    "Who is {}?",
    "Who wrote about {}?",
    "Who was the first to see {}?",
    "Where is {}?",
    "Where can I find {}?",
    "Where do people buy {}?",
    "Why is {} so famous?",
    "Why do people like {}?",
    "When was {} built?",
    "How do I cook {}?",
    "How do I paint {}?",
    "How do I clean {}?",
    "How do I get to {}?",
    "How can I learn about {}?",
    "How many kinds of {} are there?",
    "How many people know {}?",
    "How much is {}?",
    "How fast is {}?",
    "How long does {} last?",
    "What happened to {}?",
    "My name is {}.",
    "I like {}.",
    "How old is {}?",
    "How big is {}?",
    "Tell me about {}.",
    "Tell me something about {}.",
    "Explain {}.",
    "Describe {}.",
    "Write a text about {}.",
    "Do you like {}?",
    "Do you know {}?",
    "Can I eat {}?",
    "Is {} dangerous?",
    "Give me a recipe for {}.",
    "Show me a picture of {}.",
    "I want to talk about {}.",
    "What is the capital of {}?",
    "What do you think of {}?",
    "{}",
    "{}?",
)
_NOUNS: Final = (
    "cheese", "the moon", "Spain", "a horse", "the sun", "Mozart", "Japan", "chocolate", "an elephant", "gravity",
    "the Roman empire", "football", "a bicycle", "tea", "coffee", "soup", "a cake", "the ocean", "a volcano", "Rome",
    "Napoleon", "my garden", "the violin", "winter", "a mountain", "Brazil", "the stock market", "a tiger", "milk",
    "electricity", "New York", "a doctor", "an airplane", "Shakespeare", "the human heart", "a good book", "potatoes",
    "mathematics", "the number 7", "42", "3 + 4", "12 * 9", "roses", "a castle", "the river Rhine", "India", "snow",
    "a dragon", "religion", "law", "the law of large numbers", "politics", "a dentist", "hair", "shoes", "a train",
    "the pyramids", "Leonardo", "bees", "a whale", "gold", "oil paint", "my grandmother", "love", "tennis", "dance",
)  # fmt: skip
_OPERATIONS: Final = ("+", "-", "*", "/", "plus", "minus", "divided by", "multiplied by", "to the power of")
_SYLLABLES: Final = ("ba", "ku", "ri", "mo", "ten", "zal", "vi", "dro", "el", "fin", "gor", "hup", "xi", "plo", "sna")


def invented_word(rng: random.Random) -> str:
    """A word of two or three syllables that means nothing."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((2, 2, 3))))


def off_topic_question(rng: random.Random) -> str:
    """A question the model has no answer to: one of the fixed ones, or a frame filled with a noun."""
    if rng.random() < 0.25:
        return rng.choice(OFF_TOPIC)
    if rng.random() < 0.08:
        return f"What is {rng.randrange(100)} {rng.choice(_OPERATIONS)} {rng.randrange(100)}?"
    noun = invented_word(rng) if rng.random() < 0.2 else rng.choice(_NOUNS)
    return rng.choice(_FRAMES).format(noun)
