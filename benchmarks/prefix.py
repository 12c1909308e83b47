"""The first token of a turn whose conversation is remembered, against reading the turn alone.

python -m benchmarks.prefix [--tokens 2000] [--turn 32] [--hidden 768] [--layers 12] [--kv-heads 4] [--runs 7]

In this process, no server. suffix: raw prefill of the turn on caches that are there already, to the first token: what
cannot be avoided. warm: the same through the prompt cache, the copy of the caches included. restart: the first request
of a cache that was opened on another's files, the finding of them told apart. cold: everything is read. The model has
random weights; a fast BLAS (--blas in benchmarks.serving) has to be preloaded by the caller.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import KVCache, make_prompt_cache
from mlx_lm.models.llama import Model, ModelArgs

from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.prefix_cache import PrefixCache

ROOT = b"benchmark" + bytes(23)
BUDGET = 4 << 30
CHUNK = 512
VOCABULARY = 1_024


def built(hidden: int, layers: int, kv_heads: int) -> Any:
    mx.random.seed(1)
    model = Model(
        ModelArgs(
            model_type="llama", hidden_size=hidden, num_hidden_layers=layers, intermediate_size=2 * hidden,
            num_attention_heads=hidden // 64, num_key_value_heads=kv_heads, rms_norm_eps=1e-5,
            vocab_size=VOCABULARY,
        )
    )  # fmt: skip
    mx.eval(model.parameters())
    return model


def first_token(model: Any, caches: list[Any], tokens: list[int]) -> Any:
    """Read on in chunks; the likeliest next token."""
    logits = None
    for start in range(0, len(tokens), CHUNK):
        logits = model(mx.array([tokens[start : start + CHUNK]]), cache=caches)[0, -1]
        mx.eval(logits, [cache.state for cache in caches])
    return mx.argmax(logits).tolist() if logits is not None else None


def twin(caches: list[Any]) -> list[Any]:
    """Caches that can be written on in place, as an engine has them at hand."""
    copies = []
    for cache in caches:
        copy = KVCache()
        copy.update_and_fetch(*cache.keys_and_values())
        copies.append(copy)
    mx.eval([copy.state for copy in copies])
    return copies


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    outcome = work()
    return (time.perf_counter() - begin) * 1_000, outcome


class Rounds:
    """Each round measures every way once, so that a slow moment hits them alike."""

    def __init__(self, model: Any, tokens: list[int], turn: int, folder: Path, pause: float) -> None:
        self._model = model
        self._pause = pause
        self._tokens = tokens
        self._start = len(tokens) - turn
        self._folder = folder
        self._base = make_prompt_cache(model)
        self.cold_ms, _ = timed(lambda: first_token(model, self._base, tokens[: self._start]))
        self._warm = PrefixCache(ROOT, BUDGET, lambda: make_prompt_cache(model))
        disk = open_disk(folder, ROOT, {"model": "benchmark"}, BUDGET)
        written = PrefixCache(ROOT, BUDGET, lambda: make_prompt_cache(model), disk)
        self.keep_ms, _ = timed(lambda: self._warm.keep(tokens[: self._start], self._base, boundary=True))
        self.keep_disk_ms, _ = timed(lambda: written.keep(tokens[: self._start], self._base, boundary=True))
        written.close()

    def suffix(self) -> float:
        caches = twin(self._base)
        return timed(lambda: first_token(self._model, caches, self._tokens[self._start :]))[0]

    def warm(self) -> float:
        return timed(lambda: self._through(self._warm))[0]

    def restart(self) -> tuple[float, float]:
        """Milliseconds to open, and to the first token of the first request."""
        opening_ms, prefixes = timed(self._opened)
        time.sleep(self._pause)  # a server that has started waits for its first request
        first_ms, _ = timed(lambda: self._through(prefixes))
        prefixes.close()
        return opening_ms, first_ms

    def _opened(self) -> PrefixCache:
        disk = open_disk(self._folder, ROOT, {"model": "benchmark"}, BUDGET)
        return PrefixCache(ROOT, BUDGET, lambda: make_prompt_cache(self._model), disk)

    def _through(self, prefixes: PrefixCache) -> Any:
        prefix = prefixes.longest(self._tokens)
        assert prefix is not None
        assert prefix.length == self._start
        return first_token(self._model, prefix.caches, self._tokens[prefix.length :])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("tokens", 2_000), ("turn", 32), ("hidden", 768), ("layers", 12), ("kv_heads", 4), ("runs", 7)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between a restart and its first request")
    options = parser.parse_args()
    model = built(options.hidden, options.layers, options.kv_heads)
    draw = random.Random(1)  # noqa: S311
    tokens = [draw.randrange(VOCABULARY) for _ in range(options.tokens + options.turn)]
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(model, tokens, options.turn, Path(folder), options.pause)
        found = [(rounds.suffix(), rounds.warm(), *rounds.restart()) for _ in range(options.runs)]
    suffix, warm, opening, restart = (statistics.median(column) for column in zip(*found, strict=True))
    warm_share = statistics.median(each[1] / each[0] for each in found)
    restart_share = statistics.median(each[3] / each[0] for each in found)
    size_mb = sum(cache.nbytes for cache in twin(rounds._base)) / 1e6
    print(f"{options.tokens} tokens remembered ({size_mb:.0f} MB), a turn of {options.turn}; medians of {options.runs}")
    print(f"cold {rounds.cold_ms:.0f} ms; keep {rounds.keep_ms:.1f} ms, with the disk {rounds.keep_disk_ms:.1f} ms")
    print(f"suffix {suffix:.1f} ms; warm {warm:.1f} ms ({warm_share:.2f}x)")
    print(f"after a restart, {options.pause:g} s later, {restart:.1f} ms ({restart_share:.2f}x)", end="; ")
    print(f"found again in {opening:.1f} ms")


if __name__ == "__main__":
    main()
