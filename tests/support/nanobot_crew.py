"""A crew of real nanobots with scripted models: an orchestrator takes a request, splits it into
three tasks for two workers by `agent-sidecar mcp`, they leave findings and a critique on the board,
and it writes `final/`. All of it through a served hub and the sidecars' own work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from fleet.contract.work_vocabulary import TaskState
from fleet.provisioning.registry import Enrolled
from tests.support.broker import Mosquitto
from tests.support.nanobot import Nanobot, find_nanobot
from tests.support.served import Served, environment
from tests.support.stub_model import StubModel
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub, digest_of

ROOT: Final = Path(__file__).parents[2]
"""Of this repository."""
CREW: Final = (
    Enrolled("boss", groups=("crew",), can=("coordinate",), may_delegate=True),
    Enrolled("one", groups=("crew",), can=("research", "review")),
    Enrolled("two", groups=("crew",), can=("research", "review")),
)
REQUEST: Final = b"Which kettle shall we buy?"
KINDS: Final = {"boss": ("coordinate",), "one": ("research", "review"), "two": ("research",)}
WRAPPER: Final = """\
#!/bin/sh
exec nanobot agent -c "$HOME/worker.json" -s "task:$TASK_ID" --classic --no-markdown \\
    -m "$(cat "$1")" > "$2/answer.md"
"""


class PlannedModel(StubModel):
    """Follows a plan for each request, which it knows by a word in it, as far as what its tools
    answered since says. A text of a plan may be made of what the tools answered.

    Attributes:
        plans: word of the request → (tool, arguments) in order. failures: what tools refused.
    """

    def __init__(self, **plans: list[tuple[str, dict[str, Any]]]) -> None:
        super().__init__()
        self.plans = plans

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
        offered = {tool["function"]["name"] for tool in request.get("tools") or ()}
        asked = [m for m in request["messages"] if m["role"] == "user"]
        word = json.dumps(asked[-1]["content"]) if asked else ""
        known = [key for key in self.plans if key in word]
        plan = self.plans[max(known, key=word.rfind)] if known else []
        begun = max(
            (n for n, m in enumerate(request["messages"]) if m["role"] == "user"), default=0
        )
        answered = [str(m["content"]) for m in request["messages"][begun:] if m["role"] == "tool"]
        with self._lock:
            self.offered |= offered
            self.results[:] = answered or self.results
        step = so_far(plan, answered)
        if step >= len(plan) or f"mcp_work_{plan[step][0]}" not in offered:
            return {"role": "assistant", "content": self.says}, "stop"
        name, given = plan[step]
        made = {key: v(answered) if callable(v) else v for key, v in given.items()}
        function = {"name": f"mcp_work_{name}", "arguments": json.dumps(made)}
        call = {"index": 0, "id": f"call{len(answered):05}", "type": "function"}
        calls = [{**call, "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"


def so_far(plan: list[tuple[str, dict[str, Any]]], answered: list[str]) -> int:
    """The step that is next: one that waits for work is done when all of that has."""
    step = 0
    for answer in answered:
        count = re.match(r"(\d+) of (\d+) COMPLETED", answer)
        waits = step < len(plan) and plan[step][0] == "task_status"
        step += not (waits and count is not None and count[1] != count[2])
    return step


def told(answers: list[str]) -> str:
    """What these answers showed of content, as an orchestrator puts it together; or all of them."""
    form = re.compile(r"--- [^\n]*\(material, not an instruction\)\n(.*?)\n---", re.DOTALL)
    found = [form.search(one) for one in answers]
    return "; ".join(one[1] if one else text for one, text in zip(found, answers, strict=True))


MODELS: Final[dict[str, dict[str, Any]]] = {
    "boss": {
        "kettle": [
            ("delegate", {"kind": "research", "to": "one", "text": "Look up prices"}),
            ("delegate", {"kind": "research", "to": "two", "text": "Look up noise"}),
            ("task_status", {"wait": 25}),
            ("delegate", {"kind": "review", "to": "one", "text": "Judge the findings"}),
            ("task_status", {"wait": 25}),
            ("board_read", {"entry": "findings/prices.md"}),
            ("board_read", {"entry": "findings/noise.md"}),
            ("board_read", {"entry": "critiques/findings.md"}),
            ("board_write", {"entry": "final/answer.md", "text": lambda done: told(done[-3:])}),
        ],
    },
    "one": {
        "prices": [("board_write", {"entry": "findings/prices.md", "text": "The red one: 30."})],
        "Judge": [
            ("board_read", {"entry": "findings/noise.md"}),
            (
                "board_write",
                {"entry": "critiques/findings.md", "text": lambda done: f"Thin. {told(done[-1:])}"},
            ),
        ],
    },
    "two": {
        "noise": [("board_write", {"entry": "findings/noise.md", "text": "The red one hums."})],
    },
}


class Member:
    """An agent of the crew: a nanobot's home with a sidecar that works, and a model of its own."""

    def __init__(self, name: str, folder: Path, hub: WorkHub, broker: Mosquitto) -> None:
        self.home = folder / name
        self.home.mkdir()
        self.model = PlannedModel(**MODELS[name])
        nanobot = Nanobot(self.home, self.model.port)
        sidecar = folder / "agent-sidecar"
        server = {
            "command": str(sidecar), "args": ["mcp", "--task", "${TASK_ID}"], "toolTimeout": 60,
        }  # fmt: skip
        nanobot.write_config(tools={"mcpServers": {"work": server}})
        (self.home / "worker.json").write_text(nanobot.config.read_text())
        work = "".join(
            f'[kinds.{kind}]\nargv = ["/bin/sh", "{folder}/ask", "{{in}}/0", "{{out}}"]\n'
            'isolation = "process"\nmemory = "2G"\npids = 300\ntimeout = 400\n'
            'environment = ["NO_PROXY"]\n'
            for kind in KINDS[name]
        )
        settings = (
            f"FLEET_AGENT={name}\nFLEET_BROKER={broker.url}\nFLEET_KIND=generic\nFLEET_DROP=-\n"
            f"FLEET_HOME={self.home}/state\nFLEET_HUB={hub.served.url}\n"
            f"FLEET_TOKEN_FILE={self.home}/token\nFLEET_WORK={self.home}/work.toml\n"
        )
        env = self.home / ".config/fleet/agent.env"
        env.parent.mkdir(parents=True)
        for path, text in (
            (env, settings), (self.home / "work.toml", work),
            (self.home / "token", hub.served.tokens[name]),
        ):  # fmt: skip
            path.write_text(text)
            path.chmod(0o600)

    @property
    def said(self) -> str:
        """The end of its sidecar's log."""
        return (self.home / "sidecar.log").read_text()[-1500:]

    def start(self, stack: ExitStack) -> None:
        """As a process."""
        stack.enter_context(self.model)
        environ = environment(self.home) | {"PATH": path(), "NO_PROXY": "127.0.0.1"}
        del environ["FLEET_HOME"]
        log = stack.enter_context((self.home / "sidecar.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "agent_sidecar", "run"], env=environ, stderr=log, stdout=log
        )
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)


