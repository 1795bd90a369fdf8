"""Whose token a request over HTTP bears; nobody's over stdio, where who started the server asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from mcp.server.mcpserver.exceptions import ToolError

from fleet.tokens import Principal
from fleet.work.caller import ROLES, Act

_BEARER: Final[ContextVar[Principal | None]] = ContextVar("bearer", default=None)


@contextmanager
def borne_by(principal: Principal) -> Iterator[None]:
    """Within it, what is asked is asked by `principal`."""
    before = _BEARER.set(principal)
    try:
        yield
    finally:
        _BEARER.reset(before)


def require(act: Act) -> None:
    """Have whoever asks be one that the hub would let do this, too: the tools ask it with a token
    of their own.

    Raises:
        ToolError: its role may not.
    """
    bearer = _BEARER.get()
    if bearer is None or act in ROLES[bearer.role]:
        return
    able = " or ".join(role for role, acts in ROLES.items() if act in acts and role != "agent")
    raise ToolError(
        f"NOT ALLOWED: the role {bearer.role} may not {act.meaning}. Try: a token of role {able}"
    )
