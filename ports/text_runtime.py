"""A model folder brought into this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.catalog import LocatedModel
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel
from ports.text_codec import TextCodec
from ports.text_engine import TextEngine


@dataclass(frozen=True, slots=True)
class LoadedText:
    """A text model that is ready to answer. engine belongs to the thread that loaded it."""

    engine: TextEngine
    codec: TextCodec
    facts: LoadedModel


class TextRuntime(Protocol):
    """Loads text models. Every call from the one thread that will use the engine. Never touches a network."""

    def warm(self) -> None:
        """Do the slow imports, so that `load` has only the model to read. Raises ModelLoadFailed when a library is
        missing; so will `load`.
        """

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedText:
        """Read the model's folder. Runs no code from it.

        Raises ModelLoadFailed with the model's name and the cause, InvalidRequest for options that this model cannot
        honour.
        """
