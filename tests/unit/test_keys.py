"""The hub's signing keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fleet import keys
from fleet.contract import signing
from fleet.contract.errors import ConfigError

NOW = 1_773_869_400.0
DAY = 86_400.0
TOPIC = "fleet/alpha/command"
COMMAND = {"verb": "health-check", "id": "01JQ", "ts": "2026-03-18T21:30:00Z", "ttl": 60}


def test_a_home_without_keys_has_no_signer(tmp_path: Path) -> None:
    assert keys.load_signer(tmp_path) is None


def test_the_first_key_signs_at_once(tmp_path: Path) -> None:
    keys.rotate(tmp_path, NOW)
    signer = keys.Signer(tmp_path, lambda: NOW)
    signed = signer.sign(TOPIC, COMMAND)
    assert signing.verify(signer.public_keys()[signed["kid"]], TOPIC, signed)


def test_a_new_key_is_known_before_it_signs_and_the_old_one_stays_trusted(tmp_path: Path) -> None:
    first = keys.rotate(tmp_path, NOW).keys[0]
    ring = keys.rotate(tmp_path, NOW + DAY, overlap=DAY)
    second = ring.keys[-1]
    assert [ring.signing_at(NOW + at * DAY) for at in (1, 1.9, 2, 9)] == [
        ring.keys[0],
        ring.keys[0],
        second,
        second,
    ]
    assert {key.kid for key in ring.trusted_at(NOW + 2.9 * DAY)} == {first.kid, second.kid}
    assert ring.trusted_at(NOW + 3 * DAY) == (second,)


def test_a_rotation_without_overlap_distrusts_the_leaked_key_now(tmp_path: Path) -> None:
    leaked = keys.rotate(tmp_path, NOW).keys[0]
    ring = keys.rotate(tmp_path, NOW + 1, overlap=0)
    assert [key.kid for key in ring.keys] != [leaked.kid]
    assert len(ring.keys) == 1
    assert ring.signing_at(NOW + 1) == ring.keys[0]
    assert not (tmp_path / "keys" / f"{leaked.kid}.pem").exists()


def test_a_running_signer_follows_a_rotation(tmp_path: Path) -> None:
    keys.rotate(tmp_path, NOW)
    signer = keys.Signer(tmp_path, lambda: NOW + 1)
    before = signer.sign(TOPIC, COMMAND)["kid"]
    keys.rotate(tmp_path, NOW + 1, overlap=0)
    assert signer.sign(TOPIC, COMMAND)["kid"] != before


def test_every_secret_file_is_0600(tmp_path: Path) -> None:
    keys.rotate(tmp_path, NOW)
    for path in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    ring = keys.rotate(tmp_path, NOW)
    (tmp_path / "keys" / f"{ring.keys[0].kid}.pem").chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        keys.load_signer(tmp_path)


def test_keys_can_be_encrypted_at_rest(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    passphrase.chmod(0o600)
    ring = keys.rotate(tmp_path, NOW, passphrase_file=passphrase)
    assert "ENCRYPTED" in (tmp_path / "keys" / f"{ring.keys[0].kid}.pem").read_text()
    assert keys.load_signer(tmp_path) is not None
    passphrase.write_text("wrong\n")
    with pytest.raises(ConfigError, match="cannot be opened"):
        keys.load_signer(tmp_path)


def test_a_damaged_ring_never_means_unsigned(tmp_path: Path) -> None:
    keys.rotate(tmp_path, NOW)
    (tmp_path / "keys" / keys.RING).write_text("{}")
    with pytest.raises(ConfigError, match="not a key ring"):
        keys.load_signer(tmp_path)


def test_the_public_file_holds_what_a_sidecar_reads(tmp_path: Path) -> None:
    ring = keys.rotate(tmp_path, NOW)
    line = (tmp_path / "keys" / keys.PUBLIC).read_text().split()
    assert line == [ring.keys[0].public, "#", ring.keys[0].kid]
