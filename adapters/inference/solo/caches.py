"""The caches of a row that is served alone, and what cannot be done with a model's caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import ArraysCache, KVCache, RotatingKVCache, make_prompt_cache

from adapters.inference.engine.caches import can_be_cut_short, leaves
from domain.errors import InvalidRequest
from domain.serving.load_options import DEFAULT_KV_GROUP_SIZE

# Prompts are read in pieces of so many tokens.
CHUNK_TOKENS = 512
# The first tokens hold a conversation together and stay when the oldest are forgotten; as many as mlx-lm keeps.
KEPT_TOKENS = 4
PROBE_TOKENS = 3


@dataclass(frozen=True, slots=True)
class CacheMaker:
    """Makes one row's caches, one a layer. kv_bits: quantised after the first pass, as mlx-lm does from the start on.
    max_kv_size: layers that would keep every token keep so many.
    """

    network: Any
    kv_bits: int | None = None
    kv_group_size: int = DEFAULT_KV_GROUP_SIZE
    max_kv_size: int | None = None

    def make(self) -> list[Any]:
        caches: list[Any] = make_prompt_cache(self.network)
        if self.max_kv_size is None:
            return caches
        return [RotatingKVCache(self.max_kv_size, KEPT_TOKENS) if type(each) is KVCache else each for each in caches]

    def settle(self, caches: list[Any]) -> None:
        """To be called after each pass: quantises what is not yet quantised, in place."""
        if self.kv_bits is not None:
            for at, layer in enumerate(caches):
                if type(layer) is KVCache:
                    caches[at] = layer.to_quantized(group_size=self.kv_group_size, bits=self.kv_bits)


def require_cuttable(name: str, caches: Sequence[Any], what: str) -> None:
    """Raises InvalidRequest for a model whose caches cannot take a token back. what: the option that needs it."""
    stubborn = sorted({type(each).__name__ for each in leaves(caches) if not can_be_cut_short([each])})
    if stubborn:
        raise InvalidRequest(
            f"{what} cannot be used with {name}: a wrong guess must be taken back, and its {', '.join(stubborn)} "
            "cannot forget single tokens",
            hint=f"leave {what} out for this model",
        )


def require_quantisable(name: str, maker: CacheMaker) -> None:
    """Raises InvalidRequest for a model whose KV cache cannot be quantised this way. Tries it, with a few tokens.

    State-space layers have no KV cache and stay as they are; one layer at least must have one.
    """
    what = f"--kv-bits {maker.kv_bits}"
    caches = maker.make()
    others = sorted({type(each).__name__ for each in leaves(caches)} - {KVCache.__name__, ArraysCache.__name__})
    if others or not any(type(each) is KVCache for each in caches):
        raise InvalidRequest(
            f"{what} cannot be used with {name}: there is no quantised {', '.join(others) or 'form of its caches'}",
            hint="leave --kv-bits out for this model",
        )
    try:
        for _ in range(2):
            logits = maker.network(mx.zeros((1, PROBE_TOKENS), mx.int32), cache=caches)
            maker.settle(caches)
            mx.eval(logits, [each.state for each in caches])
    except Exception as fault:
        raise InvalidRequest(
            f"{what} with --kv-group-size {maker.kv_group_size} cannot be used with {name}: {fault}",
            hint="leave --kv-bits out for this model, or choose a --kv-group-size that divides its head size",
        ) from fault


def require_forgetful(name: str, maker: CacheMaker) -> None:
    """Raises InvalidRequest for a model none of whose layers keeps every token in a cache that can be bounded."""
    what = f"--max-kv-size {maker.max_kv_size}"
    plain = make_prompt_cache(maker.network)
    known = (KVCache, RotatingKVCache, ArraysCache)
    others = sorted({type(each).__name__ for each in plain if type(each) not in known})
    if others or not any(type(each) is KVCache for each in plain):
        raise InvalidRequest(
            f"{what} cannot be used with {name}: "
            f"{'nothing bounds its ' + ', '.join(others) if others else 'its caches are bounded already'}",
            hint="leave --max-kv-size out for this model",
        )
