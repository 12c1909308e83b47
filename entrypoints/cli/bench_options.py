"""The option table's row of `mlxk bench`."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Kind, Option
from entrypoints.cli.run_options import MODEL

BENCH = Command(
    name="bench",
    summary="measure how fast a model runs here, and how much memory it takes",
    loads_model=True,
    positionals=(MODEL,),
    options=(
        Option("--prompt-tokens", "lengths of prompts", Kind.TEXT, value="N,N", default="128,512,2048, where they fit"),
        Option("--batch", "requests at once", Kind.TEXT, value="N,N", default="1,4,8"),
        Option("--answer-tokens", "tokens of each answer", Kind.INTEGER, value="N", default="128"),
        Option("--runs", "how often each is measured, besides once to warm up", Kind.INTEGER, value="N", default="3"),
        Option("--save", "write the report to a file, as JSON", Kind.TEXT, value="FILE"),
        Option("--compare", "show the ratios to an earlier report", Kind.TEXT, value="FILE"),
        Option("--plot", "draw the report as a PNG (pip install 'mlxk[plot]')", Kind.TEXT, value="FILE"),
        Option("--force", "load the model although it may not fit into memory"),
    ),
    details=(
        "Prompts are random words, each another, so that none is remembered; answers are greedy and of full length. "
        "prefill: tokens a second of all prompts until the last answer begins. decode: tokens a second over all "
        "answers, once all have begun. Medians of the runs; --json has the lowest and highest too.",
    ),
    examples=(
        "mlxk bench demo",
        "mlxk bench demo --prompt-tokens 64,128 --batch 1,8 --answer-tokens 32",
        "mlxk bench demo --save before.json",
        "mlxk bench demo --compare before.json --plot demo.png",
    ),
)
