"""MLX's settings for a worker process."""

from __future__ import annotations

import mlx.core as mx

CACHE_SHARE = 16
CACHE_LIMIT_BYTES = 2 * 2**30


def configure_mlx() -> None:
    """Set memory limits and compilation once, before a model is loaded."""
    set_memory_limits()
    if mx.default_device() == mx.cpu:
        # On the CPU, compiling means running g++ during the first request (seconds on a fresh machine) and loading
        # what it built from a guessable folder below /tmp; it gains nothing that could be measured.
        mx.disable_compile()


def use_cpu() -> None:
    """For the whole process, before a model is loaded: whatever graphics processor there is stays idle."""
    mx.set_default_device(mx.cpu)
    mx.disable_compile()


def set_memory_limits() -> str:
    """Explicit limits where Metal is; says what was done.

    memory and wired: what Metal recommends for this machine, so that weights stay resident and an allocation beyond it
    is an error in this process, not a stall of the whole Mac. cache (freed buffers kept for reuse): a sixteenth of
    that, at most 2 GiB, because several workers share the machine. Elsewhere the system's own allocator and its limits
    rule: nothing is wired, and MLX has no recommendation to go by.
    """
    if not mx.metal.is_available():
        return "no limits: no Metal on this machine"
    recommended_bytes = int(mx.device_info()["max_recommended_working_set_size"])
    cache_bytes = min(recommended_bytes // CACHE_SHARE, CACHE_LIMIT_BYTES)
    mx.set_memory_limit(recommended_bytes)
    mx.set_wired_limit(recommended_bytes)
    mx.set_cache_limit(cache_bytes)
    return f"memory {recommended_bytes:,} bytes, cache {cache_bytes:,} bytes"
