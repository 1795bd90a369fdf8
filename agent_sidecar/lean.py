"""Import paho-mqtt without what an MQTT-over-TCP client never uses.

paho-mqtt imports `urllib.request` (and with it `http.client`, `email` and `ssl`) and a SOCKS
library to find proxies for WebSockets; `hashlib` and `hmac` load OpenSSL for SHA-256 alone.
Together that is 6 MB of the 28 that a sidecar may use (measured). While paho is imported, these
modules are absent or empty, which all of them bear; then everything is put back, and whoever
needs one of them later gets the real one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

_ABSENT: Final = ("socks", "dns", "dns.resolver", "_hashlib")


@contextmanager
def _without_unused_modules() -> Iterator[None]:
    stand_ins: dict[str, ModuleType | None] = dict.fromkeys(_ABSENT)
    stand_ins["urllib.request"] = ModuleType("urllib.request")
    stand_ins["ssl"] = _empty_ssl()
    added = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(added)  # type: ignore[arg-type]  # None makes an import fail, as documented
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def import_paho(*, tls: bool) -> None:
    """Load paho-mqtt leanly, with the real `ssl` where `tls` asks for it."""
    with _without_unused_modules():
        import secrets  # noqa: F401  loads OpenSSL by way of hmac, which does without

        import paho.mqtt.client as paho
    if tls:
        import ssl

        vars(paho)["ssl"] = ssl


def _empty_ssl() -> ModuleType:
    """paho names two errors of `ssl` whenever a read would block, on plain TCP too."""
    module = ModuleType("ssl")
    module.SSLWantReadError = type("SSLWantReadError", (OSError,), {})  # type: ignore[attr-defined]
    module.SSLWantWriteError = type("SSLWantWriteError", (OSError,), {})  # type: ignore[attr-defined]
    return module
