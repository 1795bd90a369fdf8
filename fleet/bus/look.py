"""Looks at a broker from outside: is it there, is it at work."""

from __future__ import annotations

import asyncio
from typing import Final

from fleet.bus.connect_options import ConnectOptions
from fleet.contract.broker_look import HELLO, PATIENCE, is_answer
from fleet.contract.errors import ConfigError

GLANCE: Final = 1.0
"""Seconds for a look whether something listens."""


async def listens(options: ConnectOptions) -> bool:
    """Whether something listens where the broker does: one that died needs longer to come back."""
    try:
        async with asyncio.timeout(GLANCE):
            _, writer = await asyncio.open_connection(options.url.host, options.url.port)
    except OSError:  # a time-out is one, too
        return False
    writer.close()
    return True


async def is_well(options: ConnectOptions) -> bool:
    """Whether the broker answers as one; nobody is logged in."""
    url = options.url
    try:
        async with asyncio.timeout(PATIENCE):
            tls = options.tls_context()
            reader, writer = await asyncio.open_connection(url.host, url.port, ssl=tls)
            try:
                writer.write(HELLO)
                return is_answer(await reader.read(64))
            finally:
                writer.close()
    except (OSError, ConfigError):
        return False
