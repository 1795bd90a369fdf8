"""Why a TLS link does not come about, in one sentence for every door.

Python, OpenSSL's own tools and an asyncio transport tell the same fault in many ways; here what
any of them said becomes one of a few faults. `scripts/bus-publish` has its table from here.
"""

from __future__ import annotations

from typing import Final

from fleet.contract.vocabulary import Word


class TlsFault(Word):
    """What is wrong, as it follows "TLS with the broker …:"."""

    EXPIRED = "expired", "its certificate has expired, or the clock here is ahead"
    EARLY = "early", "its certificate is not valid yet, or the clock here is behind"
    WRONG_NAME = "wrong-name", "its certificate is for another name than the address says"
    UNKNOWN_CA = "unknown-ca", "its certificate is of a CA that is not trusted here"
    REVOKED = "revoked", "its certificate is revoked"
    NO_TLS = "no-tls", "it does not speak TLS on this port"
    ONLY_TLS = "only-tls", "it speaks TLS on this port, and the address says mqtt://"
    OLD = "old", "it speaks only a TLS that is older than 1.2"
    CERTIFICATE_WANTED = "certificate-wanted", "it asks for a client certificate"
    CERTIFICATE_EXPIRED = "certificate-expired", "it says that our certificate has expired"
    CERTIFICATE_REVOKED = "certificate-revoked", "it says that our certificate is revoked"
    CERTIFICATE_REFUSED = "certificate-refused", "it does not take our certificate"
    OTHER = "other", "the handshake failed"


_RENEW: Final = "date; if it is right: fleet broker certificates --renew, and restart the broker"
_ROTATE: Final = "fleet agent list, and fleet agent rotate NAME; for the hub's own, FLEET_CERT_FILE"

REMEDIES: Final[dict[TlsFault, str]] = {
    TlsFault.EXPIRED: _RENEW,
    TlsFault.EARLY: _RENEW,
    TlsFault.WRONG_NAME: "a name of the certificate in FLEET_BROKER, or [mosquitto] names in"
    " fleet.toml and fleet broker certificates --renew",
    TlsFault.UNKNOWN_CA: "FLEET_CA_FILE: ca/ca.pem of the hub's home, or the CA of this broker",
    TlsFault.REVOKED: "fleet broker certificates --renew, and restart the broker",
    TlsFault.NO_TLS: "mqtt:// in FLEET_BROKER, or the port for TLS, mostly 8883",
    TlsFault.ONLY_TLS: "mqtts:// in FLEET_BROKER, or the port without TLS, mostly 1883",
    TlsFault.OLD: "tls_version tlsv1.2 in mosquitto.conf, or a newer broker",
    TlsFault.CERTIFICATE_WANTED: "FLEET_CERT_FILE and FLEET_KEY_FILE, or a port that asks for none",
    TlsFault.CERTIFICATE_EXPIRED: _ROTATE,
    TlsFault.CERTIFICATE_REVOKED: _ROTATE,
    TlsFault.CERTIFICATE_REFUSED: _ROTATE,
    TlsFault.OTHER: "fleet doctor, and the broker's log",
}

OF_THE_HUB: Final[dict[TlsFault, str]] = {
    TlsFault.EXPIRED: "date here; if it is right: fleet serve again on the hub's machine",
    TlsFault.EARLY: "date here and on the hub's machine",
    TlsFault.WRONG_NAME: "a name of its certificate in FLEET_HUB, or this one in hosts of"
    " [http_service] there, and fleet serve again",
    TlsFault.UNKNOWN_CA: "FLEET_CA_FILE: a copy of ca/ca.pem of the hub's home, or the CA of the"
    " proxy before it",
    TlsFault.NO_TLS: "http:// in FLEET_HUB, or the port for TLS",
}
"""What to do where the other side is a hub that is asked over HTTPS."""

SIGNS: Final[tuple[tuple[str, TlsFault], ...]] = (
    # What the other side says of us, in an alert, goes before what we say of it.
    ("alert certificate required", TlsFault.CERTIFICATE_WANTED),
    ("alert certificate expired", TlsFault.CERTIFICATE_EXPIRED),
    ("alert certificate revoked", TlsFault.CERTIFICATE_REVOKED),
    ("alert bad certificate", TlsFault.CERTIFICATE_REFUSED),
    ("alert certificate unknown", TlsFault.CERTIFICATE_REFUSED),
    ("alert unsupported certificate", TlsFault.CERTIFICATE_REFUSED),
    ("alert unknown ca", TlsFault.CERTIFICATE_REFUSED),
    ("alert handshake failure", TlsFault.CERTIFICATE_WANTED),
    ("alert protocol version", TlsFault.OLD),
    ("unsupported protocol", TlsFault.OLD),
    ("no protocols available", TlsFault.OLD),
    ("legacy sigalg", TlsFault.OLD),
    ("certificate has expired", TlsFault.EXPIRED),
    ("certificate is not yet valid", TlsFault.EARLY),
    ("mismatch", TlsFault.WRONG_NAME),
    ("certificate revoked", TlsFault.REVOKED),
    ("issuer certificate", TlsFault.UNKNOWN_CA),
    ("certificate signature failure", TlsFault.UNKNOWN_CA),  # another CA of the same name
    ("self-signed certificate", TlsFault.UNKNOWN_CA),
    ("self signed certificate", TlsFault.UNKNOWN_CA),
    ("verify the first certificate", TlsFault.UNKNOWN_CA),
    ("wrong version number", TlsFault.NO_TLS),
    ("record layer failure", TlsFault.NO_TLS),
    ("packet length too long", TlsFault.NO_TLS),
    ("http request", TlsFault.NO_TLS),
    ("unexpected eof", TlsFault.NO_TLS),
    ("eof occurred", TlsFault.NO_TLS),
    ("reset by peer", TlsFault.NO_TLS),
    ("handshake is taking longer", TlsFault.NO_TLS),
    ("ssl", TlsFault.OTHER),
)
"""Words of OpenSSL and of Python in small letters, and what they mean; the first that is found."""

HELLO: Final = bytes.fromhex(
    "1603010037010000330303" + "5a" * 32 + "00000cc02bc02fc02cc030009c002f0100"
)
"""A ClientHello of TLS 1.2 without extensions: enough for an answer in TLS, if only a refusal."""

_ALERT, _HANDSHAKE, _MAJOR = 21, 22, 3


def answers_tls(answer: bytes) -> bool:
    """Whether `answer` to `HELLO` is TLS."""
    return answer[:2] in (bytes([_ALERT, _MAJOR]), bytes([_HANDSHAKE, _MAJOR]))


def fault_of(error: BaseException | str) -> TlsFault | None:
    """What `error`, of a link that is to be TLS, says of it; None: nothing."""
    said = str(error).lower().replace("_", " ")
    return next((fault for sign, fault in SIGNS if sign in said), None)


def refusal_of(said: object, *, certificate: bool) -> TlsFault:
    """What it means that a broker ended a link right after the handshake: in TLS 1.3 it judges our
    `certificate`, or that there is none, only then, and some hang up without an alert."""
    fault = fault_of(str(said))
    if fault is not None and fault not in (TlsFault.NO_TLS, TlsFault.OTHER):
        return fault
    return TlsFault.CERTIFICATE_REFUSED if certificate else TlsFault.CERTIFICATE_WANTED


def why(fault: TlsFault, said: object = "") -> str:
    """The sentence of a fault, with the library's own words where there is no better one."""
    return f"{fault.meaning} ({said})" if fault is TlsFault.OTHER and said else fault.meaning
