"""Certificates of every condition, made at run time: good, ended, early, of another name."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE: Final = ("127.0.0.1", "::1", "localhost")
DAY: Final = dt.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class TestAuthority:
    """A CA in `folder`: `ca.pem`, and NAME.pem with NAME.key for each that it issues."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self._write(name, self._name, self._key, -100, 1000, ())

    def issue(
        self, name: str, begins: float = -1, ends: float = 100, names: tuple[str, ...] = HERE
    ) -> Path:
        """A certificate from `begins` to `ends` days from now; the key lies beside it."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(name, _name(name), key, begins, ends, names)

    def serving(self) -> ssl.SSLContext:
        """What a server on loopback speaks TLS by."""
        shown = self.issue("hub")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown, shown.with_suffix(".key"))
        return context

    def revoke(self, *certificates: Path) -> Path:
        """A revocation list of these."""
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now - DAY).next_update(now + DAY)
        for path in certificates:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - DAY).build())
        signed = builder.sign(self._key, hashes.SHA256())
        path = self.file.with_suffix(".crl")
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return path

    def _write(
        self,
        name: str,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        begins: float,
        ends: float,
        names: tuple[str, ...],
    ) -> Path:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY)
            .not_valid_after(now + ends * DAY)
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(one) for one in names])
            builder = builder.add_extension(alternatives, critical=False)
        path, key_path = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate = builder.sign(self._key, hashes.SHA256())
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.touch(0o600)
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path
