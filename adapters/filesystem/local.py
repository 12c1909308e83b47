"""FileSystem on the local disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePath
from types import TracebackType

from domain.errors import AccessDenied


class LocalFileSystem:
    """Stateless."""

    def require_removable(self, path: PurePath) -> None:
        """Whatever the rights allow; only trying tells."""

    def remove_file(self, path: PurePath) -> None:
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as fault:
            raise _denied(path, fault) from fault

    def remove_tree(self, path: PurePath) -> None:
        if not os.path.isdir(path) or os.path.islink(path):  # noqa: PTH112, PTH114 - PurePath
            self.remove_file(path)
            return
        shutil.rmtree(path, onerror=_stop)


def _stop(_call: object, path: str, info: tuple[type[BaseException], BaseException, TracebackType]) -> None:
    """What is gone already is no fault; the first other one ends the deletion. Only here do all Pythons name the file:
    what rmtree raises by itself names the folder on some.
    """
    fault = info[1]
    if isinstance(fault, FileNotFoundError):
        return
    if isinstance(fault, OSError):
        raise _denied(path, fault) from fault
    raise fault


def _denied(path: PurePath | str, fault: OSError) -> AccessDenied:
    return AccessDenied(
        f"{path} cannot be deleted: {fault.strerror}",
        hint="check who owns it and whether its folder may be written",
    )
