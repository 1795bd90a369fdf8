"""The link over TLS: the broker is who it says, and so may the sidecar be."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.broker import Mosquitto, free_port
from tests.support.sidecar import Listener, Sidecar


def issue(folder: Path, name: str, issuer: str = "") -> None:
    """`name`.pem and `name`.key in `folder`, signed by `issuer`, or an authority of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, by_key = subject, key
    if issuer:
        by = x509.load_pem_x509_certificate((folder / f"{issuer}.pem").read_bytes()).subject
        loaded = serialization.load_pem_private_key((folder / f"{issuer}.key").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        by_key = loaded
    today = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
    )
    if issuer:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    certificate = builder.sign(by_key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / f"{name}.key"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key_file.chmod(0o600)


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    issue(folder, "authority")
    issue(folder, "stranger")
    issue(folder, "broker", "authority")
    issue(folder, "alpha", "authority")
    return folder


@pytest.fixture
def tls_port(tmp_path: Path, papers: Path) -> Iterator[tuple[int, int]]:
    """The port with TLS and client certificates, and a plain one for the hub."""
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1", f"cafile {papers}/authority.pem",
        f"certfile {papers}/broker.pem", f"keyfile {papers}/broker.key",
        "require_certificate true", "use_identity_as_username true", "allow_anonymous true",
    ]  # fmt: skip
    broker = Mosquitto(tmp_path / "tls-broker", lines).start()
    yield port, broker.port
    broker.stop()


def secure(folder: Path, papers: Path, port: int, authority: str = "authority") -> Sidecar:
    return Sidecar(
        folder, f"mqtts://127.0.0.1:{port}", FLEET_CA_FILE=str(papers / f"{authority}.pem"),
        FLEET_CERT_FILE=str(papers / "alpha.pem"), FLEET_KEY_FILE=str(papers / "alpha.key"),
    )  # fmt: skip


def test_it_beats_and_answers_over_tls_with_its_certificate(
    tmp_path: Path, papers: Path, tls_port: tuple[int, int]
) -> None:
    hub = Listener(tls_port[1]).start()
    sidecar = secure(tmp_path / "agent", papers, tls_port[0]).start()
    try:
        hub.wait("status", state="running")
        hub.wait("heartbeat", count=3)
        for _ in range(5):
            assert hub.reply(hub.command("alpha", "health-check"))["result"] == "done"
        sidecar.kill()
        hub.wait("status", state="offline")
    finally:
        sidecar.kill()
        hub.stop()


def test_a_broker_of_another_authority_is_refused(
    tmp_path: Path, papers: Path, tls_port: tuple[int, int]
) -> None:
    sidecar = secure(tmp_path / "agent", papers, tls_port[0], "stranger")
    sidecar.folder.mkdir(exist_ok=True)
    done = sidecar.call("beat", "--timeout", "2")
    assert done.returncode == 3
    assert "TLS: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_certificate_file_is_an_error_with_a_remedy(
    tmp_path: Path, papers: Path, tls_port: tuple[int, int]
) -> None:
    sidecar = secure(tmp_path / "agent", papers, tls_port[0], "nobody")
    sidecar.folder.mkdir(exist_ok=True)
    done = sidecar.call("run")
    assert done.returncode == 3
    assert "nobody.pem" in done.stderr
    assert "\nTry: " in done.stderr


@pytest.mark.parametrize("what", ["key", "empty", "folder"])
def test_what_is_no_authority_is_named(tmp_path: Path, papers: Path, what: str) -> None:
    path = papers / ("authority.key" if what == "key" else what)
    if what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    (tmp_path / "agent").mkdir()
    sidecar = Sidecar(tmp_path / "agent", "mqtts://127.0.0.1:1", FLEET_CA_FILE=str(path))
    done = sidecar.call("beat", "--timeout", "2")
    assert done.returncode == 3
    assert done.stderr == (
        f"{path} is no CA certificate: FLEET_CA_FILE names it\n"
        "Try: FLEET_CA_FILE: ca/ca.pem of the hub's home, or the CA of this broker\n"
    )
