"""Weights into other weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from domain.catalog.backend import Backend
from domain.workspace.conversion import ConversionPlan
from domain.workspace.progress import OnWork


@dataclass(frozen=True, slots=True)
class ConversionJob:
    """source: a model's folder, only read. target: an existing folder that gets weights, index and config.json (and
    tokenizer.json where the source has none). Both absolute.
    """

    source: PurePath
    target: PurePath
    library: Backend
    plan: ConversionPlan


class Converter(Protocol):
    """MLX does the work; never in the process that the user talks to."""

    def recipes(self) -> Sequence[str]:
        """The mixed recipes that the installed mlx-lm offers; () when it is not installed. Imports nothing of it."""

    def convert(self, job: ConversionJob, progress: OnWork) -> None:
        """Blocks until the files are written.

        Raises ModelLoadFailed (the source cannot be loaded), InvalidRequest (the library refuses the options for this
        model), DiskFull, AccessDenied, EngineDied (the converting process ended, for want of memory perhaps). An
        exception that passes through, KeyboardInterrupt too, ends the work first; the target is then in no known state.
        """
