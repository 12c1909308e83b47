"""tokenizer.json from the older files of a tokenizer."""

from __future__ import annotations

from pathlib import PurePath
from typing import Protocol


class TokenizerMaker(Protocol):
    def make(self, folder: PurePath) -> bytes | None:
        """The content of a tokenizer.json for the model in `folder`, which is only read; None when it cannot be made.
        Blocks for seconds; the work is done in another process.
        """
