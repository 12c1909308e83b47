"""Train the embedders and the reranker of the tests: python -m scripts.train_embedding --out FOLDER [--tiny]."""

from __future__ import annotations

import sys
import time

from scripts.trainer import Script, called

SCRIPT = Script(
    "scripts.train_embedding",
    "the embedders and the reranker of the tests",
    "much smaller models that know nothing, in seconds",
)


def main(argv: list[str]) -> int:
    """Train and save; what the saved files know the tests ask them. Returns the exit code."""
    arguments = called(SCRIPT, argv)
    from scripts.train_embedding.build import build
    from scripts.train_embedding.recipe import FULL, TINY

    started = time.monotonic()

    def report(name: str, steps: int, loss: float) -> None:
        print(f"{name} step {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    parameters = build(arguments.out, TINY if arguments.tiny else FULL, arguments.seed, report)
    for name, count in parameters.items():
        print(f"{name}: {count} parameters, in {arguments.out / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
