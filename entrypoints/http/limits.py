"""The numbers the HTTP server keeps to."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """threads: requests served at once. open_answers: chat answers at once, streamed or not. slow_clients: threads that
    may wait for half-sent requests. What is left of the threads keeps /health and the listings answering.
    connections: open sockets, busy or idle. request_seconds: from a request's first byte to its last. silence_seconds:
    the longest pause within. send_seconds: how long a client may take nothing of its answer. chat_body_bytes: the
    largest chat body, its pictures not counted. picture_body_bytes: with them. media_bytes: memory for what is attached
    to all requests together, and for reading large bodies. silent_seconds: how long a stream waits for its first event,
    whose error would be a status, until it begins all the same. heartbeat_seconds: between the comments of a stream
    that has nothing else to send. request_line_bytes: method, path and query; header_fields, header_bytes: how many
    headers, and the size of each. default_max_tokens: the length of an answer nobody gave a length for; None leaves it
    to the model's context. realtime_sessions: live transcriptions at once; each holds a thread.
    realtime_message_bytes: the largest event of a client. realtime_seconds: how long a session may last;
    realtime_idle_seconds: how long its client may say nothing. ping_seconds: between the questions whether it is still
    there; one that is not answered until the next ends the session.
    """

    threads: int = 576
    open_answers: int = 384
    slow_clients: int = 64
    connections: int = 2048
    backlog: int = 2048
    request_seconds: float = 60.0
    silence_seconds: float = 10.0
    send_seconds: int = 30
    chat_body_bytes: int = 16 * MEBIBYTE
    picture_body_bytes: int = 80 * MEBIBYTE
    media_bytes: int = 1024 * MEBIBYTE
    silent_seconds: float = 5.0
    heartbeat_seconds: float = 10.0
    request_line_bytes: int = 4094
    header_fields: int = 100
    header_bytes: int = 8190
    default_max_tokens: int | None = None
    realtime_sessions: int = 64
    realtime_message_bytes: int = 15 * MEBIBYTE
    realtime_seconds: float = 3600.0
    realtime_idle_seconds: float = 600.0
    ping_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.open_answers + self.slow_clients + self.realtime_sessions >= self.threads:
            raise ValueError("open answers, slow clients and live sessions must leave threads for everything else")
