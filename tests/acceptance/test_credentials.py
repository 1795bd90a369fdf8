"""Credentials as people have them reach the broker whole, whichever of our programs sends them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.broker import Mosquitto
from tests.support.connect_recorder import ConnectRecorder
from tests.support.one_liner import PRESENT, run
from tests.support.served import environment, fleet
from tests.support.sidecar import Sidecar

USERS: Final = {
    "alpha": "alpha",
    "alpha%40example.org": "alpha@example.org",
    "al@pha": "al@pha",
    "vhost%3Auser": "vhost:user",
    "%2Fteam%2Fa%3Auser": "/team/a:user",
    "a%20b": "a b",
    "a%25b": "a%b",
    "%C3%BCmit": "ümit",
    "ümit": "ümit",
    "a+b!$&=": "a+b!$&=",
}
"""What stands in the address, and whom the broker sees."""

NO_USERS: Final = ["a%b", "50%", "a%zz", "a%0Ab", "a%7fb", "vhost:user", "team/a", "a?b", "a#b"]
"""What is refused, by every program."""

PASSWORDS: Final = {
    "sesame\n": "sesame",
    "sesame": "sesame",
    " both ends \n": " both ends ",
    "\ttab\t\n": "\ttab\t",
    "Windows\r\n": "Windows",
    "pässwörd €\n": "pässwörd €",
    "#no comment -x \\n $HOME `id` '\"\n": "#no comment -x \\n $HOME `id` '\"",
    "first\nsecond\n": "first",
}
"""What the file holds, and what the broker is told."""


def secret(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.write_bytes(text.encode())
    path.chmod(0o600)
    return str(path)


def settings(recorder: ConnectRecorder, user: str, password: str) -> dict[str, str]:
    address = f"mqtt://{user}@127.0.0.1:{recorder.port}"
    return {"FLEET_AGENT": "alpha", "FLEET_BROKER": address, "FLEET_PASSWORD_FILE": password}


def told(folder: Path, user: str, text: str) -> set[tuple[str, str]]:
    """The accounts that the broker sees, of `bus-publish` in each shell, sidecar and `fleet`."""
    with ConnectRecorder() as recorder:
        given = settings(recorder, user, secret(folder, text))
        for shell in PRESENT:
            home = folder / shell
            home.mkdir()
            run("heartbeat", home=home, shell=shell, FLEET_DROP="-", **given)
        shells = len(recorder.accounts)
        Sidecar(folder, "", **given).call("beat", "--timeout", "20")
        sidecars = len(recorder.accounts)
        fleet("status", environ=environment(folder, **given))
        assert 0 < shells < sidecars < len(recorder.accounts)
        return set(recorder.accounts)


@pytest.mark.parametrize("user", USERS)
def test_a_user_name_is_the_same_to_all(user: str, tmp_path: Path) -> None:
    assert told(tmp_path, user, "sesame\n") == {(USERS[user], "sesame")}


@pytest.mark.parametrize("text", PASSWORDS)
def test_a_password_is_the_same_to_all(text: str, tmp_path: Path) -> None:
    assert told(tmp_path, "alpha", text) == {("alpha", PASSWORDS[text])}


@pytest.mark.skipif(not shutil.which("mosquitto_passwd"), reason="mosquitto_passwd is absent")
def test_a_real_broker_takes_blanks_that_were_typed_and_not_those_that_were_hashed_in_place(
    tmp_path: Path,
) -> None:
    """As `docs/how-to/static-acl.md` says of Mosquitto's own tool."""
    accounts, hashed = tmp_path / "accounts", tmp_path / "hashed"
    hashed.write_text("beta: both ends \n")
    subprocess.run(["mosquitto_passwd", "-U", hashed], check=True)
    accounts.write_bytes(hashed.read_bytes())
    typed = b" both ends \n"
    subprocess.run(
        ["mosquitto_passwd", accounts, "alpha"], input=2 * typed, check=True, stdout=subprocess.PIPE
    )
    broker = Mosquitto(tmp_path / "b", [f"password_file {accounts}"], anonymous=False).start()
    blanks, bare = tmp_path / "blanks", tmp_path / "bare"
    for path, text in ((blanks, " both ends \n"), (bare, "both ends\n")):
        path.write_text(text)
        path.chmod(0o600)
    try:
        for agent, password, code in (("alpha", blanks, 0), ("beta", blanks, 3), ("beta", bare, 0)):
            given = {"FLEET_BROKER": broker.url, "FLEET_PASSWORD_FILE": str(password)}
            said = run("heartbeat", home=tmp_path, FLEET_AGENT=agent, FLEET_DROP="-", **given)
            beat = Sidecar(tmp_path, broker.url, agent, **given).call("beat", "--timeout", "20")
            assert (said.returncode, beat.returncode) == (code, code), (said.stderr, beat.stderr)
    finally:
        broker.stop()


@pytest.mark.parametrize("user", NO_USERS)
def test_what_is_no_user_name_is_refused_by_all_and_not_shown(user: str, tmp_path: Path) -> None:
    with ConnectRecorder() as recorder:
        given = settings(recorder, user, secret(tmp_path, "sesame\n"))
        answers = [
            *(run("heartbeat", home=tmp_path, shell=s, FLEET_DROP="-", **given) for s in PRESENT),
            Sidecar(tmp_path, "", **given).call("beat"),
            fleet("status", environ=environment(tmp_path, **given)),
        ]
        assert recorder.accounts == []
    for answer in answers:
        assert answer.returncode == 3, answer
        assert "\nTry: " in answer.stderr
        assert user not in answer.stderr
