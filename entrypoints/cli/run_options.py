"""The option table's row of `mlxk run`."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional
from entrypoints.cli.hearing_options import SOUND_OPTIONS
from entrypoints.cli.run_option_groups import FORM_OPTIONS, LOADING_OPTIONS, PICTURE_OPTIONS, SAMPLING_OPTIONS

MODEL = Positional(
    "model",
    "a name (org/name), a part of one, name@revision, or a folder (./x, /x, ~/x)",
    completes=Completes.MODEL,
)
RUN = Command(
    name="run",
    summary="ask a model, or chat with it",
    loads_model=True,
    asks_servers=True,
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
        Option("--file", "text that goes before the question; may be given again", Kind.FILES, value="PATH"),
        Option(
            "--max-tokens",
            "tokens the answer may have",
            Kind.INTEGER,
            value="N",
            default="what the model's context holds",
        ),
        Option("--no-stream", "print the answer whole, also on a terminal"),
        Option("--verbose", "tell on standard error how the answer came about"),
        *PICTURE_OPTIONS,
        *SOUND_OPTIONS,
        *SAMPLING_OPTIONS,
        *FORM_OPTIONS,
        *LOADING_OPTIONS,
    ),
    details=(
        "Without a prompt, on a terminal, this is a chat: /help tells its commands, exit, quit, q or Ctrl-D leaves it, "
        "Ctrl-C stops an answer. With - standard input comes first, then an empty line, then the prompt. "
        "Words that begin with a dash go after --.",
        "--file, --image and --audio take the words that follow as long as they name existing files; the question then "
        "stands before them, in --prompt, after -- or where a word names no file. With pictures and no question the model "
        "describes them.",
        "With --audio a model that only hears writes down what is said in that one file, of any size; the question is "
        "then what the sound goes on from. `mlxk transcribe` writes other formats, and takes several files.",
        "Where a server of ours (mlxk serve) already holds the model, it answers. docs/chat.md tells more.",
    ),
    examples=(
        'mlxk run demo "Who are you?"',
        "mlxk run demo how do I list models --temperature 0",
        "git diff | mlxk run demo - explain this change",
        "mlxk run demo summarise --file README.md CHANGELOG.md",
        'mlxk run demo "A list of colours" --schema colours.json --json',
        'mlxk run org/vision-model "What is the same in both?" --image a.jpg b.jpg',
        "mlxk run org/whisper --audio talk.mp3 --language de",
        "mlxk run demo",
    ),
)
