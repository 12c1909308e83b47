"""Pictures in our engine beside mlx-vlm's own loop, in one process, in turn, without HTTP.

python -m benchmarks.vision [--blas LIBRARY] [--runs 3] [--side 448] [--small-side 112] [--max-tokens 96]

--blas runs all of it in a child with that library preloaded. A qwen2_vl with random weights and pictures of noise:
what is measured is how long it takes, not what it says. All figures are shares within one round, medians over the
rounds. first answer: up to the first token, ours over mlx-vlm's, a picture of --side pixels. second turn: ours, about
the same picture, over our first. eight: tokens a second of eight requests at once over as many one after another,
about pictures of --small-side. gap: the longest that a text stream waits beside eight pictures of --side, over a
chunk: what the engine may take for one pass (Pace), or the longest pass of the round where that took longer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.engine import CHILD, preloaded

IMAGE, VIDEO, START = 500, 501, 502
ROWS, QUESTION_TOKENS, PATCH = 8, 32, 14


@dataclass(frozen=True, slots=True)
class Round:
    first: float
    second_turn: float
    eight: float
    gap: float


@dataclass(frozen=True, slots=True)
class Prompt:
    tokens: tuple[int, ...]
    media: Any


def network() -> Any:
    import mlx.core as mx
    from mlx_vlm.models.qwen2_vl import Model, ModelConfig, TextConfig, VisionConfig

    text = TextConfig(
        model_type="qwen2_vl", hidden_size=256, num_hidden_layers=4, intermediate_size=512, num_attention_heads=4,
        num_key_value_heads=2, rms_norm_eps=1e-6, vocab_size=512, max_position_embeddings=8192, rope_theta=1e4,
        rope_scaling={"type": "mrope", "mrope_section": [8, 12, 12]},
    )  # fmt: skip
    vision = VisionConfig(model_type="qwen2_vl", depth=4, embed_dim=128, hidden_size=256, num_heads=4, mlp_ratio=2)
    mx.random.seed(0)
    model = Model(
        ModelConfig(
            text_config=text, vision_config=vision, model_type="qwen2_vl", image_token_id=IMAGE, video_token_id=VIDEO,
            vision_start_token_id=START, vocab_size=512,
        )
    )  # fmt: skip
    mx.eval(model.parameters())
    return model


def prompt_of(seed: int, side: int, *after: Sequence[int]) -> Prompt:
    """A question about a picture, and what comes after it."""
    import numpy as np

    from ports.text_codec import PromptMedia, PromptPicture

    patches = side // PATCH
    chance = np.random.default_rng(seed)
    pixels = chance.normal(size=(patches**2, 3 * 2 * PATCH**2)).astype(np.float32)
    shown = (patches // 2) ** 2
    tokens = [
        1,
        2,
        START,
        *[IMAGE] * shown,
        *range(10, 10 + QUESTION_TOKENS),
        *(token for each in after for token in each),
    ]
    inputs = {"pixel_values": pixels, "image_grid_thw": np.array([[1, patches, patches]])}
    return Prompt(tuple(tokens), PromptMedia((PromptPicture(3, 3 + shown, f"noise {seed}"),), inputs))


def first_of_mlx_vlm(model: Any, prompt: Prompt) -> float:
    import mlx.core as mx
    from mlx_vlm.generate import generate_step

    begin = time.perf_counter()
    inputs = {name: mx.array(value) for name, value in prompt.media.inputs.items()}
    ids = mx.array([prompt.tokens])
    next(
        iter(
            generate_step(
                ids, model, inputs.pop("pixel_values"), mx.ones_like(ids), max_tokens=1, temperature=0.0, **inputs
            )
        )
    )
    return time.perf_counter() - begin


def engine_of(model: Any) -> Any:
    """Fresh, with a memory of its own; what it can do in a batch is known."""
    from adapters.inference.engine.vision import vision_network
    from adapters.inference.prefix_cache.prefix_cache import PrefixCache
    from adapters.inference.text_engine import MlxTextEngine

    eyes = vision_network(model)
    engine = MlxTextEngine(eyes, frozenset(), prefixes=PrefixCache(b"r" * 32, 1 << 30, eyes.make_cache))
    engine.learn()
    return engine


def admit(engine: Any, at: int, tokens: Sequence[int], media: Any, max_tokens: int) -> None:
    from domain.inference import Sampling
    from ports.text_engine import EngineRow

    engine.admit(EngineRow(at, tuple(tokens), max_tokens, Sampling(0.0, 1.0, seed=0), media=media))


def first_of_ours(engine: Any, prompt: Prompt) -> float:
    begin = time.perf_counter()
    admit(engine, 0, prompt.tokens, prompt.media, 1)
    while engine.active_rows:
        assert all(step.error is None for step in engine.step())
    return time.perf_counter() - begin


def answered(engine: Any, prompts: Sequence[Prompt], max_tokens: int, together: bool) -> float:
    """Tokens a second."""
    begin = time.perf_counter()
    for at, prompt in enumerate(prompts):
        admit(engine, at, prompt.tokens, prompt.media, max_tokens)
        while engine.active_rows and not together:
            engine.step()
    while engine.active_rows:
        engine.step()
    return len(prompts) * max_tokens / (time.perf_counter() - begin)


def gap_beside(engine: Any, prompts: Sequence[Prompt], max_tokens: int) -> float:
    """The longest wait of a text stream, over a chunk; the longest pass is timed without it."""
    from adapters.inference.engine.pace import STEP_SECONDS

    passes = []
    for at, prompt in enumerate(prompts):
        admit(engine, at, (7, *prompt.tokens), _moved(prompt.media), 1)
        while engine.active_rows:
            begin = time.perf_counter()
            engine.step()
            passes.append(time.perf_counter() - begin)
    admit(engine, 99, range(10, 60), None, max_tokens * 4)
    while not engine.step():
        pass
    for at, prompt in enumerate(prompts):
        admit(engine, at, (8, 7, *prompt.tokens), _moved(_moved(prompt.media)), max_tokens)
    waits, last = [], time.perf_counter()
    while engine.active_rows:
        if any(step.row_id == 99 for step in engine.step()):
            waits.append(time.perf_counter() - last)
            last = time.perf_counter()
    return max(waits) / max(STEP_SECONDS, *passes)


def _moved(media: Any) -> Any:
    """The same, one token later."""
    from ports.text_codec import PromptMedia, PromptPicture

    pictures = tuple(PromptPicture(each.start + 1, each.end + 1, each.digest) for each in media.pictures)
    return PromptMedia(pictures, media.inputs)


def measure(options: argparse.Namespace) -> list[Round]:
    from adapters.inference.mlx_process import configure_mlx

    configure_mlx()
    model = network()
    rounds = []
    for number in range(options.runs + 1):
        engine = engine_of(model)
        one = prompt_of(100 * number, options.side)
        if number % 2:
            theirs = first_of_mlx_vlm(model, one)
            ours = first_of_ours(engine, one)
        else:
            ours = first_of_ours(engine, one)
            theirs = first_of_mlx_vlm(model, one)
        later = first_of_ours(engine, prompt_of(100 * number, options.side, [5] * 24, range(60, 92)))
        several = [prompt_of(100 * number + at, options.small_side) for at in range(1, ROWS + 1)]
        others = [prompt_of(100 * number + at, options.small_side) for at in range(11, ROWS + 11)]
        alone = answered(engine, several, options.max_tokens, together=False)
        together = answered(engine, others, options.max_tokens, together=True)
        fresh = engine_of(model)
        large = [prompt_of(100 * number + at, options.side) for at in range(21, ROWS + 21)]
        gap = gap_beside(fresh, large, options.max_tokens // 4)
        if number:  # the first round warms up
            rounds.append(Round(ours / theirs, later / ours, together / alone, gap))
        engine.close()
        fresh.close()
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--blas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--side", type=int, default=448)
    parser.add_argument("--small-side", type=int, default=112)
    parser.add_argument("--max-tokens", type=int, default=96)
    options = parser.parse_args()
    if options.blas and CHILD not in os.environ:
        command = [sys.executable, "-m", "benchmarks.vision", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env=preloaded(options.blas), check=False).returncode)
    rounds = measure(options)
    names = {"first": "first answer", "second_turn": "second turn", "eight": "eight at once", "gap": "longest gap"}
    for name, text in names.items():
        values = [getattr(each, name) for each in rounds]
        sys.stdout.write(
            json.dumps({"what": text, "median": round(statistics.median(values), 3), "lowest": round(min(values), 3),
                        "highest": round(max(values), 3)}) + "\n"
        )  # fmt: skip


if __name__ == "__main__":
    main()
