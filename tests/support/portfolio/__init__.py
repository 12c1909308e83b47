"""The models that live tests run on: the user's, or miniatures where the user has none of a kind."""

from tests.support.portfolio.kinds import Kind, PortfolioModel, portfolio_of

__all__ = ["Kind", "PortfolioModel", "portfolio_of"]
