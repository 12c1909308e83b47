"""Who may touch a workspace now."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Protocol


class WorkspaceLocks(Protocol):
    """Locks between processes, gone with the process that held them; nothing is written for them. They never wait."""

    def shared(self, folder: PurePath) -> AbstractContextManager[None]:
        """For reading a workspace as one state. Raises Conflict while somebody holds it exclusively."""

    def exclusive(self, folder: PurePath) -> AbstractContextManager[None]:
        """For changing a workspace. Raises Conflict while anybody holds it."""
