"""What a processor made of all pictures and sounds of a prompt, taken apart into what belongs to each."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from domain.errors import CapabilityMismatch
from ports.text_codec import PromptMedia, PromptPicture

_FEW = 64
_PIXELS = ("pixel_values", "pixel_values_videos")
_GRIDS = ("image_grid_thw", "video_grid_thw")
_OF_SOUNDS = ("audio", "feature")  # one of these is in the names of all that mlx-vlm's processors make of sounds


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the prompt that is embedded by itself: one picture, or all of them and what stands between where
    their inputs cannot be told apart. key: the same for the same picture, made ready in the same way, at any place in
    any prompt.
    """

    start: int
    end: int
    key: str
    tokens: tuple[int, ...]
    inputs: Mapping[str, Any]


def is_of_sounds(name: str) -> bool:
    """name: of an input."""
    return any(word in name for word in _OF_SOUNDS)


def pieces_of(prompt: Sequence[int], media: PromptMedia) -> list[Piece]:
    """In order of their places. The inputs are as they came, only cut. Raises CapabilityMismatch for pictures that
    cannot be told apart with sounds among them.
    """
    pictures = media.pictures
    apart = _apart(prompt, media)
    if apart is not None:
        return [_piece(prompt, (picture,), own) for picture, own in zip(pictures, apart, strict=True)]
    if not pictures:
        return []
    if any(picture.sound for picture in pictures):
        raise CapabilityMismatch(
            "several pictures with sounds among them cannot be told apart for this model",
            hint="show one picture at a time",
            param="messages",
        )
    begin, end = pictures[0].start, pictures[-1].end
    together = {name: _stretch(value, len(prompt), begin, end) for name, value in media.inputs.items()}
    return [_piece(prompt, pictures, together)]


def as_arrays(value: Any) -> Any:
    """Numbers on the host as a model takes them: arrays as mlx's, ragged lists as lists of them."""
    if isinstance(value, np.ndarray):
        return mx.array(value)
    if isinstance(value, list | tuple) and value:
        try:
            regular = np.array(value)
        except ValueError:
            regular = None
        if regular is not None and regular.dtype.kind in "biuf":
            return mx.array(regular)
        return [as_arrays(each) for each in value]
    return value


def _piece(prompt: Sequence[int], pictures: Sequence[PromptPicture], inputs: Mapping[str, Any]) -> Piece:
    begin, end = pictures[0].start, pictures[-1].end
    tokens = tuple(prompt[begin:end])
    ready = sorted((name, _told(value)) for name, value in inputs.items())
    digest = hashlib.sha256(repr(([picture.digest for picture in pictures], tokens, ready)).encode("utf-8"))
    return Piece(begin, end, digest.hexdigest(), tokens, inputs)


def _told(value: Any) -> str:
    """The layout of an input: its shape, and its numbers where they are few. What it shows the digests tell."""
    if isinstance(value, list | tuple):
        return f"{len(value)} {[_told(each) for each in value]}"
    if np.ndim(value) == 0 or np.size(value) <= _FEW:
        return f"{np.shape(value)} {np.asarray(value).tolist()}"
    return str(np.shape(value))


def _apart(prompt: Sequence[int], media: PromptMedia) -> list[dict[str, Any]] | None:
    """The inputs of each picture and sound; None where some cannot be told apart."""
    seen = PromptMedia(tuple(each for each in media.pictures if not each.sound), media.inputs)
    if len(seen.pictures) > 1 and all(media.inputs.get(name) is not None for name in _PIXELS):
        return None  # which of them are videos is not told
    found: dict[int, dict[str, Any]] = {each.start: {} for each in media.pictures}
    for name, value in media.inputs.items():
        if is_of_sounds(name):
            owners = [each for each in media.pictures if each.sound]
            parts: list[Any] | None = list(value)
        elif _is_told_by_place(value, len(prompt)):
            owners = list(media.pictures)
            parts = [value[:, each.start : each.end] for each in owners]
        elif not seen.pictures:
            owners, parts = list(media.pictures), [value] * len(media.pictures)
        else:
            owners, parts = list(seen.pictures), _parts(name, value, prompt, seen)
        if parts is None:
            return None
        for owner, part in zip(owners, parts, strict=True):
            found[owner.start][name] = part
    return list(found.values())


def _parts(name: str, value: Any, prompt: Sequence[int], media: PromptMedia) -> list[Any] | None:
    """One input of pictures, cut: by pictures, or, of pixels, by the patches that grids count or by tiles, of which all
    have the same number of tokens.
    """
    pictures = media.pictures
    shape: Sequence[int] = (len(value),) if isinstance(value, list | tuple) else np.shape(value)
    if not shape:
        return [value] * len(pictures)
    if len(pictures) == 1:
        return [value]
    if shape[0] == len(pictures):
        return [value[at : at + 1] for at in range(len(pictures))]
    if isinstance(value, list | tuple) or not name.startswith("pixel_"):
        return None
    sizes = _patches(shape[0], media)
    if sizes is not None:
        return _cut(value, sizes, axis=0)
    tokens = [_placeholders(prompt[picture.start : picture.end]) for picture in pictures]
    if shape[0] == 1 and len(shape) >= 2 and (sizes := _shares(shape[1], tokens)) is not None:
        return _cut(value, sizes, axis=1)
    sizes = _shares(shape[0], tokens)
    return None if sizes is None else _cut(value, sizes, axis=0)


def _patches(rows: int, media: PromptMedia) -> list[int] | None:
    """How many rows each picture has, by the grids that were made with it; None where they do not add up."""
    for name in _GRIDS:
        grid = media.inputs.get(name)
        if grid is not None and len(grid) == len(media.pictures):
            sizes = [int(np.prod(np.asarray(each))) for each in grid]
            if sum(sizes) == rows:
                return sizes
    return None


def _shares(rows: int, tokens: Sequence[int]) -> list[int] | None:
    """Rows in proportion to tokens; None where that gives no whole numbers."""
    total = sum(tokens)
    if not total or any(rows * each % total for each in tokens):
        return None
    return [rows * each // total for each in tokens]


def _placeholders(tokens: Sequence[int]) -> int:
    """Of a picture's tokens, those that are all the same: others mark the rows of its tiles."""
    return max(tokens.count(token) for token in set(tokens))


def _cut(value: Any, sizes: Sequence[int], axis: int) -> list[Any]:
    ends = np.cumsum([0, *sizes])
    slices = [slice(int(begin), int(end)) for begin, end in itertools.pairwise(ends)]
    return [value[each] if axis == 0 else value[:, each] for each in slices]


def _stretch(value: Any, length: int, begin: int, end: int) -> Any:
    """Of what is told of each token of the prompt, that part; anything else as it is."""
    return value[:, begin:end] if _is_told_by_place(value, length) else value


def _is_told_by_place(value: Any, length: int) -> bool:
    """It tells something of each token of a prompt of that length."""
    shape = () if isinstance(value, list | tuple) else np.shape(value)
    return len(shape) >= 2 and tuple(shape[:2]) == (1, length)
