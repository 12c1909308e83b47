"""Who runs below whom, by `ps`: it is on every system we test on."""

from __future__ import annotations

import subprocess


def descendants(process_id: int) -> dict[int, str]:
    """Process id -> command line of everything below a process, zombies included."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    children: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for line in listing.stdout.splitlines():
        own, parent, command = line.split(None, 2)
        children.setdefault(int(parent), []).append(int(own))
        commands[int(own)] = command
    found: dict[int, str] = {}
    waiting = children.get(process_id, [])
    while waiting:
        each = waiting.pop()
        found[each] = commands[each]
        waiting += children.get(each, [])
    return found


def workers(process_id: int) -> list[int]:
    """The model workers below a server, oldest first."""
    return sorted(each for each, command in descendants(process_id).items() if " worker --fd " in f"{command} ")
