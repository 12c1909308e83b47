"""Which models are here, and are they sound and runnable."""

from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.report import ModelReport

__all__ = ["LocatedModel", "ModelReport", "ModelSource"]
