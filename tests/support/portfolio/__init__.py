"""The models that live tests run on: the user's, or miniatures where the user has none of a kind."""

from tests.support.portfolio.kinds import Kind, PortfolioModel, portfolio_of
from tests.support.portfolio.modality import LEGACY, modality_of

__all__ = ["LEGACY", "Kind", "PortfolioModel", "modality_of", "portfolio_of"]
