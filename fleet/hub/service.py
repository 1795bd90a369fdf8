"""What plugs into a hub."""

from __future__ import annotations

from typing import Protocol


class Service(Protocol):
    """A part that plugs into the hub; cancelled at the end, after which the bus still works."""

    name: str

    async def run(self) -> None: ...
