"""A request's multipart form, read piece by piece within limits: one file, and short fields beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from domain.errors import InvalidRequest, PayloadTooLarge
from domain.inference.sound_limits import MOST_SOUND_BYTES, require_sound_size
from entrypoints.http.errors import ClientGone, ProtocolFault
from entrypoints.http.patience import TooSlow

FORM = "multipart/form-data"
MOST_PARTS = 64
MOST_FIELD_BYTES = 64 * 1024  # all fields together
MOST_HEAD_BYTES = 256 * 1024  # of what has to be looked at in one go
MOST_FORM_BYTES = MOST_SOUND_BYTES + MOST_FIELD_BYTES + MOST_HEAD_BYTES
PIECE_BYTES = 64 * 1024


@dataclass(slots=True)
class Form:
    """fields: names and texts, in order; a name may come several times. file: its bytes, None without one. file_name:
    as the client calls it.
    """

    fields: list[tuple[str, str]] = field(default_factory=list)
    file: bytes | None = None
    file_name: str | None = None


def read_form(request: Request, file_field: str) -> Form:
    """file_field: what the one file is called.

    Raises ProtocolFault 415 for another kind of body and 408 when it comes too slowly, PayloadTooLarge as soon as it is
    known to be too long, InvalidRequest when it is no form, ClientGone when it ends early.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != FORM or not boundary:
        given = request.mimetype or "none"
        raise ProtocolFault(415, "unsupported_media_type", f"the body must be {FORM}, got {given}", "send a form")
    announced = request.content_length
    if announced is not None and announced > MOST_FORM_BYTES:
        require_sound_size(announced, file_field)
    reader = _Reader(file_field)
    try:
        decoder = MultipartDecoder(boundary.encode("latin-1"), MOST_HEAD_BYTES, max_parts=MOST_PARTS)
        for event in _events(decoder, request.environ["wsgi.input"], announced):
            reader.take(event)
    except RequestEntityTooLarge as fault:
        raise PayloadTooLarge(
            "the form has too many parts, or one with too long a head", hint="send the file and its fields alone"
        ) from fault
    except (ValueError, UnicodeError) as fault:
        raise InvalidRequest(f"the body is no form that can be read: {fault}") from fault
    return reader.form()


def _events(decoder: MultipartDecoder, stream: BinaryIO, announced: int | None) -> Iterator[Event]:
    """Until the form's end; the rest of the body is left where it is. Raises ValueError for a broken form."""
    come = 0
    while True:
        piece = _piece(stream)
        come += len(piece)
        if not piece and announced is not None and come < announced:
            raise ClientGone
        if come > MOST_FORM_BYTES:
            raise PayloadTooLarge(f"the form is larger than {MOST_FORM_BYTES:,} bytes", hint="send a shorter sound")
        decoder.receive_data(piece or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
            if isinstance(event, Epilogue):
                return


def _piece(stream: BinaryIO) -> bytes:
    try:
        return stream.read(PIECE_BYTES)
    except TooSlow as fault:
        raise ProtocolFault(408, "request_timeout", "the body came too slowly") from fault
    except ParseException as fault:
        raise InvalidRequest(f"the body's chunks are broken: {fault}") from fault
    except OSError as fault:
        raise ClientGone from fault


class _Reader:
    """Puts the parts together. One thread."""

    def __init__(self, file_field: str) -> None:
        self._file_field = file_field
        self._form = Form()
        self._part: Field | File | None = None
        self._data = bytearray()
        self._field_bytes = 0

    def take(self, event: Event) -> None:
        match event:
            case Field() | File():
                self._begin(event)
            case Data():
                self._add(event.data)
                if not event.more_data:
                    self._end()

    def form(self) -> Form:
        return self._form

    def _begin(self, part: Field | File) -> None:
        if not part.name:  # None where a client gives none, or one that cannot be read
            raise InvalidRequest("a part of the form has no name", hint="name it in its Content-Disposition")
        self._part, self._data = part, bytearray()
        if not isinstance(part, File):
            return
        if part.name != self._file_field:
            raise InvalidRequest(
                f"{part.name[:100]} is a file, and only {self._file_field} may be one",
                hint=f"send the sound as {self._file_field}", param=part.name[:100],
            )  # fmt: skip
        if self._form.file is not None:
            raise InvalidRequest(
                f"{self._file_field} is there twice", hint="send one file a request", param=self._file_field
            )

    def _add(self, data: bytes) -> None:
        self._data += data
        if isinstance(self._part, File):
            require_sound_size(len(self._data), self._file_field)
            return
        self._field_bytes += len(data)
        if self._field_bytes > MOST_FIELD_BYTES:
            name = "" if self._part is None else self._part.name[:100]
            raise PayloadTooLarge(
                f"the fields of the form are larger than {MOST_FIELD_BYTES:,} bytes", hint="shorten them", param=name
            )

    def _end(self) -> None:
        part, self._part = self._part, None
        if isinstance(part, File):
            self._form.file, self._form.file_name = bytes(self._data), part.filename or None
        elif part is not None:
            self._form.fields.append((part.name, self._data.decode("utf-8")))
        self._data = bytearray()
