"""FileSystem on the local disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePath

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
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as fault:
            raise _denied(path, fault) from fault


def _denied(path: PurePath, fault: OSError) -> AccessDenied:
    return AccessDenied(
        f"{fault.filename or path} cannot be deleted: {fault.strerror}",
        hint="check who owns it and whether its folder may be written",
    )
