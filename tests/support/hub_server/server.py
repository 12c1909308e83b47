"""The hub as a running server on loopback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import make_server

from tests.support.hub_server.access import HubError
from tests.support.hub_server.faults import Fault, FaultBook, Request, Traffic
from tests.support.hub_server.read_routes import read_routes
from tests.support.hub_server.store import HubStore, Repository
from tests.support.hub_server.write_routes import write_routes

TREE_PAGE = 1000
LFS_PART_BYTES = 8 << 20


class HubServer:
    """A hub on 127.0.0.1 from construction to close(). endpoint: its address, without a slash at the end."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.store = HubStore(folder)
        self.faults = FaultBook()
        self.traffic = Traffic()
        self.app = self._make_app()
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self._server = make_server("127.0.0.1", port, self.app, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> HubServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def create(self, name: str, files: Mapping[str, bytes] | None = None, **fields: Any) -> Repository:
        return self.store.create(name, files, **fields)

    def fail(self, path: str = "", **fields: Any) -> Fault:
        """Arranges a Fault for requests whose path ends with `path`."""
        return self.faults.add(Fault(path, **fields))

    def _make_app(self) -> Flask:
        app = Flask("hub")
        app.config.update(TREE_PAGE=TREE_PAGE, LFS_PART=LFS_PART_BYTES)
        app.register_blueprint(read_routes(self.store, self.faults, self.traffic))
        app.register_blueprint(write_routes(self.store))
        app.register_error_handler(HubError, HubError.response)
        app.before_request(self._before)
        return app

    def _before(self) -> Response | None:
        self.traffic.saw(
            Request(
                request.method,
                request.full_path.rstrip("?"),
                "authorization" in request.headers,
                request.headers.get("Range", ""),
            )
        )
        fault = self.faults.take(request.method, request.path)
        if fault is None:
            return None
        request.environ["hub.fault"] = fault
        if fault.hold is not None:
            fault.hold.wait(60)
        if fault.redirect_to is not None:
            return Response(status=302, headers={"Location": fault.redirect_to})
        if fault.status is not None:
            headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            return Response("injected", status=fault.status, headers=headers)
        return None
