"""The row of the option table that is about speech."""

from __future__ import annotations

from domain.inference.sound import SoundFormat
from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional

SPEAK = Command(
    name="speak",
    summary="say a text aloud, into a file or a pipe",
    loads_model=True,
    positionals=(
        Positional("model", "a text-to-speech model, named as for `mlxk run`", completes=Completes.MODEL),
        Positional("text", "what to say; - is standard input", required=False, many=True, field="words"),
    ),
    options=(
        Option("--output", "write to this file; what stands there is replaced", Kind.TEXT, value="PATH"),
        Option(
            "--format", "of the sound", Kind.TEXT, value="FORMAT", choices=tuple(map(str, SoundFormat)),
            default="what the file's name ends in, else wav",
        ),
        Option("--voice", "one of the model's voices", Kind.TEXT, value="NAME", default="the model's own"),
        Option("--speed", "2 is twice as fast, for models that can", Kind.NUMBER, value="FACTOR", default="1"),
        Option("--language", "of the text, as a code such as en or de, for models that want to know", Kind.TEXT,
               value="CODE"),
        Option("--instructions", "how to say it, for models that listen to that", Kind.TEXT, value="TEXT"),
        Option("--seed", "the same sound every time", Kind.INTEGER, value="N"),
        Option("--cpu", "compute without the graphics processor"),
        Option("--force", "load the model although little memory is free"),
    ),
    details=(
        "Words are joined by spaces. A text may have any length: it is said sentence by sentence. Without --output the "
        "sound goes to standard output as it is made, to a pipe or a file, never to a terminal.",
        "pcm is bare 16-bit samples of one channel at 24 kHz; the other formats keep the model's rate.",
    ),
    examples=(
        'mlxk speak org/voice "Mind the gap." --output gap.mp3',
        "mlxk speak org/voice - --output book.flac < book.txt",
        'mlxk speak org/voice "Mind the gap." --format pcm > gap.pcm',
    ),
)  # fmt: skip
