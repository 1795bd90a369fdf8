"""The hub's signing keys (Ed25519): made, kept, rotated with overlap, and used to sign.

A rotation makes the new key known at once but lets it sign only after the overlap, so that every
sidecar can have it first; the old one stays trusted for one overlap more. A `Signer` notices a
rotation by itself: the daemon need not restart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fleet.contract import signing
from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import read_json
from fleet.contract.secret_file import read_secret, write_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OVERLAP: Final = 7 * 86_400.0
"""Seconds a new key is known before it signs: the longest time to live of a command."""

RING: Final = "keys.json"
PUBLIC: Final = "commands.pub"
"""What a sidecar is given as `FLEET_COMMAND_KEYS`: one public key a line, 64 hex digits."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: it signs from `signs_from` and is trusted until `trusted_until` (epoch s)."""

    public: str
    signs_from: float
    trusted_until: float | None = None

    @property
    def kid(self) -> str:
        return signing.key_id(bytes.fromhex(self.public))

    def trusted(self, now: float) -> bool:
        return self.trusted_until is None or now < self.trusted_until


@dataclass(frozen=True, slots=True)
class Ring:
    """Every key of the hub. `passphrase_file` names what encrypts them at rest, if any: from the
    home on, or absolute where it lies elsewhere."""

    keys: tuple[Key, ...] = ()
    passphrase_file: str = ""

    def signing_at(self, now: float) -> Key | None:
        """The newest key that may sign by now."""
        ready = [key for key in self.keys if key.signs_from <= now and key.trusted(now)]
        return max(ready, key=lambda key: key.signs_from, default=None)

    def trusted_at(self, now: float) -> tuple[Key, ...]:
        """What a sidecar should trust, also keys that do not sign yet."""
        return tuple(key for key in self.keys if key.trusted(now))

    def rotated(self, public: str, now: float, overlap: float) -> Ring:
        """With a new key that signs after `overlap`; the others end one overlap later."""
        end = now + 2 * overlap
        old = tuple(
            replace(key, trusted_until=min(key.trusted_until or end, end))
            for key in self.trusted_at(now)
        )
        kept = tuple(key for key in old if key.trusted(now))
        return replace(self, keys=(*kept, Key(public, now + (overlap if kept else 0.0))))


class Signer:
    """Signs what the hub sends, with the key that is due."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = home / "keys"
        self._clock = clock
        self._stamp = -1
        self._ring = Ring()
        self._private: dict[str, Ed25519PrivateKey] = {}

    def sign(self, topic: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """`message` with `sig` and `kid`, valid on `topic` only.

        Raises:
            ConfigError: no key may sign now, or its file is not usable.
            ValueError: a field that must be signed (`id`, `ts`, `ttl`, …) is absent.
        """
        self._refresh()
        key = self._ring.signing_at(self._clock())
        if key is None:
            raise ConfigError("no key may sign", f"{self._folder} has none that is due", _REMEDY)
        if key.kid not in self._private:
            self._private[key.kid] = _load_private(self._folder, key.kid, self._ring)
        return signing.sign(self._private[key.kid], topic, message)

    def public_keys(self) -> dict[str, bytes]:
        """Raw public keys to trust now, by key id."""
        self._refresh()
        trusted = self._ring.trusted_at(self._clock())
        return {key.kid: bytes.fromhex(key.public) for key in trusted}

    def _refresh(self) -> None:
        path = self._folder / RING
        try:
            stamp = path.stat().st_mtime_ns
        except OSError as error:
            raise ConfigError(f"{path} is gone", error.strerror or "", _REMEDY) from None
        if stamp != self._stamp:
            self._ring, self._stamp = read_ring(self._folder.parent), stamp


_REMEDY: Final = "fleet init makes the keys; fleet agent keys shows them"
_RESTORE: Final = "put the folder keys back from a copy of the home"


def load_signer(home: Path, clock: Callable[[], float] = time.time) -> Signer | None:
    """The signer of this home, its key opened and ready; None where `fleet init` never ran.

    Raises:
        ConfigError: there are keys but they are not usable: never a silent fall-back to unsigned.
    """
    if not (home / "keys" / RING).exists():
        return None
    signer = Signer(home, clock)
    signer.sign("probe", {"verb": "", "id": "", "ts": "", "ttl": 0})
    return signer


def require_usable(home: Path, kid: str) -> None:
    """
    Raises:
        ConfigError: the key `kid` cannot be opened, or is another.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = _load_private(home / "keys", kid, read_ring(home))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if signing.key_id(public) != kid:
        why = "its name says another key"
        raise ConfigError(
            f"{home / 'keys' / kid}.pem is not the key that it is called", why, _REMEDY
        )


