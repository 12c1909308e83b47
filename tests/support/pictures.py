"""Pictures for tests that look at no pixels: bytes that begin as their format does."""

from __future__ import annotations

from base64 import b64encode

from domain.inference import Attachment, AttachmentKind

BEGINNINGS = {
    "jpeg": b"\xff\xd8\xff\xe0",
    "png": b"\x89PNG\r\n\x1a\n",
    "gif": b"GIF89a",
    "webp": b"RIFF\0\0\0\0WEBP",
    "heic": b"\0\0\0\x18ftypheic",
}


def picture_bytes(kind: str = "png", body: bytes = b"") -> bytes:
    return BEGINNINGS[kind] + body


def data_url(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode('ascii')}"


def picture(body: bytes = b"", at: int = 0, name: str | None = None) -> Attachment:
    return Attachment.of(AttachmentKind.IMAGE, picture_bytes("png", body), at, name)
