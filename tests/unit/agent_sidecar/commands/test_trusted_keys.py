"""The key file: every usual form is read, and a file without a key never switches signing off."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent_sidecar.commands.trusted_keys import load
from fleet.contract.errors import ConfigError
from fleet.contract.signing import key_id

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
RAW = KEY.public_bytes_raw()
PEM = KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "text",
    [
        RAW.hex(),
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        PEM,
        f"# the hub's\n\n{RAW.hex()}  # since March\n",
    ],
)
def test_every_usual_form_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    assert load(path) == {key_id(RAW): RAW}


def test_several_keys_overlap_while_they_are_rotated(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{RAW.hex()}\n{bytes(32).hex()}\n")
    assert len(load(path)) == 2


@pytest.mark.parametrize("text", ["", "# none yet\n", "hunter2\n", RAW.hex()[:-2]])
def test_a_file_without_a_usable_key_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load(path)


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "gone")


def test_no_file_means_that_signing_is_off() -> None:
    assert load(None) == {}
