"""The memory of prompts: which tokens are known, and the caches that hold them. MLX, on the engine's thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from adapters.inference.prefix_cache.chain import BLOCK_TOKENS, extended, key_of
from adapters.inference.prefix_cache.disk import DiskTier
from adapters.inference.prefix_cache.entry import Entry, Held
from adapters.inference.prefix_cache.guard import compare, sample_of
from adapters.inference.prefix_cache.index import Match
from adapters.inference.prefix_cache.kinds import Unremembered
from adapters.inference.prefix_cache.layout import Layout, Source, assembled, layout_from, layout_of
from adapters.inference.prefix_cache.shelf import Shelf
from adapters.inference.prefixes import HeldBytes, Prefix
from domain.serving.cache_check import CacheCheck
from domain.serving.picture_tokens import before_picture, text_length
from domain.serving.prompt_divergence import Loss, PromptDivergence, common_length, divergence, nearest

_LOG = logging.getLogger(__name__)
RECENT_SEQUENCES = 64
RECENT_TOKENS = 1_000_000


class PrefixCache:
    """Prefixes. Caches with a row for each token are remembered in blocks, shared by all prompts that begin alike, and
    match to the token; others (sliding windows, state-space models) only where a boundary was kept.

    root: names all that shapes the values, see chain. fresh: makes empty caches for one row, for the guard.
    """

    def __init__(
        self, root: bytes, ram_bytes: int, fresh: Callable[[], list[Any]], disk: DiskTier | None = None
    ) -> None:
        self._root = root
        self._fresh = fresh
        self._disk = disk
        self._shelf = Shelf(ram_bytes, disk)
        self._layouts: dict[str, Layout] = {}
        self._recent: deque[tuple[int, ...]] = deque()
        self._recent_tokens = 0
        self._quarantined = frozenset[str]() if disk is None else disk.quarantined()
        self._kept = 0
        self._due: tuple[int, ...] | None = None
        self._shelf.load(self._accept)

    @property
    def held_bytes(self) -> int:
        """In memory."""
        return self._shelf.held_bytes

    @property
    def held(self) -> HeldBytes:
        return HeldBytes(self._shelf.held_bytes, 0 if self._disk is None else self._disk.held_bytes)

    def longest(self, tokens: Sequence[int]) -> Prefix | None:
        try:
            self._notice()
            return self._longest(tuple(tokens))
        except Exception:  # noqa: BLE001 - a request must not fail because a memory of an older one cannot be used
            _LOG.debug("what is remembered of a prompt could not be used", exc_info=True)
            return None

    def keep(self, tokens: Sequence[int], caches: list[Any], *, boundary: bool) -> None:
        try:
            self._notice()
            self._keep(tuple(tokens), caches, boundary=boundary)
        except Unremembered as reason:
            _LOG.debug("a prompt is not remembered: %s", reason)
        except Exception:  # noqa: BLE001 - as above
            _LOG.debug("a prompt could not be remembered", exc_info=True)

    def wipe(self) -> None:
        """Forget everything, in memory and on the disk."""
        self._shelf.wipe()
        self._forget_tokens()

    def close(self) -> None:
        try:
            self._shelf.close()
        except Exception:  # noqa: BLE001 - as above; the process is about to end
            _LOG.debug("remembered prompts could not be written down", exc_info=True)

    def explain(self, tokens: Sequence[int]) -> PromptDivergence:
        """The nearest of the sequences kept lately, and of what an earlier process wrote down. Never raises."""
        prompt = tuple(tokens)
        try:
            self._notice()
        except OSError:
            _LOG.debug("what became of the remembered prompts on the disk is not known", exc_info=True)
        found = self._best(prompt)
        path = () if found is None else found[1].path
        known = [*self._recent, tuple(token for entry in path for token in entry.tokens)]
        remembered = [sequence for sequence in known if sequence]
        matched, _ = nearest(prompt, remembered)
        return divergence(prompt, remembered, 0 if found is None else found[1].length, self._loss(matched))

    def idle_check(self, model: Any) -> CacheCheck | None:
        """Compare, for a prompt kept lately, the model's answer with the remembered caches and without. Where they
        differ, caches of that kind are not used any more. None when nothing waits to be compared. Takes as long as
        reading a prompt of at most guard.CHECKED_TOKENS: for when nobody waits. Never raises.
        """
        sequence, self._due = self._due, None
        try:
            return None if sequence is None else self._checked(model, sequence)
        except Exception:  # noqa: BLE001 - as above
            _LOG.debug("what is remembered of a prompt could not be compared", exc_info=True)
            return None

    def quarantine(self, kinds: frozenset[str]) -> None:
        """Use nothing more that consists of these classes of caches, and forget it."""
        self._quarantined |= kinds
        for entry in self._shelf.index:
            if self._layouts[entry.layout].kinds & kinds:
                self._shelf.forget(entry)
        if self._disk is not None:
            self._disk.quarantine(self._quarantined)

    def _notice(self) -> None:
        """After a wipe by others not even the tokens are told any more."""
        if self._shelf.notice():
            self._forget_tokens()

    def _forget_tokens(self) -> None:
        self._recent.clear()
        self._recent_tokens = 0
        self._due = None

    def _longest(self, tokens: tuple[int, ...]) -> Prefix | None:
        while (found := self._best(tokens)) is not None:
            layout, match = found
            pieces = self._shelf.values(match.path)
            if pieces is None:
                continue
            caches = self._assembled(layout, match, pieces)
            self._shelf.use(match.path)
            return Prefix(match.length, caches)
        return None

    def _assembled(self, layout: Layout, match: Match, pieces: list[Held]) -> list[Any]:
        try:
            caches = assembled(layout, pieces, match.length)
            mx.eval([cache.state for cache in caches])
        except Exception:
            for entry in match.path:
                self._shelf.forget(entry)
            raise
        return caches

    def _best(self, tokens: tuple[int, ...]) -> tuple[Layout, Match] | None:
        """Over all layouts in use: a model has one, as a rule."""
        found: list[tuple[Layout, Match]] = []
        for layout in self._layouts.values():
            root = extended(self._root, layout.text)
            match = self._matching(root, tokens, exact=layout.exact)
            if match is not None:
                found.append((layout, match))
        return max(found, key=lambda each: each[1].length, default=None)

    def _matching(self, root: bytes, tokens: tuple[int, ...], *, exact: bool) -> Match | None:
        """The longest way along these tokens that does not end within a picture: it may have been read as a whole."""
        limit = len(tokens) - 1
        while (match := self._shelf.index.match(root, tokens, exact=exact, limit=limit)) is not None:
            limit = before_picture(tokens, match.length)
            if limit == match.length:
                return match
        return None

    def _keep(self, tokens: tuple[int, ...], caches: list[Any], *, boundary: bool) -> None:
        layout = layout_of(caches, len(tokens))
        if layout.kinds & self._quarantined:
            raise Unremembered(f"caches like {', '.join(sorted(layout.kinds))} are in quarantine")
        self._note(tokens)
        if layout.exact and not boundary:
            raise Unremembered("no turn ends here, and its caches cannot be cut")
        self._kept += 1
        if self._kept & (self._kept - 1) == 0:  # the first, second, fourth, eighth ... are for the guard
            self._due = self._comparable(tokens, layout)
        self._layouts.setdefault(layout.text, layout)
        path, fresh = self._pieces(tokens, layout, Source(layout, caches))
        self._shelf.put(fresh)
        self._shelf.use(path)

    def _pieces(
        self, tokens: tuple[int, ...], layout: Layout, source: Source
    ) -> tuple[list[Entry], list[tuple[Entry, Held]]]:
        """The way along these tokens, and what of it has to be put on the shelf."""
        path: list[Entry] = []
        fresh: list[tuple[Entry, Held]] = []
        parent = extended(self._root, layout.text)
        whole = len(tokens) // BLOCK_TOKENS * BLOCK_TOKENS
        for start in range(0, whole, BLOCK_TOKENS):
            entry = self._entry(parent, start, tokens[start : start + BLOCK_TOKENS], layout, tail=False)
            path.append(entry)
            if entry.held is None:
                fresh.append((entry, source.rows(entry.start, entry.end)))
            parent = entry.key
        rest = tokens[whole:]
        if layout.exact or (rest and not self._covered(parent, rest)):
            entry = self._entry(parent, whole, rest, layout, tail=True)
            path.append(entry)
            if entry.held is None:
                fresh.append((entry, source.end(entry.start, entry.end)))
        return path, fresh

    def _entry(self, parent: bytes, start: int, tokens: tuple[int, ...], layout: Layout, *, tail: bool) -> Entry:
        key = key_of(parent, tokens, tail=tail)
        known = self._shelf.index.get(key)
        if known is not None:
            return known
        for sibling in self._shelf.index.children(parent):
            if sibling.tail and not sibling.exact and sibling.tokens == tokens[: len(sibling.tokens)]:
                self._shelf.forget(sibling)  # the new one holds all of it
        return Entry(key, parent, start, tokens, layout.text, tail, exact=tail and layout.exact)

    def _covered(self, parent: bytes, tokens: tuple[int, ...]) -> bool:
        """Another piece, in memory, begins with these tokens."""
        return any(
            sibling.held is not None and len(sibling.tokens) > len(tokens) == common_length(sibling.tokens, tokens)
            for sibling in self._shelf.index.children(parent)
        )

    def _accept(self, entry: Entry) -> bool:
        """Whether a piece found on the disk is one of ours."""
        try:
            layout = self._layouts.get(entry.layout) or layout_from(entry.layout)
        except (ValueError, TypeError, LookupError):
            return False
        if layout.kinds & self._quarantined or entry.exact != (entry.tail and layout.exact):
            return False
        if (entry.start == 0) != (entry.parent == extended(self._root, layout.text)):
            return False
        self._layouts.setdefault(layout.text, layout)
        return True

    def _note(self, tokens: tuple[int, ...]) -> None:
        """Remember the tokens themselves, for explanations."""
        if self._recent and common_length(self._recent[0], tokens) == len(self._recent[0]):
            self._recent_tokens -= len(self._recent.popleft())  # the same sequence, a turn later
        self._recent.appendleft(tokens)
        self._recent_tokens += len(tokens)
        while len(self._recent) > 1 and (len(self._recent) > RECENT_SEQUENCES or self._recent_tokens > RECENT_TOKENS):
            self._recent_tokens -= len(self._recent.pop())

    def _loss(self, matched_tokens: int) -> Loss:
        if self._quarantined and matched_tokens:
            return Loss.QUARANTINED
        return Loss.NO_SNAPSHOT if any(layout.exact for layout in self._layouts.values()) else Loss.FORGOTTEN

    def _comparable(self, tokens: tuple[int, ...], layout: Layout) -> tuple[int, ...] | None:
        """What the guard can read afresh: it has no pictures, so the text before the first one; None where nothing of
        that can be reused by itself.
        """
        text = text_length(tokens)
        if text == len(tokens):
            return tokens
        return tokens[:text] if text > 1 and not layout.exact else None

    def _checked(self, model: Any, sequence: tuple[int, ...]) -> CacheCheck | None:
        tokens = sample_of(sequence, exact=any(layout.exact for layout in self._layouts.values()))
        found = self._best(tokens)
        warm = None if found is None else self._longest(tokens)
        if found is None or warm is None:
            return None
        layout, _ = found
        check = compare(model, tokens, warm, layout, self._fresh())
        if check.differs:
            _LOG.warning("%s: these are not reused any more", check.sentence)
            self.quarantine(layout.kinds)
        return check
