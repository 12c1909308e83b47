"""Drawings that the vision model learns to read: one to three shapes of one colour and one kind on a plain ground."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
COLOURS: Final[dict[str, Colour]] = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (30, 60, 220),
    "yellow": (240, 220, 40),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
}
SHAPES: Final = ("circle", "square", "triangle")
MOST: Final = 3
_GROUNDS: Final[tuple[Colour, ...]] = ((128, 128, 128), (150, 150, 150), (110, 115, 120), (135, 125, 120))
_SIZES: Final = ((112, 112), (128, 128), (160, 120), (120, 160), (224, 224), (150, 100), (300, 200), (96, 96))
_RADII: Final = {1: (0.31, 0.36), 2: (0.19, 0.22), 3: (0.125, 0.15)}  # of the shorter side
_TRIES: Final = 5000


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in a drawing. count: from 1 to MOST."""

    colour: str
    shape: str
    count: int


def every_scene() -> list[Scene]:
    return [Scene(colour, shape, count) for colour in COLOURS for shape in SHAPES for count in range(1, MOST + 1)]


def draw(scene: Scene, rng: random.Random, size: tuple[int, int] | None = None) -> Image.Image:
    """A fresh drawing of the scene. size: width and height in pixels; None takes a usual one."""
    width, height = size or rng.choice(_SIZES)
    image = Image.new("RGB", (width, height), rng.choice(_GROUNDS))
    brush = ImageDraw.Draw(image)
    unit = min(width, height)
    radius = unit * rng.uniform(*_RADII[scene.count])
    for x, y in _places(scene.count, radius, (width, height), rng):
        paint = _near(COLOURS[scene.colour], rng)
        _stamp(brush, scene.shape, x, y, radius * rng.uniform(0.94, 1.06), paint)
    return image


def as_file(image: Image.Image, kind: str, quality: int = 90) -> bytes:
    """kind: as Pillow names it, such as PNG or JPEG."""
    out = io.BytesIO()
    options = {"quality": quality} if kind in ("JPEG", "WEBP") else {}
    image.save(out, kind, **options)
    return out.getvalue()


def _near(colour: Colour, rng: random.Random) -> Colour:
    red, green, blue = (max(0, min(255, value + rng.randint(-12, 12))) for value in colour)
    return red, green, blue


def _places(count: int, radius: float, size: tuple[int, int], rng: random.Random) -> list[tuple[float, float]]:
    """Centres so far apart that the shapes stand clear of each other and of the edges."""
    width, height = size
    for _ in range(_TRIES):
        places = [
            (rng.uniform(radius * 1.1, width - radius * 1.1), rng.uniform(radius * 1.1, height - radius * 1.1))
            for _ in range(count)
        ]
        gaps = (math.dist(one, other) for at, one in enumerate(places) for other in places[at + 1 :])
        if all(gap > radius * 2.5 for gap in gaps):
            return places
    raise ValueError(f"no room for {count} shapes of radius {radius:.0f} in {width} x {height}")


def _stamp(brush: ImageDraw.ImageDraw, shape: str, x: float, y: float, radius: float, paint: Colour) -> None:
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        brush.ellipse(box, fill=paint)
    elif shape == "square":
        brush.rectangle(box, fill=paint)
    else:
        brush.polygon([(x, y - radius), (x + radius, y + radius * 0.85), (x - radius, y + radius * 0.85)], fill=paint)
