"""What is wrong with the files of a TLS link is told by the file, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.tls_files import client_context
from tests.support.certificates import TestAuthority


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    authority = TestAuthority(tmp_path)
    made = {"ca": authority.file}
    for name in ("ada", "bob"):
        made[name] = authority.issue(name)
        made[f"{name}.key"] = made[name].with_suffix(".key")
    for name, text in (("prose", "no certificate\n"), ("empty", "")):
        made[name] = tmp_path / name
        made[name].write_text(text)
    made["folder"], made["absent"] = tmp_path, tmp_path / "absent"
    return made


def test_whole_files_make_a_context(files: dict[str, Path]) -> None:
    context = client_context(files["ca"], files["ada"], files["ada.key"])
    assert context.get_ca_certs()


@pytest.mark.parametrize(
    ("ca", "certificate", "key", "what"),
    [
        ("prose", None, None, "prose is no CA certificate"),
        ("empty", None, None, "empty is no CA certificate"),
        ("folder", None, None, " is no CA certificate"),
        ("ada.key", None, None, " is no CA certificate"),
        ("absent", None, None, "absent cannot be read"),
        ("ca", "prose", "ada.key", " is no certificate with its key"),
        ("ca", "ada", "bob.key", " is no certificate with its key"),
        ("ca", "ada", "prose", " is no certificate with its key"),
        ("ca", "ada", None, " alone is no certificate with its key"),
        ("ca", "ada", "absent", "absent cannot be read"),
    ],
)
def test_the_file_that_is_wrong_is_named_without_a_word_of_openssl(
    files: dict[str, Path], ca: str, certificate: str | None, key: str | None, what: str
) -> None:
    with pytest.raises(ConfigError) as told:
        client_context(
            files[ca],
            files[certificate] if certificate else None,
            files[key] if key else None,
        )
    assert what in told.value.what
    assert told.value.remedy
    assert not any(word in str(told.value) for word in ("SSL", "_ssl", "X509"))
