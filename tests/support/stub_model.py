"""A model that follows a script: an OpenAI-compatible server on loopback."""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

HANG: Final = -1
HANG_UP: Final = -2

USAGE: Final = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}


class StubModel:
    """Calls one scripted tool a turn, then says "done".

    A request that does not offer the next tool is answered with "done" and takes nothing from
    the script: an agent also asks on its own account, for the title of a session, say.

    Attributes:
        offered: names of the tools that the agent has offered so far.
        results: what the tools answered, in order.
        fault: an HTTP status that refuses every request, or `HANG`, which lets it wait, or
            `HANG_UP`, which ends the connection without a word; 0: none.
        faults: the same for requests in which a word stands; `fault` goes before.
        says: what it answers where no tool is called, and the message of a refusal.
        asked: how many requests came.
    """

    def __init__(self) -> None:
        self.offered: set[str] = set()
        self.results: list[str] = []
        self.fault = 0
        self.faults: dict[str, int] = {}
        self.says = "done"
        self.asked = 0
        self._ended = threading.Event()
        self._script: deque[tuple[str, dict[str, Any]]] = deque()
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="stub-model")

    def __enter__(self) -> StubModel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def will_call(self, *calls: tuple[str, dict[str, Any]]) -> None:
        """The tools to call next, one a turn, with their arguments."""
        with self._lock:
            self._script = deque(calls)
            self.offered.clear()
            self.results.clear()

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """(message or delta, reason that it ends) for one chat completion."""
        with self._lock:
            offered = {tool["function"]["name"] for tool in request.get("tools") or ()}
            self.offered |= offered
            for message in request["messages"]:
                if message["role"] == "tool" and message["tool_call_id"] not in self._known:
                    self._known.add(message["tool_call_id"])
                    self.results.append(_text(message["content"]))
            if not self._script or self._script[0][0] not in offered:
                return {"role": "assistant", "content": self.says}, "stop"
            name, arguments = self._script.popleft()
            function = {"name": name, "arguments": json.dumps(arguments)}
            call = {"index": 0, "id": f"call{len(self._known):05}", "type": "function"}
            calls = [{**call, "function": function}]
            return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"

    def fault_of(self, request: bytes) -> int:
        return next((f for word, f in self.faults.items() if word.encode() in request), 0)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._refuse(404)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = self.rfile.read(length)
                if "/bot" in self.path:  # a messenger, to which our token means nothing
                    refusal = {"ok": False, "error_code": 401, "description": "Unauthorized"}
                    self._send(json.dumps(refusal), "application/json", 401)
                    return
                model.asked += 1
                if fault := model.fault or model.fault_of(asked):
                    self._refuse(fault)
                    return
                request = json.loads(asked)
                if "messages" not in request:  # another of its questions than a completion
                    self._refuse(404)
                    return
                message, reason = model.answer(request)
                whole: dict[str, Any] = {"id": "1", "created": 1, "model": "m"}
                if request.get("stream"):
                    whole["object"] = "chat.completion.chunk"
                    first = {"index": 0, "delta": message, "finish_reason": None}
                    last = {"index": 0, "delta": {}, "finish_reason": reason}
                    events = [{**whole, "choices": [one]} for one in (first, last)]
                    events.append({**whole, "choices": [], "usage": USAGE})
                    lines = [*map(json.dumps, events), "[DONE]"]
                    body = "".join(f"data: {line}\n\n" for line in lines)
                    self._send(body, "text/event-stream")
                else:
                    whole["object"] = "chat.completion"
                    choice = {"index": 0, "message": message, "finish_reason": reason}
                    self._send(
                        json.dumps({**whole, "choices": [choice], "usage": USAGE}),
                        "application/json",
                    )

            def _refuse(self, fault: int) -> None:
                if fault == HANG:
                    while model.fault == HANG and not model._ended.wait(0.05):
                        pass
                if fault in (HANG, HANG_UP):
                    self.close_connection = True
                    return
                error = {"error": {"message": model.says, "type": "error", "code": "x"}}
                self._send(json.dumps(error), "application/json", fault)

            def _send(self, text: str, kind: str, status: int = 200) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content)
