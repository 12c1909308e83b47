"""What goes wrong, on demand, and what was asked for."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Fault:
    """A misbehaviour for requests whose path ends with `path` ("" is every request), `times` times over.

    cut_after: the connection breaks after so many bytes of the body. status: answered instead, with retry_after
    seconds in its header when given. chunk_delay_seconds: a pause after every 64 KiB. corrupt: one byte is flipped.
    ignore_range: the whole file is sent whatever range was asked for. etag: sent instead of the true one.
    redirect_to: the answer is a 302 to that address. hold: the request waits until the event is set.
    """

    path: str = ""
    times: int = 1
    method: str | None = None
    cut_after: int | None = None
    status: int | None = None
    retry_after: float | None = None
    chunk_delay_seconds: float = 0.0
    corrupt: bool = False
    ignore_range: bool = False
    etag: str | None = None
    redirect_to: str | None = None
    hold: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)


class FaultBook:
    """The faults still to come; the first that fits a request is taken once."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and path.endswith(fault.path) and fault.method in (None, method):
                    fault.times -= 1
                    fault.reached.set()
                    return fault
        return None


@dataclass(frozen=True)
class Request:
    """One request as it arrived. authorized: it carried a token. range: its Range header, or ""."""

    method: str
    path: str
    authorized: bool
    range: str


class Traffic:
    """Every request, and the body bytes sent per file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.bytes_sent: Counter[str] = Counter()
        self.open_streams = 0
        self.most_open_streams = 0

    def saw(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def sent(self, file: str, size_bytes: int) -> None:
        with self._lock:
            self.bytes_sent[file] += size_bytes

    def stream_opened(self) -> None:
        with self._lock:
            self.open_streams += 1
            self.most_open_streams = max(self.most_open_streams, self.open_streams)

    def stream_closed(self) -> None:
        with self._lock:
            self.open_streams -= 1

    @property
    def total_bytes(self) -> int:
        with self._lock:
            return sum(self.bytes_sent.values())

    def count(self, method: str, part: str = "") -> int:
        with self._lock:
            return sum(request.method == method and part in request.path for request in self.requests)

    def forget(self) -> None:
        with self._lock:
            self.requests.clear()
            self.bytes_sent.clear()
            self.most_open_streams = self.open_streams
