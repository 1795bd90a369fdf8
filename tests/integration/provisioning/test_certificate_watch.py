"""The hub's alert `certificate-expiry`: from its own files, the handshake and the enrolments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.certificate_watch import CODE, CertificateWatch, by_owner
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.vocabulary import Severity
from fleet.hub.committer import HUB
from fleet.hub.hub import Hub
from fleet.hub.hub_time import HubTime
from fleet.provisioning.certificates import Authority
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import Settings
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto, free_port
from tests.support.certificates import TestAuthority
from tests.support.provisioned import ProvisionedBroker
from tests.support.waiting import eventually

DAY = 86_400.0


@pytest.fixture
def home(provisioned: ProvisionedBroker) -> Settings:
    return provisioned.settings


def enrol(settings: Settings, *days: int) -> None:
    """Agent ada, with a certificate for each of `days` that is left."""
    authority, now = Authority(settings.home), time.time()
    serials = tuple(authority.issue_client("ada", now, days=left).serial for left in days)
    Registry(settings.home).save(Enrolled("ada", serials=serials))


async def test_each_owners_alert_grows_worse_and_ends_with_a_new_certificate(
    home: Settings,
) -> None:
    hub = Hub(home, SqliteStore(home.home))
    watch = CertificateWatch(hub)
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")

    async def told(owner: str) -> Severity | None:
        await watch.check()
        alert = hub.committer.book.firing_of(owner).get(CODE)
        return alert.severity if alert else None

    authority = Authority(home.home)
    for days, severity in ((397, None), (20, Severity.INFO), (5, Severity.WARNING),
                           (0, Severity.CRITICAL), (397, None)):  # fmt: skip
        enrol(home, days)
        assert await told("ada") is severity, days
        authority.issue_server(["127.0.0.1"], time.time(), days=days)
        assert await told(HUB) is severity, days
    hub.stop()
    await running


async def test_by_a_clock_that_is_doubted_no_certificate_ends(home: Settings) -> None:
    ahead = 0.0
    clock = HubTime(lambda: time.time() + ahead, time.monotonic, boot="b")
    hub = Hub(home, SqliteStore(home.home), clock=clock)
    watch = CertificateWatch(hub)
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")
    enrol(home, 397)
    ahead = 390 * DAY
    hub.committer.now()
    assert clock.doubt is not None
    await watch.check()
    assert not hub.committer.book.firing_of("ada")
    hub.stop()
    await running


def test_while_an_agent_is_rotated_the_newer_certificate_counts(home: Settings) -> None:
    enrol(home, 5, 397)
    assert by_owner(home)["ada"].days_left(time.time()) > 390


def test_who_is_revoked_is_nobodys_concern(home: Settings) -> None:
    enrol(home, 5)
    Registry(home.home).revoke("ada", time.time())
    assert "ada" not in by_owner(home)


def test_the_crl_ends_too(home: Settings) -> None:
    found = {one.subject: one.ends for one in Authority(home.home).of_the_hub()}
    assert found["the CRL"] == found["CN=fleet CA"]


@pytest.fixture(params=[3.0, -2.0], ids=["ends soon", "has ended"])
def shown(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[float, Path, int]]:
    """Days left of the certificate that a broker shows, its CA, and its port."""
    papers = TestAuthority(tmp_path / "papers")
    server, port = papers.issue("server", -90, request.param), free_port()
    lines = [
        f"listener {port} 127.0.0.1", "allow_anonymous true",
        f"certfile {server}", f"keyfile {server.with_suffix('.key')}",
    ]  # fmt: skip
    broker = Mosquitto(tmp_path / "shown", lines).start()
    yield request.param, papers.file, port
    broker.stop()


def test_the_certificate_that_the_broker_shows_counts(
    shown: tuple[float, Path, int], home: Settings
) -> None:
    days, ca, port = shown
    broker = BrokerUrl("127.0.0.1", port, tls=True)
    found = by_owner(replace(home, broker=broker, ca_file=ca))[HUB]
    assert found.subject == "the broker's certificate"
    assert found.days_left(time.time()) == pytest.approx(max(days, 0.0), abs=0.1)
