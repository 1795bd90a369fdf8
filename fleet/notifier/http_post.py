"""One POST to a receiver, and what it said. It blocks: call it in a thread.

No error names an address: it may hold a secret.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException
from typing import IO, Final

import fleet
from fleet.contract.printable import printable
from fleet.notifier.refusals import Refusal, SendError, refusal_of, retry_after

TIMEOUT: Final = 10.0
"""Seconds an attempt may take: a receiver that needs longer is as good as away."""

HEARD: Final = 200
"""Bytes of an answer that are read: what a person sees of it in a test."""


def post(
    who: str,
    remedy: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    token: str = "",
) -> str:
    """Hand `body` to whoever is at `url` (http or https); the answer in a line. `who` and `remedy`
    are for the error, `token` is a bearer token.

    Raises:
        SendError: it was not taken; says what that means.
    """
    request = urllib.request.Request(  # noqa: S310 - the callers allow http and https only
        url,
        data=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"fleet-hub/{fleet.__version__}",
            **headers,
        },
    )
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    pause, said = 0.0, ""
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
            return f"HTTP {answer.status}{_line(answer)}"
    except urllib.error.HTTPError as error:
        with error:
            why, pause = f"HTTP {error.code}", retry_after(error.headers["Retry-After"])
            refusal, said = refusal_of(error.code, pause), _line(error)
    except urllib.error.URLError as error:
        reason = error.reason
        why = (getattr(reason, "strerror", None) or type(reason).__name__).lower()
        # Who is not there refuses no message; who hangs may do so over one.
        refusal = Refusal.FAILED if isinstance(reason, TimeoutError) else Refusal.AWAY
    except (OSError, HTTPException, ValueError) as error:
        why, refusal = type(error).__name__, Refusal.FAILED
    raise SendError(
        f"{who} failed", why, remedy, refusal=refusal, retry_after=pause, said=f"{why}{said}"
    )


def _line(answer: IO[bytes]) -> str:
    """The beginning of an answer as it may stand on a terminal; what is no text is left out."""
    try:
        text = " ".join(answer.read(HEARD).decode("utf-8", "replace").split())
    except (OSError, HTTPException, ValueError):
        return ""
    return f": {printable(text)}" if text else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the message, and a token, to somebody nobody named."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: Message, newurl: str,
    ) -> None:  # fmt: skip
        return None
