"""What answers: model, revision and device, in one short word that changes with them and only then."""

from __future__ import annotations

from hashlib import sha256

from domain.catalog.location import LocatedModel

HASH_CHARACTERS = 8
NO_HASH = "nohash"


def system_fingerprint(model: LocatedModel, content_hash: str | None, device: str) -> str:
    """`1f0c9a2b.gpu`. content_hash: of a managed workspace. A folder that nobody has hashed is `nohash`."""
    return f"{_short(model, content_hash)}.{device}"


def _short(model: LocatedModel, content_hash: str | None) -> str:
    if model.revision is not None:
        return sha256(f"{model.name}@{model.revision}".encode()).hexdigest()[:HASH_CHARACTERS]
    if content_hash:
        return content_hash.rpartition(":")[2][:HASH_CHARACTERS]
    return NO_HASH
