"""Pictures, sounds and videos that come with a turn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256


class AttachmentKind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Attachment:
    """data: the file as it came, undecoded; nobody but the model's worker decodes it. at: where in the turn's content
    it stands, in characters; several at one place stand in their own order. digest: SHA-256 of the data in hexadecimal:
    the same file is the same picture, whatever it is called. name: a file's, where it has one.
    """

    kind: AttachmentKind
    data: bytes
    at: int
    digest: str
    name: str | None = None

    @classmethod
    def of(cls, kind: AttachmentKind, data: bytes, at: int, name: str | None = None) -> Attachment:
        return cls(kind, data, at, sha256(data).hexdigest(), name)

    def __repr__(self) -> str:
        """Without the data: it may be megabytes, and is nobody's business in a log."""
        return f"Attachment({self.kind.value}, {len(self.data):,} bytes, at={self.at}, digest={self.digest[:8]})"
