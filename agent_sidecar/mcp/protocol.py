"""The Model Context Protocol on stdio, as far as tools need it: JSON-RPC, a message a line.

By hand, since the base install beside an agent carries no SDK. Whatever comes in is answered or
passed by; nothing of it ends the program but the end of its input.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, TextIO

import fleet
from agent_sidecar.mcp.tool import Arguments, Tool, judged
from fleet.contract.errors import FleetError

log = logging.getLogger(__name__)

VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Versions of the protocol that we speak, newest first: all alike in what is used here."""

MAX_LINE: Final = 2 * 1024 * 1024
"""Bytes of one message: the largest text that a tool takes, with every character escaped."""

AT_ONCE: Final = 8
"""Calls at a time: each has a thread; one that waits for a task must not keep others waiting."""

PARSE, INVALID, UNKNOWN, PARAMS = -32700, -32600, -32601, -32602
"""JSON-RPC's own codes."""


class Server:
    """Serves `tools` to whoever writes to `source`, until it ends."""

    def __init__(self, tools: tuple[Tool, ...], instructions: str, answers: TextIO) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._instructions = instructions
        self._answers = answers
        self._writing = threading.Lock()
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def serve(self, source: BinaryIO) -> None:
        """Until the end of `source`; calls that still run then are left behind."""
        while line := source.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE and not line.endswith(b"\n"):
                while (rest := source.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                    pass
                self._fail(None, INVALID, f"a message is at most {MAX_LINE} bytes")
            elif line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._fail(None, PARSE, "this is no JSON")
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            if not (isinstance(message, dict) and {"result", "error"} & message.keys()):
                self._fail(None, INVALID, "this is no request of JSON-RPC 2.0")
            return
        number, method = message.get("id"), message["method"]
        if number is None:  # a notification: nobody waits for an answer
            return
        if not isinstance(number, str | int):
            self._fail(None, INVALID, "an id is a text or a number")
            return
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        match method:
            case "initialize":
                self._answer(number, self._introduced(params))
            case "ping":
                self._answer(number, {})
            case "tools/list":
                listed = [tool.described() for tool in self._tools.values()]
                self._answer(number, {"tools": listed})
            case "tools/call":
                self._call(number, params)
            case _:
                self._fail(number, UNKNOWN, "there is no such method here")

    def _introduced(self, params: Mapping[str, Any]) -> dict[str, Any]:
        wanted = params.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": "fleet-work", "version": fleet.__version__},
            "instructions": self._instructions,
        }

    def _call(self, number: str | int, params: Mapping[str, Any]) -> None:
        name, arguments = params.get("name"), params.get("arguments")
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            self._fail(number, PARAMS, f"there is no such tool. Try: {', '.join(self._tools)}")
            return
        if not isinstance(arguments, dict | None):
            self._fail(number, PARAMS, "arguments are an object")
            return
        self._room.acquire()
        threading.Thread(
            target=self._carry_out, args=(number, tool, arguments or {}), daemon=True,
            name=f"tool {tool.name}",
        ).start()  # fmt: skip

    def _carry_out(self, number: str | int, tool: Tool, arguments: Arguments) -> None:
        failed = True
        try:
            text = tool.run(judged(tool, arguments))
            failed = False
        except FleetError as error:
            text = str(error)
        except Exception:
            log.exception("the tool %s failed in a way that nobody foresaw", tool.name)
            text = "the tool failed. Try: the same again, once"
        finally:
            self._room.release()
        self._answer(number, {"content": [{"type": "text", "text": text}], "isError": failed})

    def _answer(self, number: str | int, result: Mapping[str, Any]) -> None:
        self._write({"jsonrpc": "2.0", "id": number, "result": result})

    def _fail(self, number: str | int | None, code: int, text: str) -> None:
        error = {"code": code, "message": text}
        self._write({"jsonrpc": "2.0", "id": number, "error": error})

    def _write(self, message: Mapping[str, Any]) -> None:
        with self._writing:
            self._answers.write(json.dumps(message) + "\n")
            self._answers.flush()
