"""Find models on a hub, and tell which of them run here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from application.catalog.show_model import ModelDetail
from application.hub.hubs import OpenHub
from application.hub.judge_remote import JudgeRemote
from domain.errors import MlxkError
from domain.hub.remote_model import RemoteModel
from domain.hub.search import SearchQuery
from ports.hub import ModelHub

CONNECTIONS = 6


@dataclass(frozen=True, slots=True)
class SearchHit:
    """detail: every verdict, as if it were here; None when it could not be told, then `problem` says why."""

    model: RemoteModel
    detail: ModelDetail | None
    problem: str | None = None


class SearchHub:
    def __init__(self, open_hub: OpenHub, judge: JudgeRemote) -> None:
        self._open_hub = open_hub
        self._judge = judge

    def execute(self, query: SearchQuery, hub: str | None = None) -> tuple[SearchHit, ...]:
        """The most downloaded first. One model that cannot be looked at does not hide the others. Raises
        DownloadFailed, AccessDenied when the search itself fails.
        """
        far = self._open_hub(hub)
        found = far.search(query)
        with ThreadPoolExecutor(CONNECTIONS, "search") as threads:
            return tuple(threads.map(lambda model: self._hit(model, far), found))

    def _hit(self, model: RemoteModel, hub: ModelHub) -> SearchHit:
        try:
            described = hub.describe(model.name, model.commit)
            return SearchHit(described, self._judge.execute(described, hub))
        except MlxkError as error:
            return SearchHit(model, None, error.message)
