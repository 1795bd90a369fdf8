"""How `fleet agent` shows a credential: once, as two lines on stdout, or in 0600 files."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from fleet.broker_kind import BrokerKind
from fleet.cli.common import note, write_json
from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Kind
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.contract.invitation import Invitation
    from fleet.keys import Key, Ring
    from fleet.provisioning.enrolment import Credential
    from fleet.provisioning.registry import Enrolled

F = TypeVar("F", bound=Callable[..., Any])

WAYS: Final = ("sh", "systemd", "compose", "mcp")
"""What else there is to show, beside the line that joins and its secret."""

KEY_HEADINGS: Final = ("key", "state", "signs_from", "trusted_until")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a credential goes: a folder, or stdout where `out` is None, with these `ways`."""

    broker: str | None
    out: Path | None
    ways: tuple[str, ...] = ()

    def check(self) -> None:
        """
        Raises:
            UsageError: files hold all of it, and are to be shown too.
            ConfigError: a file of ours is there: it would hold another agent's secret.
        """
        if self.out is not None and self.ways:
            raise click.UsageError("give either --out or --show: the files hold all of it")
        if self.out is not None and (self.out / "fleet" / "agent.env").exists():
            taken = f"{self.out / 'fleet'} holds a credential already"
            raise ConfigError(taken, "", "--out another folder")


def with_place(function: F) -> F:
    """Add `--agent-broker`, `--out` and `--show` and pass the command a `place`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        place = Destination(kwargs.pop("agent_broker"), kwargs.pop("out"), kwargs.pop("show"))
        return function(*args, place=place, **kwargs)

    decorated: Any = click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Write files for the agent's side there (0600) instead of showing the secret.",
    )(wrapper)
    decorated = click.option(
        "--show",
        type=click.Choice(WAYS),
        multiple=True,
        help="Beside the two lines: the same in sh, a unit, a service, or an MCP server.",
    )(decorated)
    return click.option(  # type: ignore[no-any-return]
        "--agent-broker",
        metavar="URL",
        help="Where the agent reaches the broker; default: by TLS at the certificate's name.",
    )(decorated)


def tell(lines: Sequence[str]) -> None:
    """Lines for a person, beside the data."""
    for line in lines:
        note(line)


def show(
    settings: Settings,
    credential: Credential,
    kind: Kind,
    place: Destination,
    output: str,
) -> None:
    """Print everything, or write it to the place's folder and print the paths."""
    from fleet.provisioning import invitations, snippets

    no_token = invitations.why_no_token(settings, credential.agent)
    if place.out is not None:
        for path in write(settings, credential, kind, place.broker, place.out):
            click.echo(path)
        if account := _account(settings, credential):
            click.echo(f"\n# first, at the broker\n{account}")
        note(f"carry {place.out} to the agent's side; the secret is kept nowhere else")
        tell_no_token(no_token)
        return
    token = invitations.token_for(settings, credential.agent, time.time())
    invitation = invitations.invite(settings, credential, kind, place.broker, token)
    secret = invitations.secret_of(credential)
    line = snippets.join_line(invitation)
    if output == "json":
        write_json(
            {
                "agent": credential.agent,
                "account": credential.account,
                "secret": secret,
                "token": token or None,
                "at_broker": _account(settings, credential),
                "join": line,
                "env": invitation.env(snippets.ETC),
                "files": snippets.files(invitation, secret, kind, token),
            }
        )
        tell_no_token(no_token)
        return
    second = credential.account != credential.agent
    done = f"has a second account, {credential.account}" if second else "is enrolled"
    account = _account(settings, credential)
    proof = "its account is for you to make" if account else "it is proven"
    if settings.broker_kind is BrokerKind.EMBEDDED:
        proof = "this broker asks nobody for an account"
    note(f"{credential.agent} {done}; {proof}.")
    first = [("first, at the broker", account)] if account else []
    more = _sections(invitation, kind, place.ways)
    for title, text in (*first, *more):
        click.echo(f"# {title}\n{text}".rstrip() + "\n")
    note("On the agent's side: the first line; it asks for the second, shown only now.")
    click.echo(f"{line}\n{_pasted(secret, token)}")
    if not more:
        note("Then: agent-sidecar beat. Other ways: --show sh|systemd|compose|mcp, or --out DIR")
    if token and invitation.hub.startswith("http:"):
        note(f"Its work is at {invitation.hub}, on this machine alone; FLEET_HTTP opens the hub.")
    tell_no_token(no_token)


