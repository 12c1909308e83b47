"""Train the vision model of the tests: python -m scripts.train_vision --out FOLDER [--seed N] [--tiny]."""

from __future__ import annotations

import sys
import time

from scripts.trainer import Script, called

SCRIPT = Script(
    "scripts.train_vision",
    "the vision model of the tests",
    "a much smaller model that knows nothing, in seconds",
)


def main(argv: list[str]) -> int:
    """Train, save, ask the saved files, print what came out. Returns the exit code."""
    arguments = called(SCRIPT, argv)
    from scripts.train_vision.build import build

    started = time.monotonic()

    def report(steps: int, loss: float) -> None:
        print(f"step {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    result = build(arguments.out, arguments.seed, arguments.tiny, report)
    print(f"{result.parameters} parameters, {time.monotonic() - started:.0f} s, in {arguments.out}")
    for name, scores in (("plain", result.plain), ("with notes before pictures", result.noted)):
        print(f"{name}:")
        for text, told in scores.items():
            print("\n    ".join([f"  {text} {told.right} of {told.total}", *told.wrong[:5]]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
