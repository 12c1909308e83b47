"""Is a server of ours running that holds the model already? Then it answers, and at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from application.inference.answering import Answering, ChatAnswer, PlanFor, Prepared, Resolver, never
from domain.errors import Interrupted, ModelNotFound, PayloadTooLarge, ServerBusy, ServerShutdown
from domain.inference import GenerationEvent, GenerationRequest
from domain.serving.load_options import LoadOptions
from domain.serving.load_wishes import PLAINLY, LoadWishes
from domain.serving.model_load import ModelLoad
from ports.model_worker import GenerationStream
from ports.running_servers import RunningServer, RunningServers

# A server that says so has not begun to answer, and somebody else may.
DECLINED = (ServerShutdown, ServerBusy, ModelNotFound, PayloadTooLarge)


class FindServer:
    """local: who answers when a server has been found and then declines; asked for only then. plan_for: the same as
    Chat's; not asked where nothing is wished for.
    """

    def __init__(
        self, resolve: Resolver, servers: RunningServers, local: Callable[[], Answering], plan_for: PlanFor
    ) -> None:
        self._resolve = resolve
        self._servers = servers
        self._local = local
        self._plan_for = plan_for

    def execute(self, spec: str, loading: LoadWishes = PLAINLY) -> ServedChat | None:
        """None when no server holds this very model, loaded this very way.

        Raises ModelNotFound, AmbiguousModel, InvalidRequest as Chat does, but only when there is a server to ask.
        """
        servers = self._servers.reachable()
        if not servers:
            return None
        identity = self._load(spec, loading).identity
        server = next((each for each in servers if each.holds(identity)), None)
        return None if server is None else ServedChat(server, self._load, self._local)

    def _load(self, spec: str, loading: LoadWishes) -> ModelLoad:
        location = self._resolve.execute(spec)
        options = LoadOptions() if loading.plain else self._plan_for(location, loading).options
        return ModelLoad(location, 0, options)


class ServedChat:
    """Chat through a running server. Whatever that does not hold, or declines before the first event, is answered
    locally.
    """

    def __init__(
        self, server: RunningServer, load: Callable[[str, LoadWishes], ModelLoad], local: Callable[[], Answering]
    ) -> None:
        self._server = server
        self._load = load
        self._local = local

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> ChatAnswer:
        """As Chat.execute; nothing blocks before events are read. The memory warning of a model that is loaded here
        after all is not told.
        """

        def here() -> ChatAnswer:
            return self._local().execute(spec, request, streamed=streamed, loading=loading, given_up=given_up)

        load = self._load(spec, loading)
        if not self._server.holds(load.identity):
            return here()
        if given_up():
            raise Interrupted(f"nobody waits for the answer of {load.model.name} any more")
        events = self._server.ask(load.identity, load.model.name, request, streamed=streamed)
        return ChatAnswer(load.model, FirstOrElse(events, lambda: here().events))

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """As Chat.prepare."""
        load = self._load(spec, loading)
        return Prepared(load.model) if self._server.holds(load.identity) else self._local().prepare(spec, loading)


class FirstOrElse:
    """GenerationStream: the first one's events, or another's when the first declines before its first event. One
    consumer; `cancel` from any thread. otherwise: may block and raise; called at most once.
    """

    def __init__(self, first: GenerationStream, otherwise: Callable[[], GenerationStream]) -> None:
        self._inner = first
        self._otherwise: Callable[[], GenerationStream] | None = otherwise
        self._guard = threading.Lock()
        self._cancelled = False

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        try:
            event = next(self._inner)
        except DECLINED:
            otherwise, self._otherwise = self._otherwise, None
            if otherwise is None:
                raise
            if self._cancelled:
                raise StopIteration from None
            self._begin(otherwise())
            event = next(self._inner)
        self._otherwise = None
        return event

    def cancel(self) -> None:
        with self._guard:
            self._cancelled = True
            inner = self._inner
        inner.cancel()

    def _begin(self, inner: GenerationStream) -> None:
        with self._guard:
            self._inner = inner
            cancelled = self._cancelled
        if cancelled:
            inner.cancel()
