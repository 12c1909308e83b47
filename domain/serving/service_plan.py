"""A server as a service of its user: what is started, and with which environment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

MARK = "Written by `mlxk service install`, sha256"
KEPT = ("PATH", "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
PREFIXES = ("MLXK_", "MLXK2_")
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD")


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """program: the command line, its first word an absolute path. log_file: for managers that keep no log."""

    program: tuple[str, ...]
    environment: Mapping[str, str]
    log_file: PurePath


def service_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the service should find as the person who installs it does: where things lie, and mlxk's own variables. No
    secrets, which would lie readable in a file; names of files that hold them are none.
    """
    return {
        name: value
        for name, value in sorted(environ.items())
        if value and (name in KEPT or name.startswith(PREFIXES)) and not _is_secret(name)
    }


def signed(text: str, before: str, behind: str) -> str:
    """The text with a last line that tells whether it is still as it was written. before, behind: what makes the line a
    comment.
    """
    return f"{text}{before}{MARK} {_sum(text)}{behind}\n"


def is_ours(text: str) -> bool:
    """Whether it was written here, and nobody has changed it."""
    body, mark, last = text.rpartition(MARK)
    before = body.rpartition("\n")[0] + "\n"
    line, _, behind_it = last.partition("\n")
    return bool(mark) and not behind_it and line.strip().split(" ")[0] == _sum(before)


def _is_secret(name: str) -> bool:
    return any(word in name for word in SECRET_WORDS) and not name.endswith(("_FILE", "_MAX_TOKENS", "_DRAFT_TOKENS"))


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
