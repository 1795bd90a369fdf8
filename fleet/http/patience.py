"""More time for one request than others get, once it is known who asks and what for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request

KEY: Final = "allow_time"
"""In the state that our protocol gives each request."""

AllowTime = Callable[[float], None]


def allow_time(request: Request, seconds: float) -> None:
    """Let the peer take so many seconds longer to send this request. Under another server than
    ours it says nothing."""
    allow: AllowTime | None = request.scope.get("state", {}).get(KEY)
    if allow is not None:
        allow(seconds)
