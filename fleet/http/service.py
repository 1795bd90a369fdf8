"""The table `[http_service]` of `fleet.toml`: names the hub answers to, proxies it believes.

[http_service]
hosts = ["hub.lan"]            # accepted beside loopback and the address it is bound to
proxies = ["10.0.0.5"]         # addresses or networks whose X-Forwarded-For and -Proto are believed
open_metrics = true            # /metrics asks nobody on this machine for a token
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.settings import Settings

TABLE: Final = "http_service"
_REMEDY: Final = 'proxies = ["10.0.0.5"] under [http_service] in fleet.toml'


@dataclass(frozen=True, slots=True)
class HttpService:
    """What both HTTP listeners, the hub's and that of `fleet mcp`, are told of the net around.

    Attributes:
        hosts: names of the Host header beside those of this machine, lower case, without port.
        open_metrics: whether every user of this machine may read `/metrics`.
        proxies: IP addresses and networks of proxies; of anybody else no X-Forwarded-* is believed.
    """

    hosts: frozenset[str] = frozenset()
    proxies: tuple[str, ...] = ()
    open_metrics: bool = False

    @classmethod
    def of(cls, settings: Settings) -> HttpService:
        """
        Raises:
            ConfigError: a proxy is no address.
        """
        table = settings.tables.get(TABLE, {})
        hosts = frozenset(host.lower() for host in table.get("hosts", ()))
        proxies = tuple(table.get("proxies", ()))
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ConfigError(f"[{TABLE}] proxies has {proxy!r}", str(error), _REMEDY) from None
        return cls(hosts, proxies, table.get("open_metrics", False))

    def is_proxy(self, address: str) -> bool:
        """Whether a connection from `address` brings the requests of many."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in ipaddress.ip_network(proxy) for proxy in self.proxies)
