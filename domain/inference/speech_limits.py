"""How much may be said at once."""

from __future__ import annotations

MOST_SPOKEN_CHARACTERS = 4096  # in one request over HTTP, as OpenAI's API has it; some five minutes of speech
