"""The response header that tells which fields of the request nobody read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Response

HEADER = "X-Mlxk-Ignored-Fields"
SHOWN_FIELDS = 16
SHOWN_CHARACTERS = 64
UNSAFE = re.compile(r"[^A-Za-z0-9_.*-]")


def present_ignored(names: Sequence[str]) -> str:
    """Names as the client spelled them, as far as a header can carry them."""
    shown = [UNSAFE.sub("?", name[:SHOWN_CHARACTERS]) for name in names[:SHOWN_FIELDS]]
    return ", ".join([*shown, "..."] if len(names) > SHOWN_FIELDS else shown)


def naming_ignored(names: Sequence[str], response: Response) -> Response:
    """The response, with that header where there are any."""
    if names:
        response.headers[HEADER] = present_ignored(names)
    return response