def tell_no_token(why: tuple[str, str] | None) -> None:
    """What `invitations.why_no_token` found."""
    if why:
        note(f"No token for its work comes with this: {why[0]}. Try: {why[1]}")


def show_token(settings: Settings, token: str) -> None:
    """A token for an agent that joined before it had part in work, and where it goes."""
    from fleet.contract.invitation import TOKEN, env_text
    from fleet.provisioning import invitations, snippets

    env = invitations.work_env(settings, snippets.ETC)
    click.echo(f"# on the agent's side: {snippets.ETC / TOKEN}, 0600\n{token}")
    click.echo(f"\n# {snippets.ETC}/agent.env, these beside the others\n{env_text(env).rstrip()}")
    note("The token is shown only now. Beside these the sidecar wants FLEET_WORK and a SIGHUP.")
    if "FLEET_CA_FILE" in env:
        note(f"Where the broker has another authority, add {settings.home}/ca/ca.pem to ca.pem.")
    if env["FLEET_HUB"].startswith("http:"):
        note(f"{env['FLEET_HUB']} is this machine alone; FLEET_HTTP opens the hub.")


def _pasted(secret: str, token: str) -> str:
    """Both as one answer to the question of `join`: a key has lines of its own."""
    return (
        f"{secret.rstrip()}{chr(10) if '-----END' in secret else ' '}{token}" if token else secret
    )


def _account(settings: Settings, credential: Credential) -> str:
    """What a person has to make at the broker; empty where fleet did."""
    from fleet.provisioning import by_hand

    kind = settings.broker_kind
    return "" if kind.has_enrolment else by_hand.account(kind, settings.topics, credential.account)


def write(
    settings: Settings, credential: Credential, kind: Kind, broker: str | None, out: Path
) -> list[Path]:
    """Everything as files in `out`, each 0600; their paths."""
    from fleet.contract.secret_file import write_secret
    from fleet.provisioning import invitations, snippets

    token = invitations.token_for(settings, credential.agent, time.time())
    invitation = invitations.invite(settings, credential, kind, broker, token)
    texts = snippets.files(invitation, invitations.secret_of(credential), kind, token)
    written = []
    for name, text in texts.items():
        path = out / name
        if name == "compose.yaml" and path.exists():
            continue  # a scaffold made it, and somebody may have added to it
        write_secret(path, text)
        written.append(path)
    return written


def _sections(invitation: Invitation, kind: Kind, ways: Sequence[str]) -> list[tuple[str, str]]:
    """What was asked for, each with what it is."""
    from fleet.contract.invitation import env_text
    from fleet.provisioning import snippets

    agent = invitation.agent
    env = (f"{snippets.ETC}/agent.env", env_text(invitation.env(snippets.ETC)))
    unit = (f"/etc/systemd/system/fleet-{agent}.service", snippets.systemd_unit(agent))
    shown = {
        "sh": [("without Python: the same in sh", snippets.shell_lines(invitation))],
        "systemd": [env, unit],
        "compose": [env, ("compose.yaml", snippets.compose_service(agent))],
        "mcp": [
            ("MCP, if this agent operates the fleet", snippets.mcp_snippet(kind)),
            ("the skill: skills/fleet-bus/SKILL.md in its workspace; --out writes it", ""),
        ],
    }
    found = [section for way in WAYS if way in ways for section in shown[way]]
    return list(dict.fromkeys(found))


def document(agent: Enrolled) -> dict[str, Any]:
    """An enrolled agent as JSON; times are UTC."""
    fields = asdict(agent)
    for name in ("enrolled_at", "revoked_at"):
        fields[name] = None if fields[name] is None else timestamp(fields[name])
    return fields


def credential_word(agent: Enrolled) -> str:
    """The state of its credential in a word."""
    if agent.revoked_at is not None:
        return "revoked in part" if agent.accounts or agent.serials else "revoked"
    if len(agent.accounts) > 1 or len(agent.serials) > 1:
        return "rotating"
    return "certificate" if agent.serials else "secret"


def key_row(ring: Ring, key: Key, now: float) -> tuple[str, str, str, str]:
    """A signing key for `fleet agent keys show`."""
    signing = ring.signing_at(now)
    state = "signs" if key == signing else "waits" if key.signs_from > now else "trusted"
    until = "further notice" if key.trusted_until is None else timestamp(key.trusted_until)
    return key.kid, state, timestamp(key.signs_from), until
