"""A conversion as JSON objects and back: one job to the child; stages, then one end, from it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from domain.catalog.backend import Backend
from domain.errors import InternalError, MlxkError, leaves
from domain.workspace.conversion import ConversionPlan, ConvertMode, Quantization
from domain.workspace.progress import Stage
from ports.converter import ConversionJob

ERRORS = {leaf.code: leaf for leaf in leaves()}
DONE = {"kind": "done"}


def encode_job(job: ConversionJob) -> dict[str, object]:
    return {
        "source": str(job.source),
        "target": str(job.target),
        "library": job.library.value,
        "mode": job.plan.mode.value,
        "dtype": job.plan.dtype,
        "quantization": None if job.plan.quantization is None else asdict(job.plan.quantization),
    }


def decode_job(message: dict[str, Any]) -> ConversionJob:
    quantization = message["quantization"]
    plan = ConversionPlan(
        ConvertMode(message["mode"]), None if quantization is None else Quantization(**quantization), message["dtype"]
    )
    return ConversionJob(Path(message["source"]), Path(message["target"]), Backend(message["library"]), plan)


def encode_stage(stage: Stage) -> dict[str, object]:
    return {"kind": "stage", "stage": stage.value}


def encode_error(error: MlxkError) -> dict[str, object]:
    return {"kind": "error", "code": error.code, "message": error.message, "hint": error.hint}


def decode_error(message: dict[str, Any]) -> MlxkError:
    return ERRORS.get(message["code"], InternalError)(message["message"], hint=message["hint"])
