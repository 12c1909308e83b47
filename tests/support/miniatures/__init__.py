"""Miniature models of many architectures, and models that say what they are told to."""

from tests.support.miniatures.families import MINIATURES
from tests.support.miniatures.miniature import Miniature
from tests.support.miniatures.scripted import says

__all__ = ["MINIATURES", "Miniature", "says"]
