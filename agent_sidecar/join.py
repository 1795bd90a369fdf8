"""`agent-sidecar join`: take an invitation and a secret, write `agent.env` and its files, 0600."""

from __future__ import annotations

import sys
from pathlib import Path

from fleet.contract.errors import ConfigError
from fleet.contract.invitation import ENV, Invitation, env_text
from fleet.contract.secret_file import write_secret
from fleet.contract.trusted_path import read_text

_PEM_END = "-----END"
_BEGINS = "fleet_"
"""How a token does."""


def join(word: str, folder: Path) -> list[str]:
    """Write everything into `folder`; what to tell the person, a line each.

    Raises:
        ConfigError: the invitation or the secret is not usable, or the folder not writable.
    """
    invitation = Invitation.decode(word)
    folder = folder.expanduser().absolute()
    secret, token = read_secret_input(
        by_certificate=bool(invitation.certificate), with_token=bool(invitation.hub)
    )
    env = folder / ENV
    kept = _kept(env)
    text = env_text(invitation.env(folder), kept)
    for name, content in invitation.files(secret, token).items():
        write_secret(folder / name, content)
    write_secret(env, text)
    told = [f"{invitation.agent} may join the fleet at {invitation.broker}; settings in {env}"]
    if invitation.hub:
        told.append(f"its work is at {invitation.hub}: FLEET_WORK=FILE in {env} takes some up")
    return [*told, "Try: agent-sidecar beat, or restart a sidecar that runs (SIGHUP is enough)"]


def _kept(env: Path) -> str:
    """What stands in `agent.env` already.

    Raises:
        ConfigError: it is not usable; nothing is to be written beside it then.
    """
    from agent_sidecar.config import read_env_file

    if not env.exists():
        return ""
    read_env_file(env)
    return read_text(env)


def read_secret_input(*, by_certificate: bool, with_token: bool = False) -> tuple[str, str]:
    """(secret, token) from standard input: asked for on a terminal, without showing them. The token
    stands behind the secret, on its line or the next.

    Raises:
        ConfigError: nothing, or not what is due.
    """
    if by_certificate:
        if sys.stdin.isatty():
            sys.stderr.write("Paste the private key, -----BEGIN to -----END:\n")
        secret, rest = _read_pem(), ""
    elif sys.stdin.isatty():
        from getpass import getpass

        secret, _, rest = getpass("Secret: ").strip().partition(" ")
    else:
        secret, _, rest = sys.stdin.readline().strip().partition(" ")
    if not secret or (by_certificate and _PEM_END not in secret):
        due = "a private key (PEM)" if by_certificate else "the secret, as one line"
        why = f"standard input holds not {due}"
        raise ConfigError("there is no secret", why, "agent-sidecar join INVITATION < secret")
    if not with_token:
        return secret if by_certificate else f"{secret} {rest}".strip(), ""
    token = rest.strip() or sys.stdin.readline().strip()
    if not token.startswith(_BEGINS):
        why = f"the token, {_BEGINS}…, stands behind the secret, or on the line after it"
        raise ConfigError("there is no token for the hub", why, "copy both, as they were shown")
    return secret, token


def _read_pem() -> str:
    lines: list[str] = []
    for line in sys.stdin:
        lines.append(line)
        if line.startswith(_PEM_END):
            break
    return "".join(lines)
