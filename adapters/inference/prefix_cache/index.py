"""Which remembered pieces a prompt begins with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters.inference.prefix_cache.chain import BLOCK_TOKENS, key_of
from adapters.inference.prefix_cache.entry import Entry
from domain.serving.prompt_divergence import common_length


@dataclass(frozen=True, slots=True)
class Match:
    """path: the pieces in order, from the first token on. length: how many of their tokens count; the last piece may
    reach beyond it.
    """

    path: tuple[Entry, ...]
    length: int


class PrefixIndex:
    """Entries by key and by parent. No MLX, no disk."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._children: dict[bytes, dict[bytes, Entry]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def get(self, key: bytes) -> Entry | None:
        return self._entries.get(key)

    def add(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        self._children.setdefault(entry.parent, {})[entry.key] = entry

    def remove(self, entry: Entry) -> None:
        if self._entries.pop(entry.key, None) is None:
            return
        siblings = self._children[entry.parent]
        del siblings[entry.key]
        if not siblings:
            del self._children[entry.parent]

    def children(self, parent: bytes) -> Iterable[Entry]:
        return tuple(self._children.get(parent, {}).values())

    def match(self, root: bytes, tokens: tuple[int, ...], *, exact: bool, limit: int) -> Match | None:
        """The longest way from `root` along these tokens, at most `limit` of them; None when there is none. exact: it
        must end where a tail ends.
        """
        path = self._blocks(root, tokens)
        return self._exact(path, root, tokens, limit) if exact else self._cut(path, root, tokens, limit)

    def _blocks(self, root: bytes, tokens: tuple[int, ...]) -> list[Entry]:
        path: list[Entry] = []
        parent = root
        for start in range(0, len(tokens) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
            entry = self._entries.get(key_of(parent, tokens[start : start + BLOCK_TOKENS], tail=False))
            if entry is None:
                break
            path.append(entry)
            parent = entry.key
        return path

    def _cut(self, path: list[Entry], root: bytes, tokens: tuple[int, ...], limit: int) -> Match | None:
        parent, start = (path[-1].key, path[-1].end) if path else (root, 0)
        rest = tokens[start : start + BLOCK_TOKENS]
        nearest, common = None, 0
        for child in self.children(parent):
            shared = common_length(child.tokens, rest)
            if shared > common:
                nearest, common = child, shared
        if nearest is not None:
            path.append(nearest)
        length = min(start + common, limit)
        path = [entry for entry in path if entry.start < length]
        return Match(tuple(path), length) if path else None

    def _exact(self, path: list[Entry], root: bytes, tokens: tuple[int, ...], limit: int) -> Match | None:
        for depth in range(len(path), -1, -1):
            parent, start = (path[depth - 1].key, path[depth - 1].end) if depth else (root, 0)
            rest = tokens[start : start + BLOCK_TOKENS]
            ends = [
                child
                for child in self.children(parent)
                if child.tail and 0 < child.end <= limit and child.tokens == rest[: len(child.tokens)]
            ]
            if ends:
                last = max(ends, key=lambda child: child.end)
                return Match((*path[:depth], last), last.end)
        return None
