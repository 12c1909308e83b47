"""Train the vision model of the tests: python -m scripts.train_vision --out FOLDER [--seed N] [--tiny]."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from scripts.train_demo.blas import restart_with_fast_blas

_PRIVATE_BLAS = Path("build/train_demo/mkl")
PROOF_SEED = 7_000_000


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.train_vision", description="Train the vision model.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model's files")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same machine: same weights")
    parser.add_argument("--tiny", action="store_true", help="a much smaller model that knows nothing, in seconds")
    parser.add_argument("--slow-blas", action="store_true", help="do not look for a fast BLAS (Linux)")
    parser.add_argument("--blas-folder", type=Path, default=_PRIVATE_BLAS, help="where MKL is installed if need be")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Train, save, ask the saved files, print what came out. Returns the exit code."""
    arguments = _arguments(argv)
    if not (arguments.slow_blas or arguments.tiny):
        try:
            restart_with_fast_blas("scripts.train_vision", argv, arguments.blas_folder)
        except OSError as error:
            print(f"no fast BLAS: {error}", file=sys.stderr)
            return 1
    # MLX is imported only now: the process may have just been replaced.
    from mlx_vlm import load

    from scripts.train_vision.checkpoint import save, score, unseen_questions
    from scripts.train_vision.recipe import FULL, TINY, model_config, preprocessor_config
    from scripts.train_vision.tokenizer import train_tokenizer
    from scripts.train_vision.training import parameter_count, train

    started = time.monotonic()

    def report(steps: int, loss: float) -> None:
        print(f"step {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    recipe = TINY if arguments.tiny else FULL
    tokenizer = train_tokenizer()
    model = train(recipe, tokenizer, arguments.seed, report)
    configs = {
        "config.json": model_config(recipe, tokenizer),
        "generation_config.json": {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id},
        "preprocessor_config.json": preprocessor_config(),
    }
    save(arguments.out, model, configs, tokenizer)
    print(f"{parameter_count(model)} parameters, {time.monotonic() - started:.0f} s, in {arguments.out}")
    if arguments.tiny:
        return 0
    model, processor = load(str(arguments.out))
    for noted in (False, True):
        print("with notes before pictures:" if noted else "plain:")
        for text, told in score(model, processor, unseen_questions(PROOF_SEED, each=2, noted=noted)).items():
            print(f"  {text} {told.right} of {told.total}")
            for wrong in told.wrong[:5]:
                print(f"    {wrong}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
