"""Everything there is to know of a model that is not here."""

from __future__ import annotations

from dataclasses import dataclass

from application.catalog.show_model import ModelDetail
from application.hub.hubs import MAIN, OpenHub
from application.hub.judge_remote import JudgeRemote
from domain.catalog.model_ref import ModelRef
from domain.hub.remote_model import RemoteModel

ALL_HEADERS = 200


@dataclass(frozen=True, slots=True)
class RemoteDetail:
    """model: what the hub says. detail: what mlxk makes of it."""

    model: RemoteModel
    detail: ModelDetail


class ShowRemote:
    def __init__(self, open_hub: OpenHub, judge: JudgeRemote) -> None:
        self._open_hub = open_hub
        self._judge = judge

    def execute(self, spec: str, hub: str | None = None) -> RemoteDetail:
        """Raises InvalidRequest, ModelNotFound, AccessDenied, DownloadFailed."""
        ref = ModelRef.parse(spec)
        ref.require_hub_name()
        far = self._open_hub(hub)
        model = far.describe(ref.name, ref.revision or MAIN)
        return RemoteDetail(model, self._judge.execute(model, far, ALL_HEADERS))
