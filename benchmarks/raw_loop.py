"""The yardstick "raw": mlx_lm's own BatchGenerator in this process, fed what a server would be asked.

python -m benchmarks.raw_loop FOLDER      reads {"prompts": [...], "max_tokens": N} lines, answers one line each
python -m benchmarks.raw_loop --build FOLDER    writes the benchmark's miniature there (1.5 M parameters, float32)
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from mlx_lm import load
from mlx_lm.generate import BatchGenerator

from tests.support.tiny_llama import TinyLlama

MINIATURE = TinyLlama(hidden=192, layers=4, heads=6, context_length=4096)


def run(model: Any, tokenizer: Any, prompts: list[str], max_tokens: int) -> dict[str, object]:
    """Greedy, all prompts at once; seconds are from handing over the prompts."""
    begin, cpu_begin = time.perf_counter(), time.process_time()
    rows = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True)
        for prompt in prompts
    ]
    generator = BatchGenerator(model, max_tokens=max_tokens, stop_tokens=[[each] for each in tokenizer.eos_token_ids])
    first: dict[int, float] = {}
    tokens = 0
    running = set(generator.insert(rows, [max_tokens] * len(rows)))
    while running:
        for response in generator.next_generated():
            tokens += 1
            first.setdefault(response.uid, time.perf_counter() - begin)
            if response.finish_reason is not None:
                running.discard(response.uid)
    seconds = time.perf_counter() - begin
    generator.close()
    return {
        "seconds": seconds,
        "tokens": tokens,
        "first_token_seconds": list(first.values()),
        "cpu_seconds": time.process_time() - cpu_begin,
    }


def main() -> None:
    if sys.argv[1] == "--build":
        MINIATURE.build(Path(sys.argv[2]))
        return
    model, tokenizer = load(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(model, tokenizer, asked["prompts"], asked["max_tokens"])), flush=True)


if __name__ == "__main__":
    main()
