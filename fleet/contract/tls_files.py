"""The certificates and keys of a TLS link of ours: loaded, or told by the file that is wrong.

OpenSSL's own words name neither a file nor what is wrong with it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.tls_faults import REMEDIES, TlsFault

if TYPE_CHECKING:
    import ssl


def client_context(
    ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """A context that verifies the other side by `ca_file` (None: by this machine's list), and
    shows `cert_file`, whose key is in `key_file` or beside it.

    Raises:
        ConfigError: a file cannot be read, or does not hold what it is to hold.
    """
    import ssl  # costs memory, and only TLS needs it

    for path in (ca_file, cert_file, key_file):
        if path is not None:
            require_readable(path)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError:  # SSLError is one
        raise ConfigError(
            f"{ca_file} is no CA certificate",
            "FLEET_CA_FILE names it",
            REMEDIES[TlsFault.UNKNOWN_CA],
        ) from None
    if cert_file is not None:
        try:
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        except (OSError, ValueError):  # SSLError is an OSError
            beside = f"{cert_file} with {key_file}" if key_file else f"{cert_file} alone"
            raise ConfigError(
                f"{beside} is no certificate with its key",
                "one of them is no PEM, is of another pair, or has a password",
                "FLEET_CERT_FILE and FLEET_KEY_FILE: the two files of one certificate",
            ) from None
    return context


def require_readable(path: Path) -> None:
    """
    Raises:
        UntrustedPathError: somebody else can change it.
        ConfigError: it cannot be read.
    """
    try:
        trusted_path.require(path)
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        what = f"the certificate file {path} cannot be read"
        raise ConfigError(what, error.strerror or "", f"ls -l {path}") from None


def _no_password() -> str:
    """Instead of OpenSSL's own question on the terminal, which a service cannot answer."""
    raise ValueError("a key with a password")
