"""What a command loads before it does anything: each module of that costs whoever runs it often.

Counted, not timed. A command that cron, Nagios or an agent calls each minute must not load what
only a hub needs; and where a hub answers, no judge, no MQTT and no event loop either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

HEAVY = (
    "aiomqtt", "aiohttp", "alembic", "cryptography", "httpx", "jinja2", "jsonschema", "msgspec",
    "numpy", "opentelemetry", "paho", "prometheus_client", "psycopg", "pydantic", "rich",
    "sqlalchemy", "starlette", "textual", "uvicorn", "yaml",
)  # fmt: skip
"""Packages that take longer to load than any of these commands to work."""

BESIDE_HTTP = {
    "email", "encodings.idna", "hashlib", "http.client", "importlib.resources", "lzma", "secrets",
    "shutil", "ssl", "statistics", "urllib.request",
}  # fmt: skip
"""What a hub of this machine is asked without, and a beat sent."""

OWN_HEAVY = ("asyncio", "multiprocessing", "fleet.contract.reader", "fleet.hub.hub")

ANSWERS = {
    "/v1/agents": {
        "agents": [], "problems": [], "hub": [], "listed": False, "next": None,
        "found": {"states": {}, "words": [], "problems": 0, "loud": 0, "loudest": []},
    },
    "/v1/alerts": {"alerts": [], "silences": []},
}  # fmt: skip

RUN = """
import json, sys
from fleet.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""

BEAT = """
import json, sys
from agent_sidecar.cli import cli
try:
    cli(["beat", "--timeout", "0.2"])
finally:
    print(json.dumps([0, sorted(sys.modules)]), file=sys.stderr)
"""

ENTRY = """
import json, sys
from agent_sidecar.__main__ import main
try:
    main()
except SystemExit as ended:
    print(json.dumps([ended.code, sorted(sys.modules)]), file=sys.stderr)
"""

LONG = """
import json, sys
from agent_sidecar.cli import start
code = start(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""

LIMITS = {
    "status": 211, "check": 209, "alerts list": 203, "agent list": 191, "version": 244,
    "--version": 145,
}  # fmt: skip
"""Modules that a command may have loaded when it ends: thirty more than today, for other Pythons.
Those of a bare Python are among them."""


class Hub(BaseHTTPRequestHandler):
    """Answers what the commands ask, of a fleet without agents."""

    def do_GET(self) -> None:
        body = json.dumps(ANSWERS.get(self.path.partition("?")[0], {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    folder.chmod(0o700)
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = {"url": f"http://127.0.0.1:{server.server_port}", "token": "t"}
    (folder / "hub.json").write_text(json.dumps(found))
    (folder / "hub.json").chmod(0o600)
    yield folder
    server.shutdown()
    server.server_close()


def loaded(program: str, *words: str, **settings: str) -> tuple[int, list[str]]:
    """The exit code of a program, and the modules it had when it ended."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FLEET_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environ | settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = next(line for line in done.stderr.splitlines() if line.startswith("["))
    code, names = json.loads(told)
    return code, names


def waste(names: list[str], beside: tuple[str, ...] = ()) -> list[str]:
    heavy = [one for one in (*HEAVY, *OWN_HEAVY) if one not in beside]
    return [name for name in names if name in heavy]


@pytest.mark.parametrize("command", LIMITS)
def test_a_command_loads_what_it_needs_and_no_more(home: Path, command: str) -> None:
    code, names = loaded(RUN, *command.split(), FLEET_HOME=str(home))
    assert code in (0, 3)  # of a fleet without agents nothing is known
    assert waste(names) == []
    assert command == "version" or BESIDE_HTTP & {*names} == set()
    assert len(names) <= LIMITS[command]


def test_a_beat_loads_paho_and_nothing_that_is_as_large(tmp_path: Path) -> None:
    _, names = loaded(
        BEAT, FLEET_HOME=str(tmp_path), FLEET_AGENT="ada", FLEET_BROKER="mqtt://127.0.0.1:1"
    )
    assert "agent_sidecar.runner" in names
    assert waste(names, ("paho",)) == []
    assert (BESIDE_HTTP - {"hashlib", "secrets"} | {"_hashlib", "click.shell_completion"}) & {
        *names
    } == set()
    assert len(names) <= 334


@pytest.mark.parametrize("command", ["beat", "handle", "run"])
def test_what_cron_calls_loads_no_click_and_tells_the_same(tmp_path: Path, command: str) -> None:
    told = {}
    for program in (ENTRY, LONG):
        code, names = loaded(program, command, FLEET_HOME=str(tmp_path), FLEET_BROKER="ftp://x")
        told[program] = code
        assert ("click" in names) is (program is LONG)
    assert told == {ENTRY: 3, LONG: 3}
