"""The CA, its certificates and its CRL."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from fleet.contract.errors import ConfigError
from fleet.provisioning.certificates import Authority, expiring, validity

NOW = 1_773_869_400.0
DAY = 86_400.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.create(NOW)
    return made


def test_openssl_takes_what_it_issues(authority: Authority, tmp_path: Path) -> None:
    authority.issue_server(["localhost", "127.0.0.1"], NOW)
    issued = authority.issue_client("alpha", NOW)
    (tmp_path / "c.pem").write_text(issued.certificate)
    (tmp_path / "c.key").write_text(issued.key)
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "c.key")
    context.load_cert_chain(authority.folder / "server.pem", authority.folder / "server.key")
    context.load_verify_locations(authority.crl_file)


def test_a_ca_is_never_made_twice(authority: Authority) -> None:
    with pytest.raises(ConfigError, match="already"):
        authority.create(NOW)


def test_an_agents_certificate_can_neither_serve_nor_sign(authority: Authority) -> None:
    issued = authority.issue_client("alpha", NOW)
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [purpose.dotted_string for purpose in usage] == ["1.3.6.1.5.5.7.3.2"]
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    assert certificate.subject.rfc4514_string() == "CN=alpha"


def test_revoked_serials_add_up(authority: Authority) -> None:
    first, second = (authority.issue_client("alpha", NOW).serial for _ in range(2))
    authority.revoke([first], NOW)
    authority.revoke([second], NOW + 1)
    assert authority.revoked() == {first, second}


def test_the_crl_lasts_as_long_as_the_ca(authority: Authority) -> None:
    crl = x509.load_pem_x509_crl(authority.crl_file.read_bytes())
    ca = x509.load_pem_x509_certificate(authority.ca_file.read_bytes())
    assert crl.next_update_utc == ca.not_valid_after_utc


def test_what_ends_soon_is_named(authority: Authority, tmp_path: Path) -> None:
    authority.issue_server(["localhost"], NOW, days=40)
    assert expiring(tmp_path, NOW) == []
    [ending] = expiring(tmp_path, NOW + 11 * DAY)
    assert ending.subject == "CN=localhost"
    assert ending.days_left(NOW + 11 * DAY) == 29


def test_an_agents_certificate_is_watched_until_it_is_revoked(
    authority: Authority, tmp_path: Path
) -> None:
    issued = authority.issue_client("alpha", NOW, days=10)
    assert [one.subject for one in expiring(tmp_path, NOW)] == ["CN=alpha"]
    authority.revoke([issued.serial], NOW)
    assert expiring(tmp_path, NOW) == []


def test_what_is_no_certificate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no")
    with pytest.raises(ConfigError, match="not PEM"):
        validity(tmp_path / "x.pem")


def test_the_files_are_0600(authority: Authority) -> None:
    authority.issue_server(["localhost"], NOW)
    authority.issue_client("alpha", NOW)
    files = [path for path in authority.folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
