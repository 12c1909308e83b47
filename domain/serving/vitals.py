"""What a worker's engine says of itself when it is asked between two steps."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class EnginePulse:
    """As the engine is now. running: rows that decode, in one batch where the model can. reading: rows whose prompts
    are being read or wait for it. step_seconds: the longest that one step is expected to take. The bytes are MLX's:
    active in use now, freed and kept for reuse, and the most in use since it was last counted afresh. prefix_ram_bytes:
    of remembered prompts; None where nothing is remembered. prefix_disk_bytes: of all models' remembered prompts on the
    disk, as last counted; 0 without a disk.
    """

    running: int = 0
    reading: int = 0
    step_seconds: float = 0.0
    active_bytes: int = 0
    cache_bytes: int = 0
    peak_bytes: int = 0
    prefix_ram_bytes: int | None = None
    prefix_disk_bytes: int = 0


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """Counted since the model was loaded. prompt_tokens: read; cached_tokens: of prompts, those that need not be read.
    generated_tokens: drawn. lookups: prompts that were looked up among what is remembered; hits: those of which
    something was reused. checks: comparisons of remembered caches with a fresh reading; differing: of those, the bad
    ones.
    """

    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    lookups: int = 0
    hits: int = 0
    checks: int = 0
    differing: int = 0

    def plus(self, other: EngineTotals) -> EngineTotals:
        return EngineTotals(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def since(self, earlier: EngineTotals) -> EngineTotals:
        """What has been added. earlier: of the same engine."""
        return EngineTotals(*(getattr(self, each.name) - getattr(earlier, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class EngineVitals:
    """step_seconds: what the next step may take, by the engine's own plan and by its last steps. preparing: requests
    that wait for template and tokenizer, the one in work counted. preparing_seconds: how long that one has been there.
    """

    pulse: EnginePulse
    totals: EngineTotals
    step_seconds: float = 0.0
    preparing: int = 0
    preparing_seconds: float = 0.0
