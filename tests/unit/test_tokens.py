"""Tokens are shown once, kept hashed, and stop working when revoked."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.tokens import Principal, Role, Tokens


def test_a_token_names_its_bearer(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    secret, entry = tokens.create(Principal(Role.AGENT, "ada"), "2026-01-01T00:00:00Z")
    assert tokens.principal(secret) == Principal(Role.AGENT, "ada", entry.id)
    assert tokens.principal(secret + "x") is None


def test_the_file_is_private_and_holds_no_token(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    secret, _ = tokens.create(Principal(Role.ADMIN), "2026-01-01T00:00:00Z")
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert secret not in tokens.path.read_text()


def test_a_running_reader_sees_a_revocation(tmp_path: Path) -> None:
    reader, writer = Tokens(tmp_path), Tokens(tmp_path)
    secret, entry = writer.create(Principal(Role.VIEWER), "2026-01-01T00:00:00Z")
    assert reader.principal(secret) is not None
    writer.revoke(entry.id)
    assert reader.principal(secret) is None


def test_revoking_an_unknown_token_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no token"):
        Tokens(tmp_path).revoke("deadbeef")


@pytest.mark.parametrize("role", ["root", "agent", "agent:", "agent:Bad Name", "admin:x", ""])
def test_an_unknown_role_is_refused(role: str) -> None:
    with pytest.raises(ConfigError):
        Principal.parse(role)


@pytest.mark.parametrize("role", ["admin", "operator", "viewer", "agent:ada"])
def test_a_role_survives_the_round_trip(role: str) -> None:
    assert str(Principal.parse(role)) == role


def test_an_open_or_broken_token_file_is_refused(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    secret, _ = tokens.create(Principal(Role.ADMIN), "2026-01-01T00:00:00Z")
    tokens.path.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        Tokens(tmp_path).principal(secret)
    tokens.path.chmod(0o600)
    tokens.path.write_text(json.dumps([{"id": 1}]))
    with pytest.raises(ConfigError, match="not a list of tokens"):
        Tokens(tmp_path).principal(secret)


def test_the_tokens_of_one_agent_go_or_move_and_no_others(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    made = {
        role: tokens.create(Principal.parse(role), "2026-01-01T00:00:00Z")
        for role in ("admin", "agent:ada", "agent:ada-2")
    }
    assert [entry.id for entry in tokens.of_agent("ada")] == [made["agent:ada"][1].id]
    assert [entry.role for entry in Tokens(tmp_path).rename_agent("ada", "bob")] == ["agent:bob"]
    moved = tokens.principal(made["agent:ada"][0])
    assert moved is not None
    assert moved.agent == "bob"
    assert tokens.bearer(made["agent:ada"][1].id) == moved
    assert tokens.revoke_agent("ada") == []
    assert [entry.role for entry in tokens.revoke_agent("bob")] == ["agent:bob"]
    assert tokens.principal(made["agent:ada"][0]) is None
    assert tokens.bearer(made["agent:ada"][1].id) is None
    assert {entry.role for entry in tokens.entries()} == {"admin", "agent:ada-2"}
