"""The hub's fixtures for every test of this folder."""

from tests.support.hub_server.fixtures import hub, make_hub, quiet_huggingface_hub

__all__ = ["hub", "make_hub", "quiet_huggingface_hub"]
