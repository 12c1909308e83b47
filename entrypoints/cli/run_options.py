"""The option table's row of `mlxk run`."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional

MODEL = Positional(
    "model",
    "a name (org/name), a part of one, name@revision, or a folder (./x, /x, ~/x)",
    completes=Completes.MODEL,
)
RUN = Command(
    name="run",
    summary="ask a model, or chat with it",
    positionals=(
        MODEL,
        Positional(
            "prompt",
            "the question; its words are joined; - reads standard input",
            required=False,
            many=True,
            field="words",
        ),
    ),
    options=(
        Option("--prompt", "the question, in place of the words", Kind.TEXT, value="TEXT"),
        Option("--system", "the system message", Kind.TEXT, value="TEXT"),
        Option(
            "--max-tokens",
            "tokens the answer may have",
            Kind.INTEGER,
            value="N",
            default="what the model's context holds",
        ),
        Option("--temperature", "0 is greedy", Kind.NUMBER, value="T", default="the model's own, else 0.7"),
        Option(
            "--top-p", "share of the probability to draw from", Kind.NUMBER, value="P", default="the model's, else 0.9"
        ),
        Option("--seed", "makes the answer repeatable", Kind.INTEGER, value="N", default="a fresh one"),
        Option("--no-stream", "print the answer whole, also on a terminal"),
        Option("--force", "load the model although it may not fit into memory"),
    ),
    details=(
        "Without a prompt, on a terminal, this is a chat: exit, quit, q or Ctrl-D leaves it, Ctrl-C stops an answer. "
        "With - standard input comes first, then an empty line, then the prompt. "
        "Words that begin with a dash go after --.",
    ),
    examples=(
        'mlxk run demo "Who are you?"',
        "mlxk run demo how do I list models --temperature 0",
        "git diff | mlxk run demo - explain this change",
        "mlxk run demo",
    ),
)
