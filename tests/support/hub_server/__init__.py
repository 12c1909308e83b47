"""A real hub on loopback: HTTP, on disk, speaking the hub's protocol as far as huggingface_hub needs it.

It counts what it sends and fails on demand. HubServer is the whole surface; repositories live in its `store`.
"""

from tests.support.hub_server.faults import Fault
from tests.support.hub_server.server import HubServer
from tests.support.hub_server.store import HubStore, Repository

__all__ = ["Fault", "HubServer", "HubStore", "Repository"]
