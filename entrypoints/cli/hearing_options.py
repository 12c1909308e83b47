"""The rows of the option table that are about sounds."""

from __future__ import annotations

from entrypoints.cli.grammar import Command, Completes, Kind, Option, Positional

FORMATS = ("text", "json", "srt", "vtt", "verbose_json")
GRANULARITIES = ("word", "segment")
_SOUNDS = "Sounds"

LANGUAGE = Option(
    "--language", "what is spoken, as a code such as en or de", Kind.TEXT, value="CODE", default="detected"
)
TRANSLATE = Option("--translate", "write it in English, where the model can")

# Of `mlxk run`.
SOUND_OPTIONS = (
    Option(
        "--audio",
        "a sound that the model is to hear; a model that only hears writes down what is said",
        Kind.FILES,
        value="PATH",
        group=_SOUNDS,
    ),
    Option(LANGUAGE.flag, LANGUAGE.help, Kind.TEXT, value="CODE", default="detected", group=_SOUNDS),
    Option(TRANSLATE.flag, TRANSLATE.help, group=_SOUNDS),
)

TRANSCRIBE = Command(
    name="transcribe",
    summary="write down what is said in sounds",
    loads_model=True,
    positionals=(
        Positional("model", "a speech-to-text model, named as for `mlxk run`", completes=Completes.MODEL),
        Positional("file", "a sound; several are transcribed one after another; - is standard input", many=True,
                   field="files"),
    ),
    options=(
        LANGUAGE,
        TRANSLATE,
        Option(
            "--format", "what is printed: text, or how else it is written", Kind.TEXT, value="FORMAT", choices=FORMATS,
            default="text",
        ),
        Option(
            "--timestamps",
            "of words or of segments: in verbose_json, in --json, and as the cues of srt and vtt",
            Kind.TEXT, value="OF", choices=GRANULARITIES, default="segment",
        ),
        Option("--prompt", "text that the sound goes on from, or names and terms in it", Kind.TEXT, value="TEXT"),
        Option("--temperature", "0 takes the likeliest words", Kind.NUMBER, value="T", default="0"),
        Option(
            "--output", "write to this file, or into this folder a file for each sound", Kind.TEXT, value="PATH",
        ),
        Option(
            "--timeout", "what each may take: seconds, or 10m, 2h", Kind.TEXT, value="TIME",
            default="10 times the sound, at least 2 minutes",
        ),
        Option("--cpu", "compute without the graphics processor"),
        Option("--force", "load the model although little memory is free"),
        Option("--quiet", "do not tell how far it is"),
    ),
    details=(
        "WAV, MP3 and FLAC are read as they are; ffmpeg reads the others, where it is installed. A file may have any "
        "size. On a terminal text appears as it is heard.",
        "json and verbose_json are one object a line; several sounds as srt or vtt need --output FOLDER.",
    ),
    examples=(
        "mlxk transcribe org/whisper talk.mp3",
        "mlxk transcribe org/whisper talk.mp3 --format srt --output talk.srt",
        "mlxk transcribe org/whisper monday.wav tuesday.wav --format vtt --output subtitles",
        "mlxk transcribe org/whisper rede.mp3 --language de --translate",
    ),
)  # fmt: skip
