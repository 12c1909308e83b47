"""What is written before a picture, for the model to read: which one it is, and what its file tells."""

from __future__ import annotations

from domain.inference.events import PictureFacts

DECIMALS = 4


def picture_lines(number: int, facts: PictureFacts, several: bool) -> str:
    """A line in brackets for each thing known, with its newline; "" for nothing. The number only where there are
    several pictures to tell apart.
    """
    lines = [f"[Image {number}]"] if several else []
    place = picture_place(facts)
    if place is not None:
        lines.append(f"[Location: {place}]")
    if facts.taken is not None:
        lines.append(f"[Date: {facts.taken}]")
    if facts.camera is not None:
        lines.append(f"[Camera: {facts.camera}]")
    return "".join(f"{line}\n" for line in lines)


def picture_place(facts: PictureFacts) -> str | None:
    """Such as `52.5200°N, 13.4050°E`: about eleven metres. None where the file does not say."""
    if facts.latitude is None or facts.longitude is None:
        return None
    return f"{_degrees(facts.latitude, 'NS')}, {_degrees(facts.longitude, 'EW')}"


def _degrees(value: float, sides: str) -> str:
    return f"{abs(value):.{DECIMALS}f}°{sides[value < 0]}"
