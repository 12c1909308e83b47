"""Pictures and sounds that have been made a model's inputs lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from transformers.feature_extraction_utils import BatchFeature

KEPT_BYTES = 96 * 2**20


class Remembering:
    """An image processor, or a feature extractor of sounds, that gives the same answer to the same pictures without
    doing its work again: a conversation shows them at every turn. One thread.

    names: of the pictures that may come now, by their identity as objects. Pictures without a name, and answers that
    are no mapping, are not remembered.
    """

    def __init__(self, other: Any, kept_bytes: int = KEPT_BYTES) -> None:
        self.other = other
        self.names: Mapping[int, str] = {}
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[object, Any] = OrderedDict()

    def __call__(self, *args: Any, **options: Any) -> Any:
        key = self._key(args, options)
        if key is None:
            return self.other(*args, **options)
        kept = self._kept.get(key)
        if kept is None:
            made = self.other(*args, **options)
            if not isinstance(made, Mapping | BatchFeature):
                return made
            kept = made
        self._keep(key, kept)
        again = dict(kept)  # processors take things out of it
        return BatchFeature(data=again) if isinstance(kept, BatchFeature) else again

    def __getattr__(self, name: str) -> Any:
        return getattr(self.other, name)

    def _key(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> object | None:
        images = args[0] if args else options.get("images")
        rest = {name: value for name, value in options.items() if name != "images"}
        names = tuple(self.names.get(id(image)) for image in _flat(images))
        return None if not names or None in names else (names, repr((args[1:], sorted(rest.items()))))

    def _keep(self, key: object, made: Any) -> None:
        self._kept[key] = made
        self._kept.move_to_end(key)
        while self._kept and sum(map(_bytes, self._kept.values())) > self._kept_bytes:
            self._kept.popitem(last=False)


def _flat(images: object) -> Iterator[object]:
    if isinstance(images, list | tuple):
        for each in images:
            yield from _flat(each)
    else:
        yield images


def _bytes(made: Mapping[str, Any]) -> int:
    return sum(_size(value) for value in made.values())


def _size(value: Any) -> int:
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return int(getattr(value, "nbytes", 64))
