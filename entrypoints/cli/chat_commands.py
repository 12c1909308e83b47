"""What a person in a chat can say to mlxk instead of to the model: lines that begin with a slash."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from domain.catalog.printable import printable
from domain.errors import CapabilityMismatch, UsageError
from entrypoints.cli.attachments import context_of
from entrypoints.cli.chat_files import load_chat, save_chat
from entrypoints.cli.chat_state import ChatState
from entrypoints.cli.console import Console
from entrypoints.cli.pictures import read_pictures
from entrypoints.cli.presenters.run_speed import verbose_lines
from entrypoints.cli.prompt import checked, joined
from entrypoints.cli.sounds import read_sounds
from entrypoints.cli.suggestions import did_you_mean

_COMMAND = re.compile(r"/([A-Za-z?]+)(?:\s+(.*))?", re.DOTALL)
_FORCE = re.compile(r"(.*\S)\s+--force", re.DOTALL)
TAKING_PATHS = ("/save", "/load", "/file", "/image", "/audio")


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """usage: as /help shows it; its first word is the name."""

    usage: str
    help: str

    @property
    def name(self) -> str:
        return self.usage.partition(" ")[0]


CHAT_COMMANDS = (
    ChatCommand("/help", "show this"),
    ChatCommand("/system [TEXT]", "show the system message, or set it from here on"),
    ChatCommand("/file PATH", "put a text file before the next question"),
    ChatCommand(
        "/image [PATH...]", "show the model pictures with the next question, where it can see; alone: take them back"
    ),
    ChatCommand(
        "/audio [PATH...]", "give the model sounds with the next question, where it can hear; alone: take them back"
    ),
    ChatCommand("/save FILE [--force]", "write the chat to FILE.json or FILE.md; --force replaces one that is there"),
    ChatCommand("/load FILE", "go on with a chat that was saved as JSON"),
    ChatCommand("/clear [all]", "forget what was said; all: the system message too"),
    ChatCommand("/model [NAME]", "say which model answers, or go on with another one"),
    ChatCommand("/stats", "tell how the last answer came about, and what was said so far"),
    ChatCommand("/exit", "leave; so do /quit, exit, quit, q and Ctrl-D"),
)
_ALIASES = {"/quit": "/exit", "/q": "/exit", "/?": "/help"}


def is_command(text: str) -> bool:
    """A slash and one word of letters, alone or before others: `/etc/hosts` is none."""
    return _COMMAND.fullmatch(text) is not None


class ChatCommands:
    """prepare: loads the state's model and notes its name; raises what that raises."""

    def __init__(self, console: Console, state: ChatState, prepare: Callable[[ChatState], None]) -> None:
        self._console = console
        self._state = state
        self._prepare = prepare
        self._handlers: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/system": self._system,
            "/file": self._file,
            "/image": self._image,
            "/audio": self._audio,
            "/save": self._save,
            "/load": self._load,
            "/clear": self._clear,
            "/model": self._model,
            "/stats": self._stats,
        }

    def run(self, text: str) -> bool:
        """Do what the line says; true when the person leaves. Raises UsageError for an unknown command, and what the
        command itself raises: nothing has changed then.
        """
        word, rest = (*text.split(maxsplit=1), "")[:2]
        name = _ALIASES.get(word.lower(), word.lower())
        if name == "/exit":
            return True
        handler = self._handlers.get(name)
        if handler is None:
            known = [each.name for each in CHAT_COMMANDS]
            hint = did_you_mean(name, known) or '/help lists them; a text that begins so goes between """ and """'
            raise UsageError(f"unknown command {word!r}", hint=hint)
        handler(rest.strip())
        return False

    def completions(self, line: str, word: str) -> list[str]:
        """What Tab offers: commands at the beginning of the line, then files where a command takes one."""
        before = line[: len(line) - len(word)].strip()
        if not before:
            return [f"{each.name} " for each in CHAT_COMMANDS if word.startswith("/") and each.name.startswith(word)]
        return _paths(word) if before in TAKING_PATHS else []

    def _help(self, _rest: str) -> None:
        width = max(len(each.usage) for each in CHAT_COMMANDS) + 2
        for each in CHAT_COMMANDS:
            self._console.line(f"{each.usage:<{width}}{each.help}")
        self._console.line('A line that ends with \\ goes on in the next; """ begins and ends a block of lines.')

    def _system(self, rest: str) -> None:
        if not rest:
            self._console.line(self._state.system or "There is no system message.")
            return
        self._state.set_system(checked(rest))
        self._console.line("From here on, with this system message.")

    def _file(self, rest: str) -> None:
        path = _named_path(rest, "/file PATH")
        text = checked(context_of([str(path)]))
        self._state.attached = joined((self._state.attached, text))
        self._console.line(f"{path} goes with your next question.")

    def _image(self, rest: str) -> None:
        state = self._state
        if state.sees is False:
            raise CapabilityMismatch(
                f"{state.model} reads text only: it cannot see pictures", hint="describe it, or use /file for texts"
            )
        if not rest:
            state.pictures = ()
            self._console.line("No pictures go with your next question.")
            return
        added = read_pictures(_named_paths(rest, "/image PATH"), state.pictures, "/image")
        state.pictures = (*state.pictures, *added)
        names = ", ".join(printable(each.name or "a picture") for each in added)
        self._console.line(f"{names} {'goes' if len(added) == 1 else 'go'} with your next question.")

    def _audio(self, rest: str) -> None:
        state = self._state
        if state.hears is False:
            raise CapabilityMismatch(f"{state.model} cannot hear sounds", hint="`mlxk list --audio` shows who can")
        if not rest:
            state.sounds = ()
            self._console.line("No sounds go with your next question.")
            return
        paths = _named_paths(rest, "/audio PATH")
        added = read_sounds(paths, self._console, state.sounds, "/audio")
        state.sounds = (*state.sounds, *added)
        names = ", ".join(printable(each.name or "a sound") for each in added)
        self._console.line(f"{names} {'goes' if len(added) == 1 else 'go'} with your next question.")

    def _save(self, rest: str) -> None:
        forced = _FORCE.fullmatch(rest)
        path = _named_path(forced[1] if forced else rest, "/save FILE.json or /save FILE.md")
        if not self._state.said:
            raise UsageError("there is nothing to save yet", hint="ask something first")
        save_chat(path, self._state.model, self._state.turns, force=forced is not None)
        self._console.line(f"Saved to {path}.")

    def _load(self, rest: str) -> None:
        path = _named_path(rest, "/load FILE.json")
        self._state.turns = load_chat(path)
        self._console.line(f"{len(self._state.said)} turns loaded from {path}.")

    def _clear(self, rest: str) -> None:
        if rest not in ("", "all"):
            raise UsageError(
                f"/clear takes nothing or all, got {rest!r}", hint="/clear all drops the system message too"
            )
        system = None if rest else self._state.system
        self._state.turns, self._state.attached = (), ""
        self._state.pictures, self._state.sounds = (), ()
        self._state.set_system(system)
        self._console.line("Forgotten." if system is None else "Forgotten, but for the system message.")

    def _model(self, rest: str) -> None:
        """The turns stay. An adapter and a draft model belong to the model they were given for."""
        state = self._state
        if not rest:
            self._console.line(printable(state.model))
            return
        wishes = replace(state.wishes, adapter=None, draft_model=None)
        tried = replace(state, spec=rest, wishes=wishes)
        self._prepare(tried)
        dropped = wishes != state.wishes
        state.spec, state.wishes, state.model = rest, wishes, tried.model
        state.sees, state.hears = tried.sees, tried.hears
        self._console.line(f"{printable(state.model)} goes on.")
        if state.pictures and state.sees is False:
            state.pictures = ()
            self._console.note("It cannot see: the pictures for your next question are left out.")
        if state.sounds and state.hears is False:
            state.sounds = ()
            self._console.note("It cannot hear: the sounds for your next question are left out.")
        if dropped:
            self._console.note("--adapter and --draft-model stay with the model that they were given for.")

    def _stats(self, _rest: str) -> None:
        state = self._state
        self._console.line(
            f"{printable(state.model)}: answers {state.answers:,}, tokens written {state.written_tokens:,}"
        )
        last = state.last
        if last is None or last.answer.finished is None:
            return
        self._console.line("The last answer:")
        for line in verbose_lines(last.answer.finished, last.load_seconds):
            self._console.line(f"  {line}")


def _named_path(text: str, usage: str) -> Path:
    """A path as it is typed, with ~; one pair of quotes around it is taken off."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    if not text:
        raise UsageError("the name of the file is missing", hint=f"write {usage}")
    try:
        return Path(text).expanduser()
    except RuntimeError as fault:
        raise UsageError(f"{text!r} names no folder: {fault}", hint="write the path out") from fault


def _named_paths(text: str, usage: str) -> list[str]:
    """One path that may hold spaces, where it is there, else several."""
    whole = _named_path(text, usage)
    if whole.exists():
        return [str(whole)]
    try:
        return shlex.split(text)
    except ValueError as fault:
        raise UsageError(f"{text!r}: {fault}", hint=f"write {usage}") from fault


def _paths(word: str) -> list[str]:
    """Files and folders that begin like this, as they are typed."""
    folder, slash, beginning = word.rpartition("/")
    try:
        here = sorted(Path(f"{folder}{slash}" or ".").expanduser().iterdir())
    except (OSError, RuntimeError):
        return []
    names = [f"{each.name}/" if each.is_dir() else each.name for each in here]
    shown = [name for name in names if name.startswith(beginning) and (beginning or not name.startswith("."))]
    return [f"{folder}{slash}{name}" for name in shown]