def read_ring(home: Path) -> Ring:
    """The keys of this home; an empty ring where there are none.

    Raises:
        ConfigError: the file is not readable, open to others, or not ours.
    """
    path = home / "keys" / RING
    found = read_json(path, _parsed, shape="a key ring", remedy=_RESTORE, secret=True)
    return Ring() if found is None else found


def _parsed(document: dict[str, Any]) -> Ring:
    """
    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    keys = tuple(Key(**key) for key in document["keys"])
    ring = Ring(keys, document["passphrase_file"])
    moments = [moment for key in keys for moment in (key.signs_from, key.trusted_until or 0.0)]
    if not all(type(moment) in (int, float) for moment in moments):
        raise TypeError
    if not all(key.kid for key in keys) or not isinstance(ring.passphrase_file, str):
        raise TypeError
    return ring


def rotate(
    home: Path, now: float, *, overlap: float = OVERLAP, passphrase_file: Path | None = None
) -> Ring:
    """Make a new key; the first signs at once, a later one after `overlap` seconds.

    `overlap=0` is for a key that leaked: the old ones are distrusted now.

    Raises:
        ConfigError: the home cannot be written or the passphrase cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    ring = read_ring(home)
    if passphrase_file is not None:
        file = passphrase_file.expanduser().resolve()
        inside = file.is_relative_to(home.resolve())
        ring = replace(
            ring, passphrase_file=str(file.relative_to(home.resolve()) if inside else file)
        )
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    rotated = ring.rotated(public.hex(), now, overlap)
    folder = home / "keys"
    write_secret(folder / f"{signing.key_id(public)}.pem", _to_pem(private, rotated, home))
    write_secret(folder / RING, json.dumps(asdict(rotated), indent=1))
    write_secret(folder / PUBLIC, public_text(rotated, now))
    for gone in {key.kid for key in ring.keys} - {key.kid for key in rotated.keys}:
        (folder / f"{gone}.pem").unlink(missing_ok=True)
    return rotated


def public_text(ring: Ring, now: float) -> str:
    """The trusted public keys as a sidecar reads them from `FLEET_COMMAND_KEYS`."""
    return "".join(f"{key.public}  # {key.kid}\n" for key in ring.trusted_at(now))


def _to_pem(key: Ed25519PrivateKey, ring: Ring, home: Path) -> str:
    from cryptography.hazmat.primitives import serialization as s

    secret = _passphrase(ring, home)
    how = s.BestAvailableEncryption(secret) if secret else s.NoEncryption()
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, how).decode()


def _load_private(folder: Path, kid: str, ring: Ring) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = folder / f"{kid}.pem"
    text = read_secret(path)
    try:
        key = load_pem_private_key(text.encode(), _passphrase(ring, folder.parent))
    except (ValueError, TypeError):
        why = "wrong passphrase, or a damaged file"
        raise ConfigError(f"the signing key {path} cannot be opened", why, _REMEDY) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"the signing key {path} is not Ed25519", "", _REMEDY)
    return key


def _passphrase(ring: Ring, home: Path) -> bytes | None:
    return read_secret(home / ring.passphrase_file).encode() if ring.passphrase_file else None
