"""`mlxk transcribe MODEL FILE...`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import GenerationFailed, InvalidMedia, MlxkError, UsageError
from domain.inference.sound import Sound, SoundFile
from domain.inference.transcription import (
    HeardSegment,
    HearingProgress,
    HearingTask,
    Transcription,
    TranscriptionRequest,
)
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.presenters.transcript_view import ENDINGS, remark, written
from entrypoints.cli.prompt import checked
from entrypoints.cli.services import Context, Outcome, Services
from entrypoints.cli.sounds import sound_named
from entrypoints.cli.user_files import require_place, write_whole
from entrypoints.hearing_settings import as_time_limit
from entrypoints.transcript_objects import transcript_object

BETWEEN_REMARKS_SECONDS = 5.0
STDIN_NAME = "stdin"
FILES = ("srt", "vtt")


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    files: tuple[str, ...]
    language: str | None = None
    translate: bool = False
    format: str | None = None
    timestamps: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    output: str | None = None
    timeout: str | None = None
    cpu: bool = False
    force: bool = False
    quiet: bool = False

    def check(self, *, json: bool) -> None:
        """Raises UsageError for options that nothing would come of."""
        if json and self.format is not None and self.output is None:
            raise UsageError(
                f"--format {self.format} and --json contradict each other", hint="give one, or --output for the format"
            )
        if self.timestamps == "word" and not json and self.form in ("text", "json"):
            raise UsageError(
                f"--timestamps word says nothing with --format {self.form}",
                hint="take verbose_json, srt, vtt or --json",
            )
        if len(self.files) > 1 and self.form in FILES and self.output is None and not json:
            raise UsageError(
                f"{len(self.files)} sounds as {self.form} are {len(self.files)} files", hint="add --output FOLDER"
            )

    @property
    def form(self) -> str:
        return self.format or "text"

    @property
    def task(self) -> HearingTask:
        return HearingTask.TRANSLATE if self.translate else HearingTask.TRANSCRIBE

    @property
    def words(self) -> bool:
        return self.timestamps == "word"

    def request(self, sound: Sound) -> TranscriptionRequest:
        return TranscriptionRequest(
            sound=sound,
            task=self.task,
            language=self.language,
            prompt=None if self.prompt is None else checked(self.prompt) or None,
            temperature=self.temperature,
            words=self.words,
            deadline_seconds=_seconds(self.timeout),
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """name: what the user called the sound. place: where the transcript goes, None to standard output."""

    name: str
    request: TranscriptionRequest
    place: Path | None


def execute(context: Context, arguments: Arguments) -> Outcome:
    """What no request can be, and no file, is told before a model is loaded for it."""
    arguments.check(json=context.console.json)
    places = _places(arguments)
    sounds = [sound_named(word, context.console) for word in arguments.files]
    _require_other_files(places, sounds)
    jobs = [
        _Job(word, arguments.request(sound), place)
        for word, sound, place in zip(arguments.files, sounds, places, strict=True)
    ]
    work = _Work(context, arguments, jobs)
    return Outcome(data=work.data, show=work.show)


def _places(arguments: Arguments) -> list[Path | None]:
    """Raises UsageError, InvalidRequest or AccessDenied where something cannot be written."""
    files = arguments.files
    if arguments.output is None:
        return [None] * len(files)
    output = Path(arguments.output).expanduser().absolute()
    if len(files) == 1 and not output.is_dir():
        require_place(output)
        return [output]
    if not output.is_dir():
        raise UsageError(f"--output {arguments.output!r} is no folder", hint="make it first, for a file of each sound")
    stems = [STDIN_NAME if word == "-" else Path(word).stem for word in files]
    names = [f"{stem}.{ENDINGS[arguments.form]}" for stem in stems]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two of the sounds would be written to {twice}", hint="transcribe them one at a time")
    for name in names:
        require_place(output / name)
    return [output / name for name in names]


def _require_other_files(places: Sequence[Path | None], sounds: Sequence[Sound]) -> None:
    """Raises UsageError where a transcript would replace a sound."""
    files = [sound.path for sound in sounds if isinstance(sound, SoundFile)]
    for place in places:
        if place is not None and place.exists() and any(place.samefile(file) for file in files):
            raise UsageError(f"--output would replace the sound {place}", hint="name another file, or a folder")


class _Work:
    """One command's sounds."""

    def __init__(self, context: Context, arguments: Arguments, jobs: list[_Job]) -> None:
        self._context = context
        self._console = context.console
        self._arguments = arguments
        self._jobs = jobs
        self._next_remark = 0.0
        self._model = ""
        self._warnings: list[str] = []

    def show(self) -> None:
        """Print each when it is done; text on a terminal while it is heard."""
        console, arguments = self._console, self._arguments
        for at, (job, heard) in enumerate(self._heard()):
            whole = written(heard, arguments.form, arguments.task, words=arguments.words)
            if job.place is not None:
                write_whole(job.place, whole)
                console.note(f"{job.name}: written to {job.place}")
            elif self._live(job):
                console.line()
            else:
                console.write(self._heading(at, job) + whole)

    def data(self) -> dict[str, object]:
        """The data of the envelope. An error's detail has what was heard before it."""
        told: list[dict[str, object]] = []
        try:
            for job, heard in self._heard():
                told.append(self._told(job, heard))
        except MlxkError as fault:
            if told:
                fault.detail["transcriptions"] = told
            raise
        return {"model": self._model, "transcriptions": told, "warnings": self._warnings}

    def _told(self, job: _Job, heard: Transcription) -> dict[str, object]:
        if job.place is not None:
            whole = written(heard, self._arguments.form, self._arguments.task, words=self._arguments.words)
            write_whole(job.place, whole)
        return {
            "file": job.name,
            **transcript_object(heard, self._arguments.task, words=self._arguments.words),
            "output": None if job.place is None else str(job.place),
            "usage": {"prompt_tokens": heard.prompt_tokens, "completion_tokens": heard.completion_tokens},
            "warnings": list(heard.warnings),
        }

    def _heard(self) -> Iterator[tuple[_Job, Transcription]]:
        services = self._context.services()
        try:
            for at, job in enumerate(self._jobs):
                yield job, self._hear(services, at, job)
        finally:
            services.model_pool().close()

    def _hear(self, services: Services, at: int, job: _Job) -> Transcription:
        wishes = LoadWishes(force=self._arguments.force, cpu=self._arguments.cpu)
        live = self._live(job)
        answer = services.transcribe().execute(self._arguments.model, job.request, streamed=live, loading=wishes)
        self._model = answer.model.name
        self._warn(answer.warning)
        if live and len(self._jobs) > 1:
            self._console.write(self._heading(at, job))
        self._next_remark = time.monotonic() + BETWEEN_REMARKS_SECONDS
        try:
            for event in answer.events:
                match event:
                    case HeardSegment() if live:
                        self._console.write(event.delta)
                    case HearingProgress() if not live:
                        self._remark(event)
                    case Transcription():
                        for warning in event.warnings:
                            self._warn(f"{job.name}: {warning}")
                        return event
        except InvalidMedia as fault:
            raise InvalidMedia(f"{job.name!r}: {fault.message}", hint=fault.hint) from fault
        finally:
            answer.events.cancel()
        raise GenerationFailed("the transcription ended without its last event", hint="try again")

    def _live(self, job: _Job) -> bool:
        return (
            self._console.output_is_terminal
            and not self._console.json
            and job.place is None
            and self._arguments.form == "text"
        )

    def _heading(self, at: int, job: _Job) -> str:
        """Before each of several texts; objects stand a line each."""
        if len(self._jobs) == 1 or self._arguments.form != "text":
            return ""
        return f"{'' if at == 0 else chr(10)}==> {job.name} <==\n"

    def _warn(self, warning: str | None) -> None:
        if warning is not None and warning not in self._warnings:
            self._warnings.append(warning)
            self._console.note(f"transcribe: Warning: {warning}")

    def _remark(self, progress: HearingProgress) -> None:
        """How far it is, for somebody who waits at a terminal and sees no text appear."""
        now = time.monotonic()
        if self._arguments.quiet or not self._console.errors_are_terminal:
            return
        if now >= self._next_remark:
            self._next_remark = now + BETWEEN_REMARKS_SECONDS
            self._console.note(remark(progress.done_seconds, progress.total_seconds))


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return as_time_limit(text)
    except ValueError as fault:
        raise UsageError(f"--timeout {text!r}: {fault}", hint="for example --timeout 10m") from fault
