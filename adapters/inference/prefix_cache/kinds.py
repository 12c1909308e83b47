"""Classes of caches that are remembered, by the name of their kind: those of mlx-lm and those of mlx-vlm."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {"": "mlx_lm.models.cache", "vlm.": "mlx_vlm.models.cache"}
_NAMES = {
    "": ("KVCache", "QuantizedKVCache", "RotatingKVCache", "ArraysCache", "ChunkedKVCache", "ConcatenateKVCache"),
    "vlm.": ("KVCache", "RotatingKVCache", "ArraysCache"),
}
_KINDS = {(_MODULES[family], name): family + name for family, names in _NAMES.items() for name in names}
PLAIN = frozenset({"KVCache", "vlm.KVCache"})
QUANTISED = frozenset({"QuantizedKVCache"})
CUTTABLE = PLAIN | QUANTISED
COUNTING = frozenset({"RotatingKVCache", "ChunkedKVCache", "ConcatenateKVCache", "vlm.RotatingKVCache"})
STEP = 256  # tokens by which caches grow


class Unremembered(Exception):
    """These caches are of a kind, or in a state, that is not remembered. The text says why."""


def kind_of(cache: Any) -> str:
    """Raises Unremembered for a class that is not known."""
    found = _KINDS.get((type(cache).__module__, type(cache).__name__))
    if found is None:
        raise Unremembered(f"caches of the class {type(cache).__name__} are not known")
    return found


def class_of(kind: str) -> Any:
    """Raises ValueError for a kind that is not known."""
    for (module, name), known in _KINDS.items():
        if known == kind:
            return getattr(import_module(module), name)
    raise ValueError(f"{kind} is no kind of cache that is known")


def is_list(cache: Any) -> bool:
    """Whether it is several caches of one layer."""
    return type(cache).__name__ == "CacheList" and type(cache).__module__ in _MODULES.values()


def list_class(kind: str) -> Any:
    """The class of lists of such caches."""
    return import_module(class_of(kind).__module__).CacheList


def state_of(cache: Any) -> Any:
    """All that such a cache can be made of again."""
    return [cache.state, cache.meta_state] if kind_of(cache).startswith("vlm.") else cache.state


def remade(kind: str, state: Any) -> Any:
    """A cache of what `state_of` said."""
    cls = class_of(kind)
    return cls.from_state(*state) if kind.startswith("vlm.") else cls.from_state(state)
