"""Which processes run, below whom, and what they hold. Pure: from the text of `ps` or of /proc/PID/stat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PS_COLUMNS = "pid=,ppid=,stat=,rss=,command="
KIB = 1024
_WORKER = " worker --fd "


@dataclass(frozen=True)
class Process:
    """state: the system's letters, `Z` first when it has ended and nobody waited for it."""

    process_id: int
    parent_id: int
    state: str
    resident_bytes: int
    command: str

    @property
    def ended(self) -> bool:
        return self.state.startswith("Z")


def from_ps(text: str) -> list[Process]:
    """text: of `ps -A -ww -o pid=,ppid=,stat=,rss=,command=`."""
    found = []
    for line in text.splitlines():
        parts = line.split(None, 4)
        if len(parts) >= 4 and parts[0].isdecimal() and parts[1].isdecimal() and parts[3].isdecimal():
            command = parts[4] if len(parts) > 4 else ""
            found.append(Process(int(parts[0]), int(parts[1]), parts[2], int(parts[3]) * KIB, command))
    return found


def from_stat(text: str, page_bytes: int, command_line: bytes) -> Process | None:
    """text: of /proc/PID/stat, whose second field is a name in brackets that may hold anything."""
    head, _, rest = text.rpartition(")")
    own, _, name = head.partition(" (")
    fields = rest.split()
    if not own.isdecimal() or len(fields) < 22:
        return None
    command = command_line.replace(b"\0", b" ").decode(errors="replace").strip() or name
    return Process(int(own), int(fields[1]), fields[0], int(fields[21]) * page_bytes, command)


def below(processes: Iterable[Process], root: int) -> list[Process]:
    """Everything below a process, itself left out."""
    children: dict[int, list[Process]] = {}
    for each in processes:
        children.setdefault(each.parent_id, []).append(each)
    found: list[Process] = []
    waiting = list(children.get(root, ()))
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children.get(each.process_id, ())
    return found


def held_bytes(processes: Iterable[Process]) -> int:
    """Resident memory of all together; pages that two of them share are counted twice."""
    return sum(each.resident_bytes for each in processes)


def zombies(processes: Iterable[Process], root: int) -> int:
    """Processes that should have gone: ended ones below `root` that nobody waited for, and model workers whose parent
    has gone. Other programs' ended children hold no memory and are no concern of a test's.
    """
    everyone = list(processes)
    unwaited = {each.process_id for each in below(everyone, root) if each.ended}
    orphans = {each.process_id for each in everyone if each.parent_id == 1 and _is_worker(each)}
    return len(unwaited | orphans)


def _is_worker(process: Process) -> bool:
    return not process.ended and "mlxk" in process.command and _WORKER in f"{process.command} "
