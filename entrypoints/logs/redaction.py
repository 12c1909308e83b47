"""What never reaches a log: tokens, keys, and where the user's home lies."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAMES = r"x-api-key|api[_-]key|access[_-]token|authorization"
# What to look for first, in lower case: most lines hold none of it, and a search is cheaper than a pattern.
SHAPES = (
    (("hf_",), re.compile(r"\bhf_[A-Za-z0-9]{4,}"), "hf_***"),
    (("sk-",), re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"), "sk-***"),
    (("bearer",), re.compile(r"(?i)\b(bearer)(\s+|%20)[^\s'\",;]{4,}"), r"\1 ***"),
    (
        ("key", "token", "authorization"),
        re.compile(rf"(?i)\b({NAMES})(['\"]?\s*[:=]\s*['\"]?)(basic\s+)?[^\s'\",;&]{{4,}}"),
        r"\1\2\3***",
    ),
)


class Redactor:
    """Hugging Face tokens, API keys, what stands in headers for them, and the home folder. home: absolute path, "" for
    none. secrets: hidden wherever they occur.
    """

    def __init__(self, home: str = "", secrets: Iterable[str] = ()) -> None:
        home = home.rstrip("/")
        self._home = re.compile(re.escape(home) + r"(?![\w.-])") if home else None
        longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub("***", text)
        lower = text.lower()
        for needles, shape, shown in SHAPES:
            if any(needle in lower for needle in needles):
                text = shape.sub(shown, text)
        return text if self._home is None else self._home.sub("~", text)
