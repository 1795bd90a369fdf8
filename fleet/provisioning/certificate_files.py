"""Whether the certificates of a home can be used, and each is of the key beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret
from fleet.provisioning.certificates import Authority, crl_validity, validity

RENEW: Final = "fleet broker certificates --renew makes a new one"
NEVER: Final = "put it back from a backup: a new CA would lock every agent out"


def require_readable(path: Path) -> None:
    """
    Raises:
        ConfigError: it is no certificate, or no CRL where it should be one.
    """
    look = crl_validity if path.name == "crl.pem" else validity
    look(path)


def require_pairs(home: Path) -> None:
    """
    Raises:
        ConfigError: a certificate is of another key than the one beside it, or of another CA.
    """
    authority = Authority(home)
    if not authority.exists():
        return
    ca = _certificate(authority.ca_file)
    pairs = (("ca.pem", "ca.key", NEVER), ("server.pem", "server.key", RENEW))
    for pem, beside, remedy in pairs:
        path, key = authority.folder / pem, authority.folder / beside
        if not path.exists() or not key.exists():
            continue  # missing: told as that
        certificate = _certificate(path)
        try:
            private = serialization.load_pem_private_key(read_secret(key).encode(), password=None)
        except (ValueError, TypeError):
            raise ConfigError(f"{key} is damaged", "no PEM key", remedy) from None
        if private.public_key() != certificate.public_key():
            raise ConfigError(f"{path} is not of {key.name}", "they are no pair", remedy)
        try:
            certificate.verify_directly_issued_by(ca)
        except (ValueError, TypeError, InvalidSignature):
            why = "agents would refuse the broker"
            raise ConfigError(f"{path} is not of the CA in ca.pem", why, remedy) from None


def _certificate(path: Path) -> x509.Certificate:
    validity(path)  # says what is wrong with it
    return x509.load_pem_x509_certificate(path.read_bytes())
