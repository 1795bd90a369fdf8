"""A certificate authority of our own: the broker's certificate, the agents', and the CRL.

P-256, because every TLS library in the field speaks it. The CRL never ages out before the CA does:
an expired one would lock every agent out.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.provisioning.issued import Issued, Validity

T = TypeVar("T")

CA_DAYS: Final = 3650
SERVER_DAYS: Final = 397
"""Days; what browsers and Apple's TLS accept at most."""
CLIENT_DAYS: Final = 397
WARN_DAYS: Final = 30
"""Days before the end from which a certificate is called expiring."""

_SKEW: Final = timedelta(minutes=5)
"""Certificates start in the past: an agent's clock may be behind."""


class Authority:
    """The CA in `home/ca`: `ca.pem`, `ca.key`, `server.pem`, `server.key`, `crl.pem`."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "ca"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def crl_file(self) -> Path:
        return self.folder / "crl.pem"

    def exists(self) -> bool:
        return self.ca_file.exists()

    def create(self, now: float) -> None:
        """Make the CA and an empty CRL.

        Raises:
            ConfigError: there is one already, or the folder cannot be written.
        """
        if self.exists():
            raise ConfigError(
                f"there is a CA in {self.folder} already",
                "a new one would lock every agent out",
                "fleet broker certificates --renew makes a new server certificate",
            )
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("fleet CA")
        certificate = (
            _builder(name, name, key, now, CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_secret(self.folder / "ca.key", _key_pem(key))
        write_secret(self.ca_file, _pem(certificate))
        self._write_crl(key, certificate, [], now)

    def issue_server(self, names: Sequence[str], now: float, days: int = SERVER_DAYS) -> Issued:
        """The broker's certificate for host names and addresses; written beside the CA."""
        issued = self.issue_for(names, now, days)
        write_secret(self.folder / "server.key", issued.key)
        write_secret(self.folder / "server.pem", issued.certificate)
        return issued

    def issue_for(self, names: Sequence[str], now: float, days: int = SERVER_DAYS) -> Issued:
        """A broker's certificate that is written nowhere here."""
        return self._issue(names[0], ExtendedKeyUsageOID.SERVER_AUTH, names, now, days)

    @property
    def http_files(self) -> tuple[Path, Path]:
        """Certificate and key that the hub serves HTTPS with."""
        return self.folder / "http.pem", self.folder / "http.key"

    def issue_http(self, names: Sequence[str], now: float, days: int = SERVER_DAYS) -> Issued:
        """The hub's certificate for HTTPS; written beside the CA, the key first: who reads between
        both finds that they differ, and reads again."""
        issued = self._issue(names[0], ExtendedKeyUsageOID.SERVER_AUTH, names, now, days)
        certificate, key = self.http_files
        write_secret(key, issued.key)
        write_secret(certificate, issued.certificate)
        return issued

    def http_is_due(self, names: Sequence[str], now: float, days: float) -> bool:
        """Whether there is none, it lacks a name, or it ends within `days`."""
        certificate, key = self.http_files
        if not (certificate.exists() and key.exists()):
            return True
        found = _read(certificate, x509.load_pem_x509_certificate, "certificate")
        if Validity("", "", found.not_valid_after_utc.timestamp()).days_left(now) < days:
            return True
        try:
            held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return True
        return not {_alternative(name) for name in names} <= set(held)

    def issue_client(self, agent: str, now: float, days: int = CLIENT_DAYS) -> Issued:
        """An agent's certificate; its common name becomes user name and client id.

        A copy without the key stays in `clients/`, so that its end can be watched.
        """
        issued = self._issue(agent, ExtendedKeyUsageOID.CLIENT_AUTH, [], now, days)
        write_secret(self._client_file(issued.serial), issued.certificate)
        return issued

    def revoke(self, serials: Sequence[str], now: float) -> None:
        """Put certificates on the CRL, once each; the broker must read it again (SIGHUP)."""
        key, certificate = self._load()
        new = [serial for serial in serials if serial not in self.revoked()]
        revoked = [*self._crl(), *(_revoked(int(serial, 16), now) for serial in new)]
        self._write_crl(key, certificate, revoked, now)
        for serial in serials:
            self._client_file(serial).unlink(missing_ok=True)

    def revoked(self) -> set[str]:
        """Serial numbers (hex) on the CRL."""
        return {f"{entry.serial_number:x}" for entry in self._crl()}

    def validities(self) -> list[Validity]:
        """What is in force: the CA's certificate, the broker's, the CRL, the agents'."""
        clients = sorted(self.folder.glob("clients/*.pem"))
        return [*self.of_the_hub(), *(validity(path) for path in clients)]

    def of_the_hub(self) -> list[Validity]:
        """What broker and hub need of it: the CA's certificate, the CRL, the broker's."""
        files = (self.ca_file, self.folder / "server.pem", self.http_files[0])
        found = [validity(path) for path in files if path.exists()]
        return [*found, crl_validity(self.crl_file)] if self.crl_file.exists() else found

    def of_client(self, serial: str) -> Validity | None:
        """An agent's certificate by its serial number (hex); None: it is not kept here."""
        path = self._client_file(serial)
        return validity(path) if path.exists() else None

    def _client_file(self, serial: str) -> Path:
        return self.folder / "clients" / f"{serial}.pem"

    def _issue(
        self,
        common_name: str,
        purpose: x509.ObjectIdentifier,
        names: Sequence[str],
        now: float,
        days: int,
    ) -> Issued:
        ca_key, ca = self._load()
        key = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        builder = (
            _builder(_name(common_name), ca.subject, key, now, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(identifier, critical=False)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(ca_key, hashes.SHA256())
        return Issued(_pem(certificate), _key_pem(key), f"{certificate.serial_number:x}")

    def _load(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        if not self.exists():
            raise ConfigError(f"there is no CA in {self.folder}", "", "fleet init makes it")
        secret = read_secret(self.folder / "ca.key").encode()
        try:
            key = serialization.load_pem_private_key(secret, password=None)
        except (ValueError, TypeError):
            raise self._damaged(self.folder / "ca.key", "no PEM key without passphrase") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"{self.folder / 'ca.key'} is not ours", "not P-256", "fleet init")
        certificate = _read(self.ca_file, x509.load_pem_x509_certificate, "certificate")
        if certificate.public_key() != key.public_key():
            raise self._damaged(self.ca_file, "it is of another key than ca.key")
        return key, certificate

    def _crl(self) -> list[x509.RevokedCertificate]:
        return list(_read(self.crl_file, x509.load_pem_x509_crl, "CRL"))

    def _damaged(self, path: Path, why: str) -> ConfigError:
        remedy = f"put {self.folder} back from a copy of the home"
        return ConfigError(f"{path} is damaged", why, remedy)

    def _write_crl(
        self,
        key: ec.EllipticCurvePrivateKey,
        ca: x509.Certificate,
        revoked: Sequence[x509.RevokedCertificate],
        now: float,
    ) -> None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(ca.subject)
            .last_update(_moment(now) - _SKEW)
            .next_update(ca.not_valid_after_utc)
        )
        for entry in revoked:
            builder = builder.add_revoked_certificate(entry)
        crl = builder.sign(key, hashes.SHA256())
        write_secret(self.crl_file, crl.public_bytes(serialization.Encoding.PEM).decode())


def validity(path: Path) -> Validity:
    """When the certificate in `path` ends.

    Raises:
        ConfigError: it is not a certificate.
    """
    certificate = _read(path, x509.load_pem_x509_certificate, "certificate")
    subject = certificate.subject.rfc4514_string()
    return Validity(str(path), subject, certificate.not_valid_after_utc.timestamp())


def crl_validity(path: Path) -> Validity:
    """Until when the CRL in `path` is to be believed; beyond, the broker lets nobody in.

    Raises:
        ConfigError: it is no CRL.
    """
    crl = _read(path, x509.load_pem_x509_crl, "CRL")
    ends = crl.next_update_utc
    moment = math.inf if ends is None else ends.timestamp()
    return Validity(str(path), "the CRL", moment)


def _read(path: Path, parse: Callable[[bytes], T], what: str) -> T:
    """
    Raises:
        ConfigError: it cannot be read, or is no `what`.
    """
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not PEM"
        raise ConfigError(f"the {what} {path} cannot be read", why, f"ls -l {path}") from None


def expiring(
    home: Path, now: float | None = None, within_days: float = WARN_DAYS
) -> list[Validity]:
    """Certificates of this home that end within `within_days`; for the hub, doctor and list."""
    moment = time.time() if now is None else now
    every = Authority(home).validities()
    return [one for one in every if one.days_left(moment) < within_days]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: float,
    days: int,
) -> x509.CertificateBuilder:
    start = _moment(now) - _SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(_moment(now) + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _revoked(serial: int, now: float) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial)
    return builder.revocation_date(_moment(now)).build()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    private = serialization.PrivateFormat.PKCS8
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, private, none).decode()
