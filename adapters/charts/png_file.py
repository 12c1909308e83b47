"""A figure as a file that is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150


def save_png(figure: Figure, place: Path) -> None:
    """Replaces what is there. Raises OSError."""
    with NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", suffix=".tmp", delete=False) as file:
        unfinished = Path(file.name)
        try:
            figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
            file.flush()
            os.fsync(file.fileno())
            unfinished.chmod(0o644)
            unfinished.replace(place)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
