"""What a release says of itself, and who is asked about weak packages."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

import fleet

ROOT = Path(__file__).parents[2]
NOTES = runpy.run_path(str(ROOT / "scripts" / "release_notes.py"))

CHANGELOG = """# Changes

## [Unreleased]

- New.

## [0.2.0] - 2026-12-01

### Added

- A thing ([how](docs/x.md)).

## [0.1.0]

- First.
"""


def test_the_notes_are_the_section_of_the_version_and_before_it_is_dated_what_is_unreleased() -> (
    None
):
    notes = NOTES["notes"]
    dated = "# 0.2.0\n\n### Added\n\n- A thing ([how](docs/x.md)).\n"
    assert notes(CHANGELOG, "0.2.0") == dated
    assert notes(CHANGELOG, "0.3.0") == "# 0.3.0\n\n- New.\n"
    with pytest.raises(LookupError, match=r"nothing of 0\.3\.0"):
        notes(CHANGELOG.replace("- New.\n", ""), "0.3.0")


def test_the_version_is_that_of_the_package_and_supported() -> None:
    assert NOTES["version"]((ROOT / "fleet" / "__init__.py").read_text()) == fleet.__version__
    minor = fleet.__version__.rpartition(".")[0]
    assert f"({minor}.x today)" in (ROOT / "SECURITY.md").read_text()


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("exit 0", 0, "no known weakness"),
        (
            "echo 'Found 1 known vulnerability'; echo 'x 1.0 CVE'; exit 1",
            1,
            "x 1.0 CVE",
        ),
        ("echo 'No known'; echo 'x 1.0 could not be audited'", 2, "not asked: x 1.0 could"),
        ("echo 'ConnectionError: no route'; exit 1", 2, "not asked: ConnectionError: no route"),
    ],
)
def test_nobody_to_ask_is_no_answer(tmp_path: Path, answer: str, code: int, said: str) -> None:
    """A stand-in for pip-audit, since what is known of real packages changes."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "hub.txt").write_text("")
    audit = tmp_path / "audit"
    audit.write_text(f"#!/bin/sh\n{answer}\n")
    audit.chmod(0o755)
    done = subprocess.run(
        ["sh", "scripts/audit-packages.sh"], cwd=tmp_path, check=False,
        env={"PATH": "/usr/bin:/bin", "PIP_AUDIT": str(audit)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert said in done.stdout
    assert ("NOT ASKED" in done.stderr) == (code == 2)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_the_checksums_of_a_release_are_signed_and_an_unsigned_one_says_so(tmp_path: Path) -> None:
    sums, key = tmp_path / "SHA256SUMS", tmp_path / "key"
    sums.write_text("00  a.whl\n")

    def signed(**environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(ROOT / "scripts/sign-release.sh"), str(sums)], check=False, text=True,
            env={"PATH": os.environ["PATH"], **environ}, capture_output=True,
        )  # fmt: skip

    unsigned = signed()
    assert (unsigned.returncode, unsigned.stderr[:9]) == (0, "UNSIGNED:")
    missing = signed(FLEET_RELEASE_KEY=str(key))
    assert missing.returncode == 3
    assert "Try: ssh-keygen -t ed25519" in missing.stderr
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    assert signed(FLEET_RELEASE_KEY=str(key)).returncode == 0
    signers = tmp_path / "signers"
    signers.write_text(f"fleet-release {key.with_suffix('.pub').read_text()}")
    check = [
        "ssh-keygen", "-Y", "verify", "-f", signers, "-I", "fleet-release", "-n", "file",
        "-s", tmp_path / "SHA256SUMS.sig",
    ]  # fmt: skip
    for text, good in ((sums.read_bytes(), True), (b"11  a.whl\n", False)):
        done = subprocess.run(check, input=text, check=False, capture_output=True)
        assert (done.returncode == 0) == good
