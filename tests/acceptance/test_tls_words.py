"""What is wrong with TLS is said in the same sentence by hub, sidecar, doctor and `bus-publish`."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from fleet.contract.tls_faults import REMEDIES, TlsFault
from tests.support.broker import SHIPPED, Mosquitto, free_port
from tests.support.certificates import TestAuthority
from tests.support.one_liner import bin_without, run
from tests.support.served import environment, fleet
from tests.support.sidecar import Sidecar

Settings = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A TLS listener with certificate `server`, and how it is met; None: it is plain."""

    fault: TlsFault | None
    server: str | None = "good"
    host: str = "127.0.0.1"
    scheme: str = "mqtts"
    ca: str = "ca"
    own: str = ""
    asks: str = ""
    """The CA whose certificates the broker asks of clients; empty: it asks for none."""


CASES: Final = {
    "good": Case(None),
    "good-over-ipv6": Case(None, host="[::1]"),
    "good-with-own": Case(None, own="client", asks="ca"),
    "expired": Case(TlsFault.EXPIRED, "ended"),
    "early": Case(TlsFault.EARLY, "early"),
    "another-address": Case(TlsFault.WRONG_NAME, "elsewhere"),
    "another-address-over-ipv6": Case(TlsFault.WRONG_NAME, "elsewhere", host="[::1]"),
    "another-name": Case(TlsFault.WRONG_NAME, "elsewhere", host="localhost"),
    "unknown-ca": Case(TlsFault.UNKNOWN_CA, ca="stranger"),
    "tls-to-a-plain-port": Case(TlsFault.NO_TLS, None),
    "plain-to-a-tls-port": Case(TlsFault.ONLY_TLS, scheme="mqtt"),
    "none-of-our-own": Case(TlsFault.CERTIFICATE_WANTED, asks="ca"),
    "our-own-expired": Case(TlsFault.CERTIFICATE_EXPIRED, own="client-ended", asks="ca"),
    "our-own-revoked": Case(TlsFault.CERTIFICATE_REVOKED, own="client-revoked", asks="ca"),
    "our-own-unknown": Case(TlsFault.CERTIFICATE_REFUSED, own="client", asks="stranger"),
}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    authority, _ = TestAuthority(folder), TestAuthority(folder, "stranger")
    authority.issue("good")
    authority.issue("ended", -90, -1)
    authority.issue("early", 2, 90)
    authority.issue("elsewhere", names=("elsewhere.example",))
    authority.issue("client")
    authority.issue("client-ended", -90, -1)
    authority.revoke(authority.issue("client-revoked"))
    return folder


def listener(case: Case, papers: Path, port: int) -> list[str]:
    host = "127.0.0.1" if case.host == "localhost" else case.host.strip("[]")
    lines = [*SHIPPED, f"listener {port} {host}", "allow_anonymous true"]
    if case.server:
        lines += [f"certfile {papers}/{case.server}.pem", f"keyfile {papers}/{case.server}.key"]
    if case.asks:
        lines += [f"cafile {papers}/{case.asks}.pem", "require_certificate true"]
    if case.asks == "ca":
        lines.append(f"crlfile {papers}/ca.crl")
    return lines


def settings(case: Case, papers: Path, port: int) -> Settings:
    given = {"FLEET_BROKER": f"{case.scheme}://{case.host}:{port}"}
    if case.scheme == "mqtts":
        given["FLEET_CA_FILE"] = f"{papers}/{case.ca}.pem"
    if case.own:
        given["FLEET_CERT_FILE"] = f"{papers}/{case.own}.pem"
        given["FLEET_KEY_FILE"] = f"{papers}/{case.own}.key"
    return given


@pytest.fixture(params=CASES)
def met(
    request: pytest.FixtureRequest, tmp_path: Path, papers: Path
) -> Iterator[tuple[Case, Settings]]:
    """A case with its broker at work, and the settings with which it is met."""
    case, port = CASES[request.param], free_port()
    broker = Mosquitto(tmp_path / "broker", listener(case, papers, port)).start()
    yield case, settings(case, papers, port)
    broker.stop()


def says(text: str, fault: TlsFault) -> None:
    assert fault.meaning in text, text
    assert REMEDIES[fault] in text, text
    assert "Traceback" not in text


def every_door(folder: Path, given: Settings, fault: TlsFault | None) -> None:
    agent = {"FLEET_AGENT": "alpha", "FLEET_DROP": "-"} | given
    patience = "10" if fault is TlsFault.NO_TLS else "86400"  # it may pass: a one-shot waits
    answers = {
        "bus-publish": run("heartbeat", home=folder, **agent),
        "sidecar": Sidecar(folder / "agent", "", **given).call("beat", "--timeout", patience),
        "by Python": run(
            "heartbeat", home=folder, path=bin_without(folder / "bin", "mosquitto_pub"), **agent
        ),
        "fleet": fleet("status", environ=environment(folder, **given)),
    }
    for door, answer in answers.items():
        if fault is None:
            assert answer.stderr == "" or door == "fleet", (door, answer)
        else:
            assert answer.returncode == 3, (door, answer)
            says(answer.stderr, fault)
    hub = folder / "hub"
    hub.mkdir(mode=0o700)
    environ = environment(hub, FLEET_HTTP="127.0.0.1:0", **given)
    doctor = fleet("doctor", environ=environ)
    if fault is not None:
        says(doctor.stdout + doctor.stderr, fault)
        served = fleet("serve", environ=environ)
        assert served.returncode == 3
        says(served.stdout + served.stderr, fault)


def test_every_door_says_the_same(met: tuple[Case, Settings], tmp_path: Path) -> None:
    case, given = met
    every_door(tmp_path, given, case.fault)


def test_an_old_protocol_is_told(papers: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers / "good.pem", papers / "good.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = server.accept()
                    with link, contextlib.suppress(OSError):
                        context.wrap_socket(link, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        every_door(tmp_path, settings(Case(None), papers, server.getsockname()[1]), TlsFault.OLD)
