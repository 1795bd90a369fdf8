"""What to put where, so that an agent gets the fleet's tools."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Final

from fleet.contract.vocabulary import Word


class Client(Word):
    """Programs that speak MCP and know a place for servers."""

    NANOBOT = "nanobot", "tools.mcpServers in ~/.nanobot/config.json"
    OPENCLAW = "openclaw", "a command that sets it, applied live"
    HERMES = "hermes", "a command that adds it; it starts with the next session"
    ROCKBOT = "rockbot", "mcp.json beside the agent's profile"
    CLAUDE = "claude", ".mcp.json in the project"


NOTE: Final = "Read-only. Add --allow-commands to the arguments for the four verbs and for tasks."


def snippet(client: Client, home: str, arguments: Sequence[str] = ("mcp",)) -> str:
    """The text to paste; stdio, since nanobot refuses HTTP on loopback unless told otherwise."""
    words = [*arguments, "--home", home]
    server = {"command": "fleet", "args": words}
    if client is Client.OPENCLAW:
        return f"openclaw mcp set fleet '{json.dumps(server)}'"
    if client is Client.HERMES:
        return f"printf 'Y\\n' | hermes mcp add fleet --command fleet --args {shlex.join(words)}"
    if client is Client.NANOBOT:
        return json.dumps({"tools": {"mcpServers": {"fleet": server}}}, indent=2)
    return json.dumps({"mcpServers": {"fleet": server}}, indent=2)
