"""Train the demo model: python -m scripts.train_demo --out FOLDER [--seed N] [--tiny]."""

from __future__ import annotations

import sys
import time

from scripts.trainer import Script, called

SCRIPT = Script(
    "scripts.train_demo",
    "the demo model",
    "a much smaller model of a few topics, in seconds",
)


def main(argv: list[str]) -> int:
    """Train, save, ask the saved files, print what came out. Returns the exit code."""
    arguments = called(SCRIPT, argv)
    from scripts.train_demo.build import build

    started = time.monotonic()

    def report(round_index: int, steps: int, loss: float) -> None:
        print(f"round {round_index} steps {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    result = build(arguments.out, seed=arguments.seed, tiny=arguments.tiny, report=report)
    print(f"{result.parameters} parameters, {time.monotonic() - started:.0f} s, in {arguments.out}")
    for name, score in result.scores.items():
        print(f"{name}: {score.right} of {score.total}, smallest margin {score.smallest_margin:.2f}")
        for question in score.wrong:
            print(f"  wrong: {question!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
