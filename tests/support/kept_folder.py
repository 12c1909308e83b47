"""A folder for what several tests of a run share."""

from __future__ import annotations

import atexit
import shutil
from pathlib import Path
from tempfile import mkdtemp


def kept_folder() -> Path:
    """A fresh one, which goes when the run ends."""
    folder = Path(mkdtemp(prefix="mlxk-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
