"""Load libraries without what a sidecar never uses of them.

paho-mqtt imports `urllib.request` (and with it `http.client`, `email` and `ssl`) and a SOCKS
library to find proxies for WebSockets; `http.client` imports `ssl` for `http://` too; `hashlib`
and `hmac` load OpenSSL for SHA-256 alone. `dataclasses` imports `inspect`, and with it Python's own
compiler, for classes without a docstring; `urllib.parse` imports `ipaddress` for hosts in brackets;
`datetime` of Python 3.11 makes its classes in Python before it takes those in C. Together that is
9 MB of the 28 that a sidecar may use (measured). While they are imported, these modules are absent,
empty or lazy, which all of them bear; then everything is put back, and whoever asks for one later
gets the real one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final

_ABSENT: Final = ("socks", "dns", "dns.resolver", "_hashlib")

_LAZY: Final = ("inspect", "ipaddress")


class _Lazy(ModuleType):
    """Stands for a module until something of it is really needed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_real(self.__name__), name)


class _LazySsl(_Lazy):
    """The two errors are here because paho names them whenever a read would block, on plain TCP
    too."""

    class SSLWantReadError(OSError):
        pass

    class SSLWantWriteError(OSError):
        pass


@contextmanager
def imports() -> Iterator[None]:
    """What is imported in this block is imported leanly."""
    stand_ins: dict[str, ModuleType | None] = dict.fromkeys(_ABSENT)
    stand_ins["urllib.request"] = ModuleType("urllib.request")
    stand_ins["datetime"] = import_module("_datetime")  # the same classes
    stand_ins |= {name: _Lazy(name) for name in _LAZY} | {"ssl": _LazySsl("ssl")}
    added = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(added)  # type: ignore[arg-type]  # None makes an import fail, as documented
    try:
        yield
    finally:
        for name, module in added.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def import_paho() -> None:
    """Load paho-mqtt, and what else would bring along what a sidecar does without."""
    with imports():
        import dataclasses  # noqa: F401
        import secrets  # noqa: F401  by way of hmac

        import paho.mqtt.client  # noqa: F401

        import agent_sidecar.state.database  # noqa: F401
        import fleet.contract.timestamps  # noqa: F401


def give_paho_tls() -> None:
    """Give paho-mqtt the real `ssl`; call it before a connection with TLS."""
    import paho.mqtt.client as paho

    vars(paho)["ssl"] = _real("ssl")


def _real(name: str) -> ModuleType:
    if isinstance(sys.modules.get(name), _Lazy):
        del sys.modules[name]
    return import_module(name)
