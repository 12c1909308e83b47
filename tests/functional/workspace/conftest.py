"""The hub's fixtures, for tests that push and pull."""

from tests.support.hub_server.fixtures import hub, make_hub, quiet_huggingface_hub

__all__ = ["hub", "make_hub", "quiet_huggingface_hub"]
