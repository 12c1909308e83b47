"""The use cases about workspaces, with answers of the test's choosing."""

from __future__ import annotations

from pathlib import Path, PurePath

from application.workspace.clone_model import CloneModel, CloneOutcome, CloneRequest
from application.workspace.convert_model import (
    ConversionOutcome,
    ConversionPreview,
    ConversionRequest,
    ConvertModel,
)
from application.workspace.doctor import Diagnosis, Doctor
from application.workspace.push_workspace import PushOutcome, PushRequest, PushWorkspace
from application.workspace.recalculate_hash import DeepHash, RecalculateHash
from domain.catalog import LocatedModel, ModelSource
from domain.catalog.backend import Backend
from domain.errors import InvalidRequest
from domain.hub.pull import OnProgress, silent
from domain.workspace.conversion import Forecast
from domain.workspace.copy_method import CopyMethod
from domain.workspace.diagnosis import Finding
from domain.workspace.patch import FileChange
from domain.workspace.progress import OnWork, Stage, WorkProgress, unheard
from domain.workspace.push import Anomaly, ChangeSet, WorkspaceHealth
from domain.workspace.sentinel import Fingerprint
from ports.publisher import Commit

HASH = "sha256:" + "0b" * 32
COMMIT = Commit("cd" * 20, "http://127.0.0.1/me/mine/commit/" + "cd" * 20)
WHERE = LocatedModel("ws", Path("/home/ws"), ModelSource.WORKSPACE)
CHANGE = FileChange("config.json", b"{}\n", b'{"eos_token_id": 7}\n')


class FakeCloneModel(CloneModel):
    def __init__(self) -> None:
        self.asked: list[CloneRequest] = []

    def execute(self, request: CloneRequest, work: OnWork = unheard, download: OnProgress = silent) -> CloneOutcome:
        self.asked.append(request)
        work(WorkProgress(Stage.COPYING, "config.json", 5, 10))
        healthy, reason = (True, "Model is healthy") if request.health_check else (None, None)
        target = Path("/home") / (request.target or "model")
        return CloneOutcome(request.model, target, "ab" * 20, healthy, reason, CopyMethod.REFLINK, 10, 0, HASH, ("w",))


class FakeConvertModel(ConvertModel):
    def __init__(self) -> None:
        self.asked: list[ConversionRequest] = []

    def preview(self, request: ConversionRequest) -> ConversionPreview:
        plan = request.wish.plan(("mixed_3_6",))
        return ConversionPreview(
            WHERE, Path("/home/out"), plan, Backend.MLX_LM, Forecast(1000, 2000), ("8 bits already",)
        )

    def execute(self, request: ConversionRequest, work: OnWork = unheard) -> ConversionOutcome:
        self.asked.append(request)
        preview = self.preview(request)
        if request.skip_health:
            return ConversionOutcome(preview, None, None, HASH, preview.warnings)
        return ConversionOutcome(
            preview, healthy=True, health_reason="OK", content_hash=HASH, warnings=preview.warnings
        )


class FakeDoctor(Doctor):
    def __init__(self) -> None:
        self.fixed: list[str] = []

    def examine(self, spec: str) -> Diagnosis:
        findings = (
            Finding("eos_missing", "the end of a turn is not among eos_token_id", (CHANGE,)),
            Finding("processor_missing", "preprocessor_config.json is missing"),
        )
        return Diagnosis(WHERE, findings)

    def fix(self, spec: str) -> tuple[Diagnosis, Diagnosis]:
        self.fixed.append(spec)
        found = self.examine(spec)
        return found, Diagnosis(WHERE, found.findings[1:], undoable=True)

    def undo(self, spec: str) -> tuple[FileChange, ...]:
        if not self.fixed and spec != "ws":
            raise InvalidRequest("there is nothing to undo")
        return (CHANGE.reversed,)


class FakePushWorkspace(PushWorkspace):
    def __init__(self) -> None:
        self.asked: list[PushRequest] = []

    def execute(self, request: PushRequest, work: OnWork = unheard) -> PushOutcome:
        self.asked.append(request)
        anomalies = (
            Anomaly("partial_marker", "x.partial looks like half a download", serious=False, path="x.partial"),
        )
        health = WorkspaceHealth(
            files_count=3,
            total_bytes=100,
            config_exists=True,
            config_valid=True,
            weights_count=1,
            formats=("safetensors",),
            has_index=False,
            pattern_complete=None,
            anomalies=anomalies,
        )
        if request.check_only:
            return PushOutcome(request, "checked; nothing was sent", None, health, 3)
        changes = ChangeSet() if request.branch == "same" else ChangeSet(("a",), ("b",), ("c",))
        sent = None if request.dry_run or changes.empty else COMMIT
        message = "no changes" if changes.empty else "pushed +1 ~1 -1"
        return PushOutcome(
            request, message, "http://127.0.0.1/me/mine", health, 3, changes,
            sent, card=CHANGE, would_create_repo=request.dry_run, hf_logs=("a line",),
        )  # fmt: skip


class FakeRecalculateHash(RecalculateHash):
    def __init__(self) -> None:
        self.asked: list[tuple[PurePath, bool]] = []

    def execute(self, folder: PurePath, *, deep: bool = False) -> Fingerprint:
        self.asked.append((folder, deep))
        return Fingerprint(HASH, "2026-05-03T18:12:09Z", (), ())

    def deep_hash(self, folder: PurePath) -> DeepHash:
        return DeepHash(HASH, clean=None)


class FakeWorkspaceServices:
    """The workspaces' share of the command line's services; a base of the whole."""

    def __init__(self) -> None:
        self.cloning, self.converting, self.healing = FakeCloneModel(), FakeConvertModel(), FakeDoctor()
        self.pushing, self.hashing = FakePushWorkspace(), FakeRecalculateHash()

    def clone_model(self) -> CloneModel:
        return self.cloning

    def convert_model(self) -> ConvertModel:
        return self.converting

    def doctor(self) -> Doctor:
        return self.healing

    def push_workspace(self) -> PushWorkspace:
        return self.pushing

    def recalculate_hash(self) -> RecalculateHash:
        return self.hashing
