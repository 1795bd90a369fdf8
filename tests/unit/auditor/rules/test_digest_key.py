"""The key of the digests: made once, kept, and never believed where it is not whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.auditor.rules.digester import KEY_FILE, Digester
from fleet.contract.errors import ConfigError


def test_a_value_has_the_same_digest_next_week(tmp_path: Path) -> None:
    assert Digester.of_home(tmp_path)("x") == Digester.of_home(tmp_path)("x")


def test_two_first_audits_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Digester.of_home(tmp_path)("x"), range(16)))
    assert set(made) == {Digester.of_home(tmp_path)("x")}


@pytest.mark.parametrize("left", ["a", "0" * 62, "0" * 65, "1e999", "g" * 64])
def test_a_key_that_is_not_whole_is_refused(left: str, tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    path.write_text(left)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=f"Try: put it back from a copy; without one: rm {path}"):
        Digester.of_home(tmp_path)
