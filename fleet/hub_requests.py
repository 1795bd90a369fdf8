"""A request to a hub wherever it is, over TLS too, with content that is streamed either way.

Only for whom `plain_http` does not do: what this loads takes longer than most commands.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fleet.contract.tls_files import client_context
from fleet.hub_refusals import MAX_REFUSAL, away, no_hub, refused, untrusted

_TLS_ENDED: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a link that breaks is to TLS, and a server that speaks none, too."""


@contextmanager
def opened(
    hub: str,
    ca_file: str,
    method: str,
    path: str,
    data: bytes | Iterable[bytes] | None,
    headers: Mapping[str, str],
    *,
    timeout: float,
) -> Iterator[http.client.HTTPResponse]:
    """Send a request to `hub` once; its answer, to be read in the block.

    Raises:
        HubError: the hub is away or refuses; its own words are passed on.
    """
    body = None if data is None or isinstance(data, bytes) else _Body(data)
    request = urllib.request.Request(  # noqa: S310 - the scheme is the hub's own http
        hub + path, data=body or data, headers=dict(headers), method=method
    )
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _Stay()]
    if ca_file:
        context = client_context(Path(ca_file))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=timeout) as response:
            yield response
    except urllib.error.HTTPError as error:
        with error:
            raise refused(error.code, _said(error), error.headers.get("Retry-After", "")) from None
    except OSError as error:  # also http.client's, that no answer came
        reason = getattr(error, "reason", error)
        said = getattr(reason, "strerror", None) or str(reason)
        if isinstance(reason, ssl.SSLError):
            if not (body and body.begun and isinstance(reason, _TLS_ENDED)):
                raise untrusted(hub, reason) from None
            said = "it closed the connection"
        raise away(hub, said) from None
    except http.client.HTTPException as error:
        raise no_hub(hub, type(error).__name__) from None


def _said(error: urllib.error.HTTPError) -> bytes:
    """The body of a refusal; nothing where it does not come whole."""
    try:
        return error.read(MAX_REFUSAL)
    except (ValueError, OSError, http.client.HTTPException):
        return b""


class _Body:
    """What is sent block by block. `begun`: some was asked for, so that the link stood."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.begun = False

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.begun = True
            yield block


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would hand the token to wherever it leads, also without TLS."""

    def redirect_request(self, *_: Any) -> None:
        return None
