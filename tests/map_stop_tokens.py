"""Finds out at which tokens the text models of the portfolio stop: `python -m tests.map_stop_tokens [--prompts N]`.

Each model answers every prompt, greedily and warmly. What ended its answers, how often, and whether it said a stop
token more than once in a row goes to build/stop_token_mapping.json. It takes long with real models, so it is no test.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.reporting.whole_file import write_whole
from tests.support import isolated_cache as caches
from tests.support.live_cli import LiveHouse, told
from tests.support.model_copy import snapshot_of
from tests.support.portfolio.discovery import discover
from tests.support.portfolio.kinds import Kind, PortfolioModel
from tests.support.portfolio.miniatures import add_miniatures
from tests.support.stop_tokens import configured_stops, last_tokens
from tests.support.user_cache import user_cache

OUTPUT = Path("build/stop_token_mapping.json")
PROMPTS = (
    "Who are you?",
    "Say hello.",
    "Count from 1 to 5.",
    "Write one sentence about the sea.",
    "What is the capital of France?",
    "Translate 'good morning' into German.",
    "Name three colours.",
    "Write a haiku.",
    "Is 7 a prime number? Answer yes or no.",
    "Write a JSON object with one key.",
    "Explain in two sentences what a cache is.",
    "End your answer with the word end.",
)
TEMPERATURES = ("0", "0.7")
REPEATED = re.compile(r"Multiple EOS tokens detected \((\d+)\)")


def mapping(model: PortfolioModel, house: LiveHouse, prompts: int) -> dict[str, Any]:
    """Of one model. A failed answer is counted, with what was said, and ends nothing."""
    assert model.home is not None
    ends: Counter[str] = Counter()
    repeated, cut, failures = 0, 0, []
    for prompt in PROMPTS[:prompts]:
        for temperature in TEMPERATURES:
            words = ("run", model.name, prompt, "--temperature", temperature, "--max-tokens", "256", "--verbose")
            done = house.run(*words, "--seed", "1")
            if done.returncode != 0:
                failures.append(told(done))
                continue
            said = done.stderr.decode(errors="replace")
            if "ended by stop" in said:
                token, text = last_tokens(said)[-1]
                ends[f"{token} {text}"] += 1
            else:
                cut += 1
            repeated += bool(REPEATED.search(said))
    configured = configured_stops(snapshot_of(model.home / "hub", model.name))
    return {
        "configured": configured, "ended_by": dict(ends), "cut_at_the_limit": cut,
        "said_a_stop_token_again": repeated, "failures": failures,
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.map_stop_tokens", description=__doc__)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS), help=f"how many of the {len(PROMPTS)} prompts")
    prompts = parser.parse_args(argv).prompts
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = caches.made_in(Path(folder))
        add_miniatures(cache.hub)
        for model in discover(user_cache(os.environ).home)[Kind.TEXT]:
            settled = replace(model, home=cache.home) if model.miniature else model
            assert settled.home is not None
            house = LiveHouse(Path(folder), settled.home)
            found[model.name] = mapping(settled, house, prompts)
            print(f"{model.name}: {found[model.name]['ended_by']}", flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    write_whole(OUTPUT, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    print(OUTPUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
