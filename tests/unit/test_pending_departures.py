"""What a hub is still to do is kept in order, once each, and nobody else's text gets in."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.pending_departures import FILE, Departure, PendingDepartures


def test_departures_are_kept_in_order_until_they_are_done(tmp_path: Path) -> None:
    pending = PendingDepartures(tmp_path)
    assert pending.read() == []
    first, second = Departure("alpha", to="beta"), Departure("alpha", history=True)
    for departure in (first, second, second):
        pending.add(departure)
    assert PendingDepartures(tmp_path).read() == [first, second]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    pending.remove(first)
    assert pending.read() == [second]
    pending.remove(second)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "{}",
        '{"departures": [{"agent": "../x"}]}',
        '{"departures": [{"agent": "a", "to": "B C"}]}',
        '{"departures": [{"agent": "a", "by": "x"}]}',
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is damaged"):
        PendingDepartures(tmp_path).read()
