"""Real agents on loopback: where scripts/agents.sh put them, each with a home of its own, a job
that is due at once, and a model of ours.

Every free text that a test can put into them holds `MARKER`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.support.broker import free_port
from tests.support.installed_agents import installed
from tests.support.nanobot import job as nanobot_job
from tests.support.stub_model import HANG_UP
from tests.support.waiting import wait_until

MARKER: Final = "Quillfeather"
"""Prompts, replies, job names, errors, tokens and paths hold it; nothing that leaves may."""

NEVER: Final = "0 0 30 2 *"
"""The schedule of a job that is switched on and has no next run."""

WORDS: Final = {"FAULT-429": 429, "FAULT-401": 401, "FAULT-GONE": HANG_UP}
"""In the prompts of jobs whose faults come at one time, and the fault of each."""

START: Final = 300.0
"""Seconds that a start may take: OpenClaw takes 37 of processor time, on a busy machine 100."""


class Agent(AbstractContextManager["Agent"], ABC):
    """One gateway with a home of its own; `start` after `kill` brings it back.

    Args:
        home: stands for the user's home.
        model: port of an OpenAI-like server on loopback, which refuses a messenger's token, too.
        profile: beside the usual instance of the same home, where it has a name.
    """

    name: ClassVar[str]
    broken: ClassVar[str]
    """A configuration that no reader of it takes."""

    def __init__(self, version: str, home: Path, model: int, profile: str = "") -> None:
        program = installed(f"{self.name}-{version}")
        assert program is not None
        self.version = version
        self.program = program
        self.home = home
        self.model = model
        self.profile = profile
        self.port = free_port()
        self.folder = self.place()
        self.folder.mkdir(parents=True, exist_ok=bool(profile))
        self.process: subprocess.Popen[bytes] | None = None
        self.configure("m")

    @abstractmethod
    def place(self) -> Path:
        """The folder of its state."""

    @property
    def instance(self) -> str:
        """What `FLEET_INSTANCE` says to a sidecar of the same home."""
        return self.profile or "default"

    @property
    @abstractmethod
    def settings(self) -> Path: ...

    @property
    @abstractmethod
    def argv(self) -> list[str]: ...

    @abstractmethod
    def configure(self, model: str) -> None:
        """Write a configuration that names that model."""

    @abstractmethod
    def schedule(self) -> None:
        """Have a job that is due now; before the start."""

    @abstractmethod
    def ready(self) -> bool: ...

    @property
    def environ(self) -> dict[str, str]:
        path = f"{self.program}/bin:{self.program}/node_modules/.bin:{os.environ['PATH']}"
        return {
            "HOME": str(self.home),
            "PATH": path,
            "NO_PROXY": "127.0.0.1",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody: a test goes no further than loopback
        }

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, *before: str, wait: bool = True) -> Agent:
        """`before` are words before its own, as of a program that gives it namespaces."""
        with (self.home / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*before, *self.argv], env=self.environ, cwd=self.home, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if wait:
            wait_until(self.ready, START, f"the start of {self.name}")
        return self

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it without a goodbye, as a crash does; what it had started, too."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def remove(self) -> None:
        """What was a profile is none."""
        shutil.rmtree(self.folder)

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self.profile:
            self.remove()

    def _health(self, path: str) -> dict[str, Any]:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            found = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        return found if isinstance(found, dict) else {}


class Nanobot(Agent):
    name = "nanobot"
    broken = '{"agents": '

    def place(self) -> Path:
        return self.home / ".nanobot"

    @property
    def instance(self) -> str:
        return str(self.settings)

    @property
    def settings(self) -> Path:
        return self.folder / f"{self.profile or 'config'}.json"

    @property
    def argv(self) -> list[str]:
        words = [str(self.program / "bin/nanobot"), "gateway", "--port", str(self.port)]
        words += ["--config", str(self.settings)] if self.profile else []
        return [*words, "--foreground"] if self.version >= "0.3.5" else words

    def configure(self, model: str) -> None:
        base = f"http://127.0.0.1:{self.model}/v1"
        own = {"workspace": str(self.folder / self.profile)} if self.profile else {}
        document = {
            "agents": {"defaults": {**own, "model": f"custom/{model}", "provider": "custom"}},
            "providers": {"custom": {"apiKey": f"sk-{MARKER}", "apiBase": base}},
            "gateway": {"port": self.port, "heartbeat": {"enabled": False}},
            # Switched on, it would have nanobot install a package.
            "channels": {
                "websocket": {"enabled": False},
                "telegram": {"enabled": False, "token": f"1:{MARKER}"},
            },
        }
        self.settings.write_text(json.dumps(document))

    def schedule(self) -> None:
        cron = self.folder / "workspace/cron"
        cron.mkdir(parents=True, exist_ok=True)
        job = nanobot_job("letter", every=2, due=1)
        job |= {"name": f"Letter to {MARKER}"}
        job["payload"]["message"] = f"Write to {MARKER}"
        never = {**job, "id": "never", "schedule": {"kind": "cron", "expr": NEVER}, "state": {}}
        (cron / "jobs.json").write_text(json.dumps({"version": 1, "jobs": [job, never]}))

    def ready(self) -> bool:
        return self._health("/health").get("status") == "ok"

    def remove(self) -> None:
        """Its folder is that of the usual one, too."""
        for path in (self.settings, *self.folder.glob("run/gateway.*.json")):
            path.unlink(missing_ok=True)


class OpenClaw(Agent):
    name = "openclaw"
    broken = "{gateway: {"

    def place(self) -> Path:
        return self.home / f".openclaw{self.profile and '-' + self.profile}"

    @property
    def settings(self) -> Path:
        return self.folder / "openclaw.json"

    @property
    def argv(self) -> list[str]:
        program = str(self.program / "node_modules/.bin/openclaw")
        profile = ["--profile", self.profile] if self.profile else []
        return [program, *profile, "gateway", "run"]

    def configure(self, model: str) -> None:
        base = f"http://127.0.0.1:{self.model}"
        one = {"id": "m", "name": model, "contextWindow": 200_000, "maxTokens": 4000}
        provider = {
            "baseUrl": f"{base}/v1", "apiKey": f"sk-{MARKER}", "api": "openai-completions",
            "models": [one],
        }  # fmt: skip
        gateway = {"port": self.port, "mode": "local", "bind": "loopback", "auth": {"mode": "none"}}
        account = {"botToken": f"123456:{MARKER}", "apiRoot": base}
        document = {
            "gateway": gateway,
            "channels": {"telegram": {"enabled": True, "accounts": {MARKER.lower(): account}}},
            "models": {"mode": "replace", "providers": {"stub": provider}},
            "agents": {"defaults": {"model": {"primary": "stub/m"}, "heartbeat": {"every": "0m"}}},
        }
        text = json.dumps(document, indent=1)
        self.settings.write_text(f"// of {MARKER}\n{text[:-1].rstrip()},\n}}\n")  # JSON5

    def schedule(self) -> None:
        """By its own command, once it runs."""

    def call(self, *words: str) -> str:
        """What a command of it prints."""
        done = subprocess.run(
            [self.argv[0], *words], env=self.environ, cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
        return done.stdout

    def add_job(self) -> None:
        name, prompt = f"Letter to {MARKER}", f"Write to {MARKER}"
        self.call(
            *("cron", "add", "--name", name, "--every", "2s", "--session", "isolated"),
            *("--message", prompt, "--no-deliver"),
        )

    def ready(self) -> bool:
        return self._health("/startupz").get("status") == "started"


class Hermes(Agent):
    name = "hermes"
    broken = "model: [\n"

    def place(self) -> Path:
        usual = self.home / ".hermes"
        return usual / "profiles" / self.profile if self.profile else usual

    @property
    def settings(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def argv(self) -> list[str]:
        profile = ["-p", self.profile] if self.profile else []
        return [str(self.program / "bin/hermes"), *profile, "gateway", "run"]

    def configure(self, model: str) -> None:
        base = f"http://127.0.0.1:{self.model}"
        self.settings.write_text(
            f"# of {MARKER}\nmodel:\n  default: {model}\n  provider: custom\n"
            f"  base_url: {base}/v1\n  api_key: sk-{MARKER}\n"
            f'platforms:\n  telegram:\n    enabled: true\n    token: "123456:{MARKER}"\n'
            f"    extra:\n      base_url: {base}/bot\n"
        )

    @property
    def environ(self) -> dict[str, str]:
        """Its messenger's proxy goes by the name of the server that it usually asks."""
        unproxied = {"NO_PROXY": "127.0.0.1,api.telegram.org"}
        return {**super().environ, **unproxied, "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS": "1"}

    def schedule(self) -> None:
        """A job for each word: its scheduler begins what is due once a minute only."""
        (self.folder / "cron").mkdir(exist_ok=True)
        now = datetime.now(UTC).isoformat()
        one = {
            "skills": [], "schedule": {"kind": "interval", "minutes": 1, "display": "every 1m"},
            "schedule_display": "every 1m", "repeat": {"times": None, "completed": 0},
            "enabled": True, "state": "scheduled", "created_at": now, "next_run_at": now,
            "last_run_at": None, "last_status": None, "last_error": None, "deliver": "local",
            "provider_snapshot": "custom", "model_snapshot": "m", "no_agent": False,
        }  # fmt: skip
        jobs = [
            {
                "id": f"c013eeb6c69{at}", "name": f"Letter to {MARKER}",
                "prompt": f"Write to {MARKER} {word}", **one,
            }
            for at, word in enumerate(WORDS)
        ]  # fmt: skip
        schedule = {"kind": "cron", "expr": NEVER, "display": NEVER}
        never = {**jobs[0], "id": "c013eeb6c69f", "schedule": schedule, "next_run_at": None}
        (self.folder / "cron/jobs.json").write_text(json.dumps({"jobs": [*jobs, never]}))

    def ready(self) -> bool:
        return (self.folder / "gateway_state.json").is_file()


KINDS: Final[dict[str, type[Agent]]] = {one.name: one for one in (Nanobot, OpenClaw, Hermes)}


def made(name: str, home: Path, model: int) -> Agent:
    """`NAME-VERSION` with a home of its own."""
    kind, _, version = name.partition("-")
    return KINDS[kind](version, home, model)
