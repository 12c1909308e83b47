"""X-Request-ID: the client's own when it is sane, else a fresh one; on every response and in every log line."""

from __future__ import annotations

import random
import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"
SANE = re.compile(r"[!-~]{1,128}")

# A thread serves one request at a time, and the next one overwrites this.
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def begin_request(offered: str | None) -> str:
    """The id of the request this thread begins now."""
    request_id = offered if offered is not None and SANE.fullmatch(offered) else _fresh()
    _current.set(request_id)
    return request_id


def _fresh() -> str:
    """A name, no secret: without asking the system, which would let go of the interpreter."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def current_request_id() -> str | None:
    """The id of the request this thread serves, or served last."""
    return _current.get()


def fresh_name(kind: str) -> str:
    """Of something that is told about: unlike all others, and no secret."""
    return f"{kind}_{random.getrandbits(96):024x}"
