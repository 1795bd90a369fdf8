"""A kit that cannot fail is none: each fault of an agent is found by the rule that forbids it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import ingest_bus
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.reader import Reader
from fleet.contract.timestamps import ulid
from fleet.contract.topics import Topics
from fleet.keys import load_signer, rotate
from fleet.tck.examination import Examination, Terms
from fleet.tck.finding import Verdict
from fleet.tck.link import AgentLink
from fleet.tck.report import Report
from fleet.tck.rules import BY_ID, RULES, Need, Profile
from tests.support.broker import Mosquitto
from tests.support.examined import Examined
from tests.support.faulty_agent import UP
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.timeout(240),  # the fixture examines them all, on a busy machine too
    pytest.mark.xdist_group("tck"),
]
ROOT = Path(__file__).parents[3]
TOGETHER = 16
"""Examinations at a time: each waits most of its time."""


@dataclass(frozen=True)
class Case:
    """One fault, the rule that finds it, and which of the operator's commands that takes."""

    fault: str
    rule: str
    controls: tuple[str, ...] = ()

    @property
    def profile(self) -> Profile:
        return BY_ID[self.rule].profile if self.rule else Profile.SIDECAR

    @property
    def signed(self) -> bool:
        return not self.rule or Need.KEY in BY_ID[self.rule].needs


R, K, P = ("restart",), ("restart", "kill"), ("pause", "resume")
CASES = (
    Case("", "", ("restart", "kill", "pause", "resume")),
    Case("never-beats", "heartbeat.arrives"),
    Case("heartbeat-field", "heartbeat.valid"),
    Case("heartbeat-not-retained", "heartbeat.retained"),
    Case("clock-behind", "heartbeat.dated"),
    Case("status-word", "status.valid"),
    Case("status-not-retained", "status.retained"),
    Case("alert-code", "alert.valid"),
    Case("alert-not-retained", "alert.retained"),
    Case("other-topic", "publish.topics"),
    Case("qos-0", "publish.qos"),
    Case("user-property", "publish.form"),
    Case("secret-in-version", "publish.content"),
    Case("never-answers", "command.status-report"),
    Case("no-versions", "command.version-report"),
    Case("no-beat", "command.health-check"),
    Case("reload-rejected", "command.config-reload"),
    Case("answers-nobody", "reply.names-command"),
    Case("answers-retained", "reply.not-retained"),
    Case("answers-twice", "command.repeated"),
    Case("runs-expired", "command.expired"),
    Case("runs-early", "command.dated-ahead"),
    Case("any-verb", "command.unknown-verb"),
    Case("any-field", "command.arguments"),
    Case("key-twice", "command.malformed"),
    Case("any-size", "command.oversize"),
    Case("obeys-retained", "command.retained", R),
    Case("unnumbered-beats", "session.numbered"),
    Case("seq-reused", "session.seq-unique"),
    Case("seq-skips", "session.seq-complete"),
    Case("no-birth", "session.birth", R),
    Case("boot-shrinks", "session.boot-grows", R),
    Case("no-farewell", "session.end", R),
    Case("no-will", "will.told", K),
    Case("will-without-boot", "will.boot", K),
    Case("will-of-another", "will.boot", K),
    Case("will-not-retained", "will.retained", K),
    Case("return-not-retained", "return.stands", K),
    Case("forgets-asleep", "sleep.answers", P),
    Case("runs-overslept", "sleep.expires", P),
    Case("no-outbox", "receipt.resend", R),
    Case("ignores-receipts", "receipt.honoured", R),
    Case("impossible-receipt", "receipt.impossible", R),
    Case("unsigned-receipt", "receipt.unsigned", R),
    Case("obeys-unsigned", "signing.unsigned"),
    Case("forged-ttl", "signing.forged"),
    Case("any-target", "signing.target"),
    Case("any-key", "signing.unknown-key"),
    Case("any-session", "signing.session"),
    Case("deaf-to-notices", "notice.hub-online"),
    Case("takes-any-offer", "offer.dropped"),
    Case("progress-field", "progress.valid"),
    Case("progress-retained", "progress.not-retained"),
    Case("epoch-shrinks", "progress.epoch"),
)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """What the kit found, by fault."""
    folder = tmp_path_factory.mktemp("tck")
    broker = Mosquitto(folder / "broker").start()
    try:
        return asyncio.run(_examine_all(folder, broker))
    finally:
        broker.stop()


async def _examine_all(folder: Path, broker: Mosquitto) -> dict[str, Report]:
    home = folder / "hub"
    home.mkdir(mode=0o700)
    public = rotate(home, 0.0).keys[-1].public
    turn = asyncio.Semaphore(TOGETHER)

    async def one(number: int, case: Case) -> tuple[str, Report]:
        async with turn:
            return case.fault, await _examine(case, f"a{number}", folder, broker, public)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number, case)) for number, case in enumerate(CASES)]
    return dict(task.result() for task in tasks)


async def _examine(case: Case, name: str, folder: Path, broker: Mosquitto, public: str) -> Report:
    own = folder / name
    own.mkdir()
    signer = load_signer(folder / "hub") if case.signed else None
    if signer:
        (own / "keys").write_text(public)
    words = [sys.executable, "-m", "tests.support.faulty_agent", str(broker.port), name, str(own)]
    agent = Examined(own, [*words, case.fault], {"PYTHONPATH": str(ROOT)})
    controls = agent.controls(*case.controls)
    needs = controls.needs | ({Need.KEY} if signer else set())
    broadcast = case.rule == "notice.hub-online"
    report = Report(name, case.profile, needs | ({Need.BROADCAST} if broadcast else set()))

    def connect():  # type: ignore[no-untyped-def]
        return ingest_bus(ConnectOptions(BrokerUrl("127.0.0.1", broker.port), ulid(0)))

    with agent:
        await eventually((own / UP).exists, what=f"the start of {case.fault}")
        async with AgentLink(connect, Topics(), name, Reader(), signer, 0.0) as link:
            terms = Terms(controls, wait=12.0, interval=1.0, broadcast=broadcast)
            await Examination(link, report, terms, lambda _text: None).run()
    return report


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault or "none")
def test_a_fault_is_found_by_the_rule_that_forbids_it_and_by_no_other(
    case: Case, reports: dict[str, Report]
) -> None:
    findings = reports[case.fault].findings
    failed = {f.rule.id: f.evidence for f in findings if f.verdict is Verdict.FAIL}
    assert failed.keys() == ({case.rule} if case.rule else set()), failed


def test_an_agent_without_fault_is_judged_by_every_rule_but_those_of_alerts_and_notices(
    reports: dict[str, Report],
) -> None:
    asked = [f for f in reports[""].findings if f.rule.profile is not Profile.WORKER]
    open_ = {f.rule.id for f in asked if f.verdict is not Verdict.PASS}
    assert open_ == {"alert.valid", "alert.retained", "notice.hub-online"}


def test_every_rule_has_a_fault_that_it_finds() -> None:
    assert {case.rule for case in CASES} - {""} == {rule.id for rule in RULES}
