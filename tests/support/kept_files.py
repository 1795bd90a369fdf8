"""The files that the two programs keep, and who uses each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import agent_sidecar.cli
import fleet.cli.main
from agent_sidecar.config import load
from agent_sidecar.drop.watcher import DropWatcher
from agent_sidecar.one_shot import tell_lack
from fleet.auditor.capture.recorder import CaptureWriter
from fleet.browser_sessions import BrowserSessions
from fleet.contract.broker_capabilities import Lack, Need
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import AlertState
from fleet.keys import load_signer
from fleet.mcp import action_log
from fleet.notifier.delivery import Delivery
from fleet.notifier.notification import Notification
from fleet.notifier.refusals import Refusal, SendError
from fleet.notifier.routes import Route, route_of
from fleet.pending_departures import Departure, PendingDepartures
from fleet.provisioning.certificates import Authority
from fleet.provisioning.registry import Enrolled, Registry
from fleet.store.sqlite import store
from fleet.tokens import Principal, Role, Tokens
from tests.support.bad_disk import in_place
from tests.support.waiting import eventually

for _ready in (
    "agent_sidecar.check", "agent_sidecar.config_check", "agent_sidecar.daemon",
    "agent_sidecar.drop.publish", "agent_sidecar.kinds.nanobot", "agent_sidecar.kinds.openclaw",
    "agent_sidecar.supervise.supervisor", "fleet.auditor.from_settings", "fleet.auditor.replay",
    "fleet.auditor.report.text", "fleet.bus.mqtt", "fleet.bus.mqtt5_connection", "fleet.cli.agent",
    "fleet.cli.audit", "fleet.cli.backup", "fleet.cli.broker", "fleet.cli.config",
    "fleet.cli.history", "fleet.cli.init", "fleet.cli.status", "fleet.cli.token",
    "fleet.fleet_history", "fleet.fleet_state", "fleet.hub.machine_clock",
    "fleet.provisioning.home", "fleet.store.open", "fleet.store.sqlite.backup", "fleet.tokens",
):  # fmt: skip
    import_module(_ready)  # before the forks, each of which would else do it again

Work = Callable[[], int | None]


@dataclass(frozen=True)
class Kept:
    """One file, and who reads or writes it.

    Attributes:
        path: within the home, as a pattern where its name tells a time or a key.
        work: what is done; its exit code.
        later: a text that is well formed but of another release or an impossible time.
        optional: the work may go on as if there were none, without a word.
        dated: its date says something.
        told: by what word the work tells that something is wrong, beside `Try:`.
    """

    path: str
    work: Work
    later: str = ""
    optional: bool = False
    dated: bool = False
    told: str = "Try:"

    def within(self, folder: Path) -> Path:
        return next(folder.glob(self.path), folder / self.path)


def sidecar(*words: str) -> Work:
    return lambda: agent_sidecar.cli.start(list(words))


def hub(*words: str) -> Work:
    return lambda: fleet.cli.main.run(list(words))


def home() -> Path:
    return Path(os.environ["FLEET_HOME"])


def enrol() -> None:
    Registry(home()).save(Enrolled("carla", enrolled_at=1.0))
    sys.stdout.write(" ".join(Registry(home()).everyone() or ()))


def depart() -> None:
    pending = PendingDepartures(home())
    pending.add(Departure("carla"))
    sys.stdout.write(repr(pending.read()))


def sign_in() -> None:
    """A browser signs in, and is known or was never said to be kept."""
    tokens = Tokens(home())
    sessions = BrowserSessions(home(), tokens)
    made = tokens.create(Principal(Role.VIEWER), "2026-01-01T00:00:00Z")[1]
    opened = sessions.open(replace(Principal(Role.VIEWER), id=made.id))
    sys.stdout.write(str(sessions.find(opened.cookie, opened.secret) is not None))


def act() -> None:
    action_log.record(home(), "2026-01-01T00:00:00Z", "viewer", "status", {})
    for line in (home() / action_log.FILE).read_text().splitlines():
        assert json.loads(line)["tool"] == "status"


def drop_in() -> int | None:
    """A publisher hands a message to whoever serves the directory, else to the broker."""
    os.environ["FLEET_DROP"] = str(home() / "drop")
    return TELL_ANY()


def take_up() -> None:
    """A sidecar takes up what waits in its drop directory, and says what it did not believe."""
    settings = load({}, {**os.environ, "FLEET_DROP": str(home() / "drop")})
    for path in (home() / "drop").glob("status-*"):  # older than what may still be in the making
        with suppress(OSError):
            os.utime(path, (time.time() - 5, min(path.stat().st_mtime, time.time() - 5)))
    taken: list[str] = []
    watcher = DropWatcher(settings, schema_validators())
    watcher.look(time.monotonic(), lambda kind, _: bool(taken.append(kind)) or True)
    watcher.close()
    kept = sorted(path.name for path in (home() / "drop" / "rejected").glob("*"))
    sys.stdout.write(f"{taken} {kept if watcher.rejected else []}")


def capture() -> None:
    """A hub begins a file of its capture and writes one line."""
    writer = CaptureWriter(home() / "capture", clock=lambda: 2_000_000_000.0)
    writer.open()
    writer.write(2_000_000_000.0, "fleet/alpha/status", b"{}", False)
    writer.close()
    sys.stdout.write(f"{writer.lost} lost")


def delivery() -> Delivery:
    table = {"channel": "alertmanager", "url": "http://127.0.0.1:9/x"}

    def refuse(_route: Route, group: Notification) -> None:
        raise SendError("no", "400", "", refusal=Refusal.REFUSED)

    return Delivery(route_of("mail", table, home()), home() / "routes", refuse)


def set_aside() -> None:
    """A route takes up what it kept, and is given a message that its receiver refuses."""

    async def work() -> None:
        route = delivery()
        route.restore()
        await route.enqueue(Notification.test(AlertState.FIRING, 1_700_000_000.0))
        running = asyncio.create_task(route.run())
        await eventually(lambda: not len(route), what="that it is set aside")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        sys.stdout.write(f"{len(route.set_aside)} set aside")

    asyncio.run(work())


def sign() -> None:
    signer = load_signer(home())
    message = {"verb": "ping", "id": "x", "ts": "2026-01-01T00:00:00Z", "ttl": 60}
    sys.stdout.write(str(signer and sorted(signer.sign("fleet/alpha/command", message))))


def serve_store() -> None:
    opened = store.SqliteStore(home())
    opened.open()
    opened.close()


def issue() -> None:
    Authority(home()).issue_client("carla", time.time())


def say_lack() -> None:
    tell_lack(home() / STATE, Lack(Need.RETAINED), sure=True)


def with_own_password() -> int | None:
    os.environ["FLEET_PASSWORD_FILE"] = str(home() / "secret")
    return BEAT()


STATE = "sidecar/alpha"
BEAT = sidecar("beat", "--timeout", "8")
TELL = sidecar("publish", "status", "state=degraded", "--direct", "--timeout", "8")
TELL_ANY = sidecar("publish", "status", "state=degraded", "--timeout", "8")
RUN = in_place(sidecar("exec", "--no-sidecar", "--", "true"))
RENEW = hub("broker", "certificates", "--renew")
SAVE = hub("audit", "run", "--save")
VERIFY = hub("audit", "report", "--verify")

FILES = (
    Kept(f"{STATE}/lock", BEAT, optional=True, dated=True),
    Kept(f"{STATE}/session.json", BEAT, f'{{"boot": {2**53 - 1}, "seq": 3, "open": false}}'),
    Kept(f"{STATE}/origin.json", BEAT, '{"machine": 7, "lock": "x"}'),
    Kept(f"{STATE}/alarms.json", BEAT, '{"version": 9, "codes": []}'),
    Kept(f"{STATE}/told.json", BEAT, optional=True),
    Kept(f"{STATE}/lack", say_lack, optional=True),
    Kept(f"{STATE}/self-report", TELL, "dreaming"),
    Kept(f"{STATE}/outbox.sqlite3", TELL),
    Kept(f"{STATE}/exec/lock", RUN, optional=True),
    Kept(f"{STATE}/exec/children", RUN, '{"agent": [1, "1"], "version": 9}'),
    Kept(f"{STATE}/agent/pid", RUN, optional=True),
    Kept("drop/.agent", drop_in, "another\n", optional=True, dated=True),
    Kept("drop/.agent", take_up, optional=True),
    Kept("drop/status-1.json", take_up, '{"state": "dreaming"}', dated=True),
    Kept("agent.env", sidecar("check"), "FLEET_DREAMS=1\n"),
    Kept("commands.pub", sidecar("config", "check"), "k=v"),
    Kept("secret", with_own_password, optional=True),
    Kept("fleet.toml", hub("config", "show"), "dreams = 1"),
    Kept("audit.toml", SAVE, "dreams = 1"),
    Kept("agents.json", enrol, '{"agents": {"version": 9}}'),
    Kept("agents.lock", enrol, optional=True),
    Kept("departures.json", depart, '{"departures": {"version": 9}}'),
    Kept("tokens.json", hub("token", "create", "--role", "viewer"), '{"version": 9}'),
    Kept("tokens.json", hub("token", "list"), '[{"id": "x", "version": 9}]'),
    Kept("sessions.json", sign_in, optional=True),
    Kept("sessions.json", hub("token", "sessions"), '[{"id": "x", "version": 9}]'),
    Kept("hub.json", hub("status"), '{"version": 9}'),
    Kept("client-id.json", hub("status"), '{"version": 9}', optional=True),
    Kept("hub.lock", serve_store, optional=True),
    Kept("keys/keys.json", hub("agent", "keys", "rotate"), '{"keys": [], "version": 9}'),
    Kept("keys/*.pem", sign),
    Kept("keys/commands.pub", hub("agent", "keys", "rotate"), optional=True),
    Kept("ca/ca.pem", RENEW),
    Kept("ca/ca.key", RENEW),
    Kept("ca/crl.pem", hub("broker", "certificates")),
    Kept("ca/server.pem", hub("broker", "certificates")),
    Kept("ca/clients/*.pem", hub("broker", "certificates")),
    Kept("ca/server.key", RENEW, optional=True),
    Kept("broker/hub.password", hub("status"), optional=True),
    Kept("broker/admin.password", hub("init", "--own-broker"), optional=True),
    Kept("broker/dynamic-security.json", hub("init", "--own-broker"), optional=True),
    Kept("broker/mosquitto.conf", hub("init", "--own-broker"), optional=True),
    Kept("broker/mosquitto.pid", RENEW, "1\n", optional=True),
    Kept("clock.json", RENEW, '{"at": 1e999, "ticks": 1, "boot": "", "retention": {}}'),
    Kept("audit-digest.key", SAVE),
    Kept("audit/reports.log", hub("audit", "report"), '{"version": 9}\n'),
    Kept("audit/reports.log", SAVE, '{"version": 9}\n'),
    Kept(
        "audit/report-*.json",
        hub("audit", "report", "--verify"),
        '{"version": 9}\n',
        told=".json was",
    ),
    Kept("audit/report-*.json", hub("audit", "report"), '{"version": 9}\n'),
    Kept("capture/capture-*.jsonl", SAVE, '{"version": 9}\n', told="cannot be read"),
    Kept("capture/capture-*.jsonl", capture, '{"version": 9}\n', optional=True, dated=True),
    Kept("routes/mail.json", set_aside, '{"waiting": [{"version": 9}], "delivered": []}'),
    Kept("actions.jsonl", act, optional=True),
    Kept("fleet.sqlite3", hub("history")),
    Kept("fleet.sqlite3", hub("backup", "copy.db")),
)