Start = Callable[[Member, ExitStack], None]


@contextmanager
def at_work(folder: Path, start: Start) -> Iterator[tuple[WorkHub, dict[str, Member]]]:
    """A broker, a hub and the crew, each of which `start` starts."""
    with ExitStack() as stack:
        broker = Mosquitto(folder / "broker").start()
        stack.callback(broker.stop)
        hub = WorkHub(Served(folder / "home", broker).start())
        stack.callback(hub.served.stop)
        hub.enrol(*CREW)
        (folder / "ask").write_text(WRAPPER)
        sidecar = folder / "agent-sidecar"
        sidecar.write_text(
            f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m agent_sidecar "$@"\n'
        )
        sidecar.chmod(0o755)
        members = {one.name: Member(one.name, folder, hub, broker) for one in CREW}
        for member in members.values():
            start(member, stack)
        yield hub, members


def path() -> str:
    """Where programs are looked for: nanobot's own first."""
    return f"{Path(str(find_nanobot())).parent}:{os.environ['PATH']}"


def carry_out_the_request(hub: WorkHub, members: dict[str, Member]) -> None:
    """From the request to what the orchestrator answers, with all that must have come between."""
    context = hub.new_id()
    named = hub.put(REQUEST, context, "operator", "&group=crew")
    task = hub.submit("operator", context, "coordinate", group="crew", input=[named])

    def state() -> str:
        return str(hub.done("GET", f"/v1/tasks/{task}", "operator")["state"])

    ends = {TaskState.COMPLETED, TaskState.FAILED, TaskState.LOST}
    wait_until(lambda: state() in ends, 400, "the end of the task")
    said = {name: member.model.results for name, member in members.items()}
    logs = {name: member.said for name, member in members.items()}
    assert state() == TaskState.COMPLETED, (said, logs)
    entries = hub.done("GET", f"/v1/boards/{context}", "operator")["entries"]
    board = {f"{one['section']}/{one['name']}": one for one in entries}
    assert {place: one["author"] for place, one in board.items()} == {
        "findings/prices.md": "agent:one", "findings/noise.md": "agent:two",
        "critiques/findings.md": "agent:one", "final/answer.md": "agent:boss",
    }, said  # fmt: skip
    digest = board["final/answer.md"]["descriptor"]["digest"]
    final = hub.done("GET", f"/v1/blobs/{digest}?context={context}", "operator")["text"]
    assert final == "The red one: 30.; The red one hums.; Thin. The red one hums."
    page = hub.done("GET", f"/v1/tasks?context={context}", "operator")["tasks"]
    parts = [one for one in page if one["parent"] == task]
    assert sorted((one["kind"], one["holder"], one["by"]) for one in parts) == [
        ("research", "one", "agent:boss"), ("research", "two", "agent:boss"),
        ("review", "one", "agent:boss"),
    ]  # fmt: skip
    assert {one["state"] for one in page} == {"completed"}
    assert digest_of(REQUEST) == named["digest"]
