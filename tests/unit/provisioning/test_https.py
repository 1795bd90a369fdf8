"""With which certificate the hub serves HTTPS, and when it makes another."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.provisioning.certificates import Authority
from fleet.provisioning.https import (
    ANYWHERE,
    RENEW_DAYS,
    ServerCertificate,
    certificate_for,
    is_local,
    names_of,
)
from fleet.settings import load

NOW = time.time()
DAY = 86_400.0


def test_only_what_this_machine_alone_reaches_is_local() -> None:
    assert all(is_local(host) for host in ("127.0.0.1", "127.3.2.1", "::1", "localhost"))
    assert not any(is_local(host) for host in (*ANYWHERE, "192.0.2.7", "hub.lan", ""))


def test_its_names_are_the_machine_s_the_broker_s_and_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(
        '[mosquitto]\nnames = ["broker.lan"]\n[http_service]\nhosts = ["Hub.lan"]\n'
    )
    settings = load({"home": str(tmp_path)}, {})
    here = ("broker.lan", "hub.lan", "localhost", "127.0.0.1", "::1")
    assert all(names_of(settings, host) == here for host in ANYWHERE)
    assert names_of(settings, "192.0.2.7") == ("192.0.2.7", *here)


def test_a_certificate_is_made_kept_renewed_and_never_half_believed(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.create(NOW)
    made = ServerCertificate(authority, ("hub.lan",))
    certificate, key = authority.http_files
    first, context = certificate.read_text(), made.context()
    made.look(NOW)
    assert (certificate.read_text(), made.context()) == (first, context)
    made.look(NOW + (397 - RENEW_DAYS + 1) * DAY)
    assert certificate.read_text() != first
    assert made.context() is not context
    context = made.context()
    key.write_text("half")
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        made.look(NOW)
    assert "move" in refused.value.remedy
    assert made.context() is context
    key.unlink()
    made.look(NOW)
    assert made.context() is not context
    assert made.context().minimum_version is ssl.TLSVersion.TLSv1_2
    assert ServerCertificate(authority, ("hub.lan", "192.0.2.7")).names
    assert not authority.http_is_due(("hub.lan", "192.0.2.7"), NOW, RENEW_DAYS)
    assert not authority.http_is_due(("hub.lan",), NOW, RENEW_DAYS)
    assert authority.http_is_due(("other.lan",), NOW, RENEW_DAYS)


def test_beyond_this_machine_plain_http_is_said_or_refused(tmp_path: Path) -> None:
    settings = load({"home": str(tmp_path)}, {})
    assert certificate_for(settings, "127.0.0.1") is None
    with pytest.raises(ConfigError, match=r"not served on 192\.0\.2\.7 without TLS"):
        certificate_for(settings, "192.0.2.7")
    plain = load({"home": str(tmp_path)}, {"FLEET_HTTP_PLAIN": "true"})
    assert certificate_for(plain, "192.0.2.7") is None
    Authority(tmp_path).create(NOW)
    found = certificate_for(settings, "192.0.2.7")
    assert found is not None
    assert found.names[0] == "192.0.2.7"
