"""Invitations, copies of a store, captures and the hub's own lists, as a stranger would hand them
in: each is read, or refused by an error for a person, and nothing is written anywhere else."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from agent_sidecar.config import read_env_file
from agent_sidecar.drop import publish
from fleet.auditor.capture import line_format
from fleet.auditor.report import suppressions
from fleet.contract.errors import FleetError
from fleet.contract.invitation import Invitation, env_text
from fleet.contract.printable import printable
from fleet.keys import read_ring
from fleet.provisioning import import_agents
from fleet.provisioning.registry import Registry
from fleet.settings import load
from fleet.store.open import back_up, put_back
from fleet.store.sqlite import SqliteStore
from fleet.tokens import Principal, Tokens
from tests.support.fuzz import amount

SEED: Final = 19

DEEP: Final = "[" * 20_000
VALUES: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 10**400, 1.5, float("nan"), "", "x", "\x1b[2J", "\ud800", "a\nb", "\0",
    "../../etc/passwd", "alpha", "x" * 5_000, [], ["a", None], {}, {"a": {"b": 1}}, [[[]]],
)  # fmt: skip


def changed(random: Random, document: Any) -> Any:
    """The document with one value in it, or a name, changed or away."""
    if isinstance(document, dict) and document and random.random() < 0.9:
        name = random.choice(list(document))
        match random.randrange(4):
            case 0:
                return {key: value for key, value in document.items() if key != name}
            case 1:
                return document | {random.choice(("x", "", "__class__")): 1}
            case _:
                return document | {name: changed(random, document[name])}
    if isinstance(document, list) and document and random.random() < 0.8:
        at = random.randrange(len(document))
        return [*document[:at], changed(random, document[at]), *document[at + 1 :]]
    return random.choice(VALUES)


def texts(random: Random, document: Any, count: int) -> Iterator[bytes]:
    """JSON that is nearly `document`, and what is no JSON at all."""
    for number in range(count):
        text = json.dumps(changed(random, document)).encode()
        match number % 8:
            case 0:
                text = random.randbytes(random.randrange(80))
            case 1:
                text = text[: random.randrange(len(text) + 1)]
            case 2:
                text = random.choice((DEEP.encode(), b'{"a":' * 9_000, b"9" * 5_000, b"\xff\xfe"))
        yield text


def ends_well(act: Callable[[], object], what: object) -> bool:
    """Whether it was done; else it was refused, in words for a person."""
    try:
        act()
    except FleetError as error:
        told = str(error)
    else:
        return True
    assert "\nTry: " in told, (what, told)
    assert told == "\n".join(map(printable, told.split("\n"))), (what, told)
    return False


@pytest.mark.timeout(900)
def test_no_invitation_does_more_than_it_may(tmp_path: Path) -> None:
    random = Random(SEED)
    honest = Invitation("alpha", "mqtts://bus.example:8883", "openclaw", "CA", "KEYS", "")
    fields = {name: getattr(honest, name) for name in honest.__slots__}
    taken = 0
    for text in texts(random, fields, amount(1_500, 40_000)):
        word = "fleet1." + base64.urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")
        match random.randrange(10):
            case 0:
                word = word[: random.randrange(len(word) + 1)]
            case 1:
                word = "fleet1." + random.randbytes(40).decode("latin-1")

        def take(word: str = word) -> None:
            invitation = Invitation.decode(word)
            lines = invitation.env(tmp_path)
            (tmp_path / "agent.env").write_text(env_text(lines))
            found = read_env_file(tmp_path / "agent.env")
            assert {name: line.value for name, line in found.items()} == lines, word
            for name in invitation.files("secret"):
                assert name in {"secret", "ca.pem", "commands.pub", "client.pem", "client.key"}

        taken += ends_well(take, text)
    assert taken > 20


def test_a_bomb_of_an_invitation_is_not_unpacked() -> None:
    packed = zlib.compress(b'{"agent":"' + b"a" * 200_000_000 + b'"}', 9)
    word = "fleet1." + base64.urlsafe_b64encode(packed).decode()
    assert not ends_well(lambda: Invitation.decode(word), "a bomb")


LISTS: Final[dict[str, tuple[Any, Callable[[Path], object]]]] = {
    "agents.json": (
        {"agents": [{"name": "ada", "kind": "generic", "labels": {"group": "a"}, "groups": ["a"],
                     "accounts": ["ada"], "enrolled_at": 1.0, "revoked_at": None, "serials": []}]},
        lambda home: [one.as_member() for one in (Registry(home).agents() or {}).values()],
    ),
    "tokens.json": (
        [{"id": "a", "role": "viewer", "digest": "x", "created": "2026-01-01T00:00:00Z"}],
        lambda home: (Tokens(home).principal("fleet_x"), Tokens(home).entries()),
    ),
    "keys/keys.json": (
        {"keys": [{"public": "00" * 32, "signs_from": 1.0, "trusted_until": None}],
         "passphrase_file": ""},
        read_ring,
    ),
}  # fmt: skip


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_the_hub_that_was_damaged_is_said_to_be(name: str, tmp_path: Path) -> None:
    document, read = LISTS[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, mode=0o700)
    for text in texts(Random(SEED), document, amount(600, 20_000)):
        path.write_bytes(text)
        path.chmod(0o600)
        ends_well(lambda: read(tmp_path), text)


@pytest.mark.timeout(900)
def test_what_is_imported_is_agents_or_refused() -> None:
    compose = {"services": {"ada": {"image": "x", "environment": {"A": "b"}, "labels": ["a=b"]}}}
    listed = [{"name": "ada", "kind": "openclaw", "status": "running"}]
    for document in (compose, listed):
        for text in texts(Random(SEED), document, amount(60, 2_000)):
            ends_well(lambda text=text: import_agents.parse(text.decode("latin-1")), text)


@pytest.mark.timeout(900)
def test_any_line_of_a_capture_is_a_message_or_a_gap() -> None:
    item = {"ts": "2026-01-01T00:00:00Z", "topic": "fleet/a/status", "payload": "{}",
            "retain": True, "properties": {"user-property": 4}}  # fmt: skip
    found = set()
    for text in texts(Random(SEED), item, amount(3_000, 100_000)):
        found |= {type(item).__name__ for item in line_format.read_stream(BytesIO(text))}
    assert found == {"Captured", "Gap"}


def test_a_word_for_bus_publish_is_a_value_or_a_word() -> None:
    for text in texts(Random(SEED), {"a": 1}, amount(500, 5_000)):
        publish._value(text.decode("latin-1"))


def test_suppressions_are_read_or_refused(tmp_path: Path) -> None:
    random, path = Random(SEED), tmp_path / "suppressions.toml"
    honest = '[[suppress]]\nrule = "pii.email"\nreason = "r"\nowner = "o"\nuntil = 2026-01-01\n'
    for _ in range(amount(300, 10_000)):
        at = random.randrange(len(honest))
        path.write_text(honest[:at] + random.choice(("9" * 5_000, DEEP, '"', "\x1b")) + honest[at:])
        ends_well(lambda: suppressions.load(path), path.read_text()[:200])


@pytest.mark.timeout(900)
async def test_no_copy_of_a_store_does_harm(tmp_path: Path) -> None:
    """Changed, cut and foreign databases, and ones with triggers and views of a stranger."""
    random = Random(SEED)
    (tmp_path / "home").mkdir(mode=0o700)
    store = SqliteStore(tmp_path / "home")
    store.open()
    await store.close()
    settings = load({"home": str(tmp_path / "home")}, {})
    whole = tmp_path / "whole.db"
    back_up(settings, whole)
    honest = whole.read_bytes()
    home = tmp_path / "other"
    there = load({"home": str(home)}, {})
    copy, before = tmp_path / "copy.db", set(os.listdir(tmp_path))  # noqa: PTH208
    for _ in range(amount(60, 2_000)):
        content = bytearray(honest)
        match random.randrange(4):
            case 0:
                content = content[: random.randrange(len(content))]
            case 1:
                content = bytearray(random.randbytes(random.randrange(5_000)))
            case 2:  # in the header and the schema
                for _ in range(random.randrange(1, 5)):
                    content[random.randrange(2_000)] = random.randrange(256)
            case _:
                for _ in range(random.randrange(1, 20)):
                    content[random.randrange(len(content))] = random.randrange(256)
        copy.write_bytes(content)
        if ends_well(lambda: put_back(there, copy), "a changed copy"):
            store = SqliteStore(home)

            def serve(store: SqliteStore = store) -> None:
                store.open()

            ends_well(serve, "a hub on it")
            await store.close()
    copy.unlink()
    assert set(os.listdir(tmp_path)) - before <= {home.name}  # noqa: PTH208


@pytest.mark.parametrize(
    "harm",
    [
        "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM message; END",
        "CREATE VIEW foreign_view AS SELECT 1",
        "CREATE TABLE foreign_table (x)",
    ],
)
async def test_a_copy_with_a_schema_of_a_stranger_is_refused(tmp_path: Path, harm: str) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    store = SqliteStore(tmp_path / "home")
    store.open()
    await store.close()
    copy = tmp_path / "copy.db"
    back_up(load({"home": str(tmp_path / "home")}, {}), copy)
    with sqlite3.connect(copy) as database:
        database.execute(harm)
    database.close()
    there = load({"home": str(tmp_path / "other")}, {})
    assert not ends_well(lambda: put_back(there, copy), harm)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "directory of others"])
def test_what_is_no_plain_file_is_no_copy(tmp_path: Path, kind: str) -> None:
    copy = tmp_path / "copy.db"
    match kind:
        case "link":
            copy.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(copy)
        case "folder":
            copy.mkdir()
        case _:
            copy = tmp_path / "open" / "copy.db"
            copy.parent.mkdir()
            copy.parent.chmod(0o777)
            copy.write_bytes(b"x")
    assert not ends_well(lambda: put_back(load({"home": str(tmp_path / "h")}, {}), copy), kind)


def test_a_principal_is_one_of_four(tmp_path: Path) -> None:
    for text in texts(Random(SEED), "agent:ada", amount(300, 5_000)):
        ends_well(lambda text=text: Principal.parse(text.decode("latin-1")), text)
