"""The request of this thread itself: each look through Flask's `request` finds it anew, which every request pays."""

from __future__ import annotations

from typing import cast

from flask import Request, request
from werkzeug.local import LocalProxy


def current_request() -> Request:
    """Inside a request."""
    return cast("LocalProxy[Request]", request)._get_current_object()
