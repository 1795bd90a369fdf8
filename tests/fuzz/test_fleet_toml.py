"""Any `fleet.toml` whatever is read, or refused by errors that name it; nothing else is raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from fleet import settings
from fleet.auditor.capture.recorder import Bounds
from fleet.contract.errors import FleetError
from fleet.http.service import HttpService
from fleet.notifier import routes
from fleet.provisioning.mosquitto import plan_of
from fleet.settings import SETTINGS
from fleet.settings_tables import TABLES
from fleet.store.retention import Retention
from tests.support.fuzz import amount

SEED: Final = 17

VALUES: Final = (
    '"mqtt://127.0.0.1:1883"', '"mqtts://a@[::1]:8883"', '"mqtt://["', '"http://["', '"http://[::1"',
    '"http://u:p@h/"', '"https://x:99999999"', '"http://x:y"', '"127.0.0.1:8088"', '"[::1]:0"',
    f'":{"9" * 5000}"', f'"{"9" * 5000}"', "9" * 5000, "1e999", "nan", "-inf", "0", "-1", "1.5",
    "true", '""', '"\\u0000"', '"a\\u0000b"', '"~nobody-here/x"', '"~"', '"${HOME}"',
    '"${NO_SUCH}"',
    '"${"', "[]", '["a", 1]', '["::1/129", "0.0.0.0/0", ""]', '["10.0.0.0/8"]', "{}", "{a = {}}",
    "[[1]]", "1979-05-27T07:32:00Z", "0x7fffffffffffffffff", '"\\U0001F600"', '"\\u0661"',
    '"fleet/+"', '"#"', '"webhook"', '"alertmanager"', '"apprise"', '"critical"', '"x\\ny"',
    "'\x1b[2J'", "7", "1000", "65535", '["a.example", "\\u0000", "*"]', "8883",
)  # fmt: skip


def a_file(random: Random) -> bytes:
    chosen = random.sample(SETTINGS, random.randrange(0, 4))
    lines = [f"{setting.name} = {random.choice(VALUES)}" for setting in chosen]
    for table in random.sample(TABLES, random.randrange(0, 3)):
        below = random.choice((".a", ".b", '."x.y"')) if table.named else ""
        lines.append(f"[{table.name}{below}]")
        keys = random.sample(table.keys, random.randrange(1, len(table.keys) + 1))
        lines += [f"{key.name} = {random.choice(VALUES)}" for key in keys]
    text = "\n".join(lines).encode()
    match random.randrange(12):
        case 0:
            return random.randbytes(random.randrange(60))
        case 1:
            return text + b"\nx = " + b"[" * random.choice((50, 5_000)) + b"]"
        case 2:
            at = random.randrange(len(text) + 1)
            return text[:at] + random.choice((b"\xff", b"\x00", b"=", b'"', b"[", b"\r", b"."))
        case 3:
            at = random.randrange(len(text) + 1)
            return text[:at] + text[at + 1 :]
        case _:
            return text


USERS: Final = (
    lambda found: Retention.of(found.tables.get("retention", {})),
    lambda found: Bounds.of(found.tables.get("audit", {})),
    HttpService.of,
    routes.routes_of,
    plan_of,
)
"""Whoever makes something of a table, as far as it does so before it acts."""


@pytest.mark.timeout(1800)
def test_any_fleet_toml_is_read_or_refused_with_its_name(tmp_path: Path) -> None:
    random, file = Random(SEED), tmp_path / "fleet.toml"
    tmp_path.chmod(0o700)
    refused = read = 0
    for _ in range(amount(1_000, 30_000)):
        text = a_file(random)
        file.write_bytes(text)
        given = ({"home": str(tmp_path)}, {"HOME": str(tmp_path)})
        found, error = told(lambda given=given: settings.load(*given))
        assert bool(error) == bool(settings.problems(*given)), text
        assert found or "\nTry: " in error, (text, error)
        refused += not found
        read += bool(found)
        for use in USERS if found else ():
            _, error = told(lambda use=use, found=found: use(found))
            assert not error or "\nTry: " in error, (text, error)
    assert read > 20
    assert refused > read


def told(act: Callable[[], Any]) -> tuple[Any, str]:
    """What `act` gives, or what it tells a person; anything else that it raises ends the test."""
    try:
        return act(), ""
    except FleetError as error:
        return None, str(error)
