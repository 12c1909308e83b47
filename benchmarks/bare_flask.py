"""A bare Flask route under the server's own gunicorn, as a yardstick: `python -m benchmarks.bare_flask BYTES`.

It answers GET /bare with so many bytes of JSON. Configuration, worker and access log are those of `mlxk serve`; there
is no gate, no request id, no count, and no route but this. Prints {"url": ...} when it listens.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from flask import Flask, Response

from entrypoints.http.access_log import configure_access_log
from entrypoints.http.arbiter import EmbeddedServer
from entrypoints.http.front import FrontPlan
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import listen
from entrypoints.http.worker import FrontWorker
from entrypoints.logs import configure_logging
from entrypoints.settings import load_settings


class BareWorker(FrontWorker):
    """The serving process, around an app of one route."""

    def load_wsgi(self) -> None:
        app = Flask("bare", static_folder=None)
        body = json.dumps("x" * (BYTES - 2)).encode()

        @app.get("/bare")
        def bare() -> Response:
            return Response(body, mimetype="application/json")

        self.wsgi = app


class BareServer(EmbeddedServer):
    def load_config(self) -> None:
        super().load_config()
        self.cfg.set("worker_class", BareWorker)


BYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 100


def _services(_: Any) -> Any:
    raise AssertionError("a bare server has no services")


def main() -> int:
    limits = HttpLimits()
    listener, address = listen("127.0.0.1", 0, limits.backlog)
    with listener:
        descriptor = os.dup(listener.fileno())
    configure_logging("info", as_json=False, home="")
    configure_access_log(wanted=True)
    print(json.dumps({"url": address.url}), flush=True)
    plan = FrontPlan(load_settings({}, {}), _services, None, address, limits, 1.0)
    return BareServer(plan, descriptor, limits.connections).run()


if __name__ == "__main__":
    sys.exit(main())
