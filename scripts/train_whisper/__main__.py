"""Train the Whisper of the tests: python -m scripts.train_whisper --out FOLDER [--seed N] [--tiny]."""

from __future__ import annotations

import sys
import time

from scripts.trainer import Script, called

SCRIPT = Script(
    "scripts.train_whisper",
    "the Whisper of the tests",
    "a much smaller model that knows nothing, in seconds",
)


def main(argv: list[str]) -> int:
    """Train, save, ask the saved files, print what came out. Returns the exit code."""
    arguments = called(SCRIPT, argv)
    from scripts.train_whisper.build import build

    started = time.monotonic()

    def report(steps: int, loss: float) -> None:
        print(f"step {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    result = build(arguments.out, arguments.seed, arguments.tiny, report)
    print(f"{result.parameters} parameters, {time.monotonic() - started:.0f} s, in {arguments.out}")
    for clip in result.clips:
        wrong = [way for way, right in clip.right.items() if not right]
        print(f"  {clip.name}: margin {clip.margin:.2f}, {'wrong: ' + ', '.join(wrong) if wrong else 'right'}")
    for what, told in result.changed.items():
        print("\n    ".join([f"  {what} {told.right} of {told.total}", *told.wrong]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
