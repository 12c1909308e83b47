"""How a model is brought into memory, beside which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePath

from domain.catalog.location import LocatedModel
from domain.errors import InvalidRequest

KV_BITS = (2, 3, 4, 6, 8)
KV_GROUP_SIZES = (32, 64, 128)
DEFAULT_KV_GROUP_SIZE = 64
DEFAULT_DRAFT_TOKENS = 3
MAX_DRAFT_TOKENS = 16
LEAST_KV_TOKENS = 64


class Task(StrEnum):
    """What a model is loaded for: some folders serve for several."""

    GENERATE = "generate"
    EMBED = "embed"
    RERANK = "rerank"
    TRANSCRIBE = "transcribe"
    SPEAK = "speak"


@dataclass(frozen=True, slots=True)
class PrefixCacheBudget:
    """ram_bytes, disk_bytes: 0 is off. folder: where the disk tier lies, None without one."""

    ram_bytes: int = 0
    disk_bytes: int = 0
    folder: PurePath | None = None


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """adapter: folder of a LoRA adapter. draft: a smaller model that proposes tokens (speculative decoding).
    draft_ngram: look for proposals in the text so far, by its last so many tokens; 0 is off. draft_tokens: how many are
    proposed at once. kv_bits: quantise the KV cache. max_kv_size: tokens a KV cache may hold before its oldest are
    forgotten. prefix_cache: what to remember of prompts. memory_bytes: what weights, caches and work may take in all,
    None without limit. sees: load what looks at pictures too; hears: and what listens. The model says so, not the user.
    exif: read where, when and with what a picture was taken, if its file tells. task: what for; another one is another
    load. cpu: compute without the graphics processor.

    Raises InvalidRequest for values out of range, and for what excludes one another.
    """

    adapter: PurePath | None = None
    draft: LocatedModel | None = None
    draft_ngram: int = 0
    draft_tokens: int = DEFAULT_DRAFT_TOKENS
    kv_bits: int | None = None
    kv_group_size: int = DEFAULT_KV_GROUP_SIZE
    max_kv_size: int | None = None
    prefix_cache: PrefixCacheBudget = field(default_factory=PrefixCacheBudget)
    memory_bytes: int | None = None
    sees: bool = False
    hears: bool = False
    exif: bool = True
    task: Task = Task.GENERATE
    cpu: bool = False

    def __post_init__(self) -> None:
        if self.kv_bits is not None and self.kv_bits not in KV_BITS:
            raise InvalidRequest(f"--kv-bits must be one of {', '.join(map(str, KV_BITS))}, got {self.kv_bits}")
        if self.kv_group_size not in KV_GROUP_SIZES:
            raise InvalidRequest(f"--kv-group-size must be 32, 64 or 128, got {self.kv_group_size}")
        if self.max_kv_size is not None and self.max_kv_size < LEAST_KV_TOKENS:
            raise InvalidRequest(f"--max-kv-size must be at least {LEAST_KV_TOKENS} tokens, got {self.max_kv_size}")
        if not 1 <= self.draft_tokens <= MAX_DRAFT_TOKENS:
            raise InvalidRequest(f"--draft-tokens must be from 1 to {MAX_DRAFT_TOKENS}, got {self.draft_tokens}")
        if self.draft_ngram < 0:
            raise InvalidRequest(f"--draft-ngram must be at least 1, got {self.draft_ngram}")
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        speculates = self.speculates
        pairs: Mapping[tuple[str, str], bool] = {
            ("--draft-model", "--draft-ngram"): self.draft is not None and self.draft_ngram > 0,
            ("speculative decoding", "--max-kv-size"): speculates and self.max_kv_size is not None,
            ("--kv-bits", "--max-kv-size"): self.kv_bits is not None and self.max_kv_size is not None,
        }
        for (one, other), both in pairs.items():
            if both:
                raise InvalidRequest(f"{one} and {other} exclude each other", hint="leave one of them out")

    @property
    def speculates(self) -> bool:
        return self.draft is not None or self.draft_ngram > 0

    @property
    def of_text_only(self) -> tuple[str, ...]:
        """The options given that only make sense for a model that reads and writes text."""
        given = {
            "--adapter": self.adapter is not None,
            "--draft-model": self.draft is not None,
            "--draft-ngram": self.draft_ngram > 0,
            "--kv-bits": self.kv_bits is not None,
            "--max-kv-size": self.max_kv_size is not None,
        }
        return tuple(name for name, is_given in given.items() if is_given)

    @property
    def kv_share(self) -> float:
        """What a token takes in the KV cache, of what it takes in 16 bits. Each group has a scale and an offset."""
        return 1.0 if self.kv_bits is None else (self.kv_bits + 32 / self.kv_group_size) / 16

    @property
    def key(self) -> str:
        """What tells two loads of one model apart; "" for the plain one. Budgets do not count, nor what is read of
        pictures.
        """
        plain = LoadOptions()
        bare = replace(self, prefix_cache=plain.prefix_cache, memory_bytes=None, sees=False, hears=False, exif=True)
        if bare == plain:
            return ""
        draft = None if self.draft is None else self.draft.identity
        parts = (self.adapter, draft, self.draft_ngram, self.draft_tokens, self.kv_bits, self.kv_group_size)
        what_for = () if self.task is Task.GENERATE else (self.task.value,)
        where = ("cpu",) if self.cpu else ()
        return repr((*map(str, parts), self.max_kv_size, *what_for, *where))
