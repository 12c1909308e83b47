"""From a model's folder to what speaks."""

from __future__ import annotations

from domain.catalog import LocatedModel
from domain.errors import ModelNotRunnable
from domain.serving.load_options import LoadOptions
from ports.sound_engine import LoadedSound


def load_voice(model: LocatedModel, _options: LoadOptions) -> LoadedSound:
    """Raises ModelNotRunnable for a family that is not known."""
    raise ModelNotRunnable(f"{model.name} is of no family that can speak here")
