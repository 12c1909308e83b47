"""A thousand short texts through our worker, beside mlx-vlm's own embedder in this process at its best batch size; then
ten thousand, and what the worker holds of memory.

python -m benchmarks.embedding [--blas LIBRARY] [--runs 3] [--texts 1000] [--many 10000]

--blas runs all of it, the worker too, in processes with that library preloaded. A BERT with random weights and
sentences of 4 to 24 words: what is measured is how long it takes. Both sides tokenise, compute and hold 32-bit floats
in the end; the worker also takes the texts off its line and puts the vectors on it. raw: the texts in the order in
which they come; sorted: by length first, which mlx-vlm leaves to its caller.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.engine import CHILD, preloaded

BATCHES = (8, 16, 32, 64, 128)
SLICE = 250  # texts in a request, of the many
WORDS = 2000
CONFIG = {
    "model_type": "bert", "architectures": ["BertModel"], "hidden_size": 256, "num_hidden_layers": 4,
    "num_attention_heads": 4, "intermediate_size": 1024, "max_position_embeddings": 256, "pad_token_id": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds. raw, ordered: by batch size."""

    ours: float
    raw: dict[int, float]
    ordered: dict[int, float]


def sentences(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it
    return [" ".join(f"w{chance.randrange(WORDS)}" for _ in range(chance.randint(4, 24))) for _ in range(count)]


def build(folder: Path) -> None:
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_vlm.models import bert
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a token, no secret
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=4000, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    made.train_from_iterator([" ".join(f"w{number}" for number in range(WORDS))] * 3, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)  # noqa: S106
    config = {**CONFIG, "vocab_size": made.get_vocab_size()}
    (folder / "config.json").write_text(json.dumps(config))
    mx.random.seed(0)
    network = bert.Model(bert.ModelConfig.from_dict(config))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(network.parameters())))


def raw_embedder(folder: Path) -> Callable[[Sequence[str], int], Any]:
    import mlx.core as mx
    import numpy as np
    from mlx_vlm.embedding_loader import load_embedding_model
    from transformers import AutoTokenizer

    network, tokenizer = load_embedding_model(folder), AutoTokenizer.from_pretrained(folder)

    def embed(texts: Sequence[str], size: int) -> Any:
        found = []
        for at in range(0, len(texts), size):
            read = tokenizer(list(texts[at : at + size]), padding=True, return_tensors="np")
            tokens, mask = mx.array(read["input_ids"]), mx.array(read["attention_mask"])
            found.append(np.array(network(tokens, attention_mask=mask).text_embeds, dtype=np.float32))
        return np.concatenate(found)

    return embed


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def measure(folder: Path, options: argparse.Namespace) -> tuple[list[Round], list[tuple[int, int, float]]]:
    """Rounds, and of the many: texts so far, the worker's resident bytes, seconds."""
    import numpy as np

    from adapters.inference.mlx_process import configure_mlx
    from adapters.worker_process.launcher import ProcessWorkerLauncher
    from domain.catalog import LocatedModel, ModelSource
    from domain.inference.embedding import EmbeddingRequest
    from domain.serving.load_options import LoadOptions, Task

    configure_mlx()
    raw = raw_embedder(folder)
    launcher = ProcessWorkerLauncher(dict(os.environ), keep_spare=False)
    worker = launcher.launch(LocatedModel("bench", folder, ModelSource.WORKSPACE), LoadOptions(task=Task.EMBED))

    def ours(texts: Sequence[str]) -> Any:
        answer = worker.embed(EmbeddingRequest(tuple(texts))).within(None)
        assert answer is not None
        return np.frombuffer(b"".join(each.data for each in answer.vectors), np.float32).reshape(len(texts), -1)

    rounds = []
    for number in range(options.runs + 1):
        texts = sentences(options.texts, number)
        seconds, vectors = timed(partial(ours, texts))
        ordered = sorted(texts, key=len)
        plain = {size: timed(partial(raw, texts, size)) for size in BATCHES}
        by_length = {size: timed(partial(raw, ordered, size))[0] for size in BATCHES}
        apart = max(float(np.abs(vectors - found).max()) for _, found in plain.values())
        assert apart < 1e-4, apart
        if number:  # the first round warms up
            rounds.append(Round(seconds, {size: took for size, (took, _) in plain.items()}, by_length))
    memory = []
    began = time.perf_counter()
    for at in range(0, options.many, SLICE):
        ours(sentences(SLICE, 100 + at))
        if (at + SLICE) % (options.many // 10) == 0:
            memory.append((at + SLICE, resident_bytes(worker.process_id), time.perf_counter() - began))
    worker.close()
    launcher.close()
    return rounds, memory


def resident_bytes(process_id: int) -> int:
    from adapters.memory import process_memory_for

    return process_memory_for(sys.platform).resident_bytes([process_id])[process_id]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blas", help="library to preload")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10_000)
    options = parser.parse_args()
    if options.blas and CHILD not in os.environ:
        command = [sys.executable, "-m", "benchmarks.embedding", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env=preloaded(options.blas), check=False).returncode)
    with tempfile.TemporaryDirectory() as place:
        build(Path(place))
        rounds, memory = measure(Path(place), options)
    for each in rounds:
        best, ordered = min(each.raw, key=lambda size: each.raw[size]), min(each.ordered.values())
        told = {
            "ours_texts_s": round(options.texts / each.ours),
            "raw_texts_s": round(options.texts / each.raw[best]),
            "raw_batch": best,
            "share": round(each.raw[best] / each.ours, 3),
            "share_of_sorted": round(ordered / each.ours, 3),
        }
        sys.stdout.write(json.dumps(told) + "\n")
    shares = [min(each.raw.values()) / each.ours for each in rounds]
    sys.stdout.write(json.dumps({"what": "share, median", "value": round(statistics.median(shares), 3)}) + "\n")
    for texts, held, seconds in memory:
        sys.stdout.write(json.dumps({"texts": texts, "worker_mb": held >> 20, "seconds": round(seconds, 1)}) + "\n")


if __name__ == "__main__":
    main()
