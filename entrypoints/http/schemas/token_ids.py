"""Lists of token ids, as prompts and texts may be given."""

from __future__ import annotations

from marshmallow import ValidationError

from entrypoints.http.schemas.problems import found


def token_ids(value: list[object], where: str) -> tuple[int, ...]:
    """where: what the list is called in errors. Raises ValidationError."""
    if not value:
        raise ValidationError(f"{where} must hold at least one token")
    for at, token in enumerate(value):
        if not isinstance(token, int) or isinstance(token, bool):
            raise ValidationError(f"{where}: place {at:,} must be a token id, got {found(token)}")
        if not 0 <= token < 2**31:
            raise ValidationError(f"{where}: place {at:,} is no token id: {str(token)[:24]}")
    return tuple(value)  # type: ignore[arg-type]  # looked at one by one
