"""Pictures for live tests: what any model that sees can tell, and what their files say of where they were taken."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from scripts.train_vision.pictures import Scene, draw
from tests.support.drawn import tags

LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = 1, 2, 3, 4
TAKEN, CAMERA = 0x9003, 0x0110
_SEED = 1


@dataclass(frozen=True, slots=True)
class Place:
    """degrees: north and east are positive."""

    file: str
    colour: str
    shape: str
    latitude: float
    longitude: float

    @property
    def words(self) -> tuple[str, str]:
        """What an answer about it says."""
        return self.colour, self.shape


PLACES = (
    Place("berlin.jpg", "red", "circle", 52.52, 13.405),
    Place("paris.jpg", "blue", "square", 48.8566, 2.3522),
    Place("london.jpg", "green", "triangle", 51.5074, -0.1278),
    Place("sydney.jpg", "yellow", "circle", -33.8688, 151.2093),
    Place("tokyo.jpg", "red", "square", 35.6762, 139.6503),
    Place("lima.jpg", "blue", "triangle", -12.0464, -77.0428),
    Place("cairo.jpg", "green", "circle", 30.0444, 31.2357),
    Place("oslo.jpg", "yellow", "square", 59.9139, 10.7522),
    Place("quito.jpg", "red", "triangle", -0.1807, -78.4678),
)
# Questions about the first place that have one right answer, and words of which one must be in it.
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "What colour is it?": ("red",),
    "Which shape is it?": ("circle",),
    "How many shapes are there?": ("one", "1"),
    "Describe the image.": ("red", "circle"),
    "Which colours are they?": ("red",),
}


def write_places(folder: Path) -> list[Path]:
    """Nine JPEG files with position, date and camera."""
    return [_write(folder / place.file, place, number) for number, place in enumerate(PLACES, 1)]


def _write(path: Path, place: Place, number: int) -> Path:
    scene = draw(Scene(place.colour, place.shape, 1), random.Random(_SEED))  # noqa: S311 - it must repeat
    north, east = ("N" if place.latitude >= 0 else "S"), ("E" if place.longitude >= 0 else "W")
    position = {
        LATITUDE_REF: north, LATITUDE: _degrees(place.latitude), LONGITUDE_REF: east,
        LONGITUDE: _degrees(place.longitude),
    }  # fmt: skip
    exif = tags({CAMERA: "Testcam"}, {TAKEN: f"2026:05:0{number} 12:00:00"}, position)
    out = BytesIO()
    image: Image.Image = scene
    image.save(out, "JPEG", quality=95, exif=exif)
    path.write_bytes(out.getvalue())
    return path


def _degrees(value: float) -> tuple[float, float, float]:
    whole = abs(value)
    minutes = (whole - int(whole)) * 60
    return float(int(whole)), float(int(minutes)), round((minutes - int(minutes)) * 60, 4)
