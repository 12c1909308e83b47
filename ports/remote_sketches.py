"""Looking at a model before it is here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Protocol

from domain.hub.remote_model import RemoteModel
from ports.hub import ModelHub


class RemoteSketches(Protocol):
    """Makes folders that look to a reader of models like the model pulled."""

    def sketch(self, model: RemoteModel, hub: ModelHub, weight_headers: int) -> AbstractContextManager[PurePath]:
        """A cache folder, gone after the block, that holds this one model: every file at its size, the small ones that
        describe it with their content, weights as holes behind their true beginning (for the first `weight_headers`
        files; behind one that only fits their size for the others). Costs no weights.

        Raises what the hub raises, and DownloadRefused for names that cannot be written.
        """
