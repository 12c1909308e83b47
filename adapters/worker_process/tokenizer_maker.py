"""TokenizerMaker through the converting child."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePath

from domain.catalog.backend import Backend
from domain.errors import MlxkError
from domain.workspace.conversion import ConversionPlan, ConvertMode
from domain.workspace.progress import unheard
from ports.converter import ConversionJob, Converter


class ProcessTokenizerMaker:
    """TokenizerMaker."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def make(self, folder: PurePath) -> bytes | None:
        with tempfile.TemporaryDirectory(prefix="mlxk-tokenizer-") as place:
            job = ConversionJob(folder, Path(place), Backend.MLX_LM, ConversionPlan(ConvertMode.TOKENIZER))
            try:
                self._converter.convert(job, unheard)
                return Path(place, "tokenizer.json").read_bytes()
            except (MlxkError, FileNotFoundError):
                return None
