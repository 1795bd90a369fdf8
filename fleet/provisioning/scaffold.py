"""`fleet agent new`: a workspace for a new agent with the bus wired in, as its kind wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.provisioning import snippets

_PROFILES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.NANOBOT: ("SOUL.md", "USER.md", "AGENTS.md", "HEARTBEAT.md", "memory/MEMORY.md"),
    Kind.OPENCLAW: ("SOUL.md", "USER.md", "AGENTS.md", "HEARTBEAT.md", "MEMORY.md"),
    Kind.HERMES: ("SOUL.md", "AGENTS.md"),
    Kind.ROCKBOT: ("soul.md", "directives.md", "style.md"),
    Kind.GENERIC: ("AGENTS.md",),
}
"""The profile files that each kind reads from its workspace."""

_RULES: Final = ("AGENTS.md", "directives.md")
"""The file that holds an agent's working rules, whatever its kind calls it."""

_BUS: Final = """\
## Fleet bus

Report health with `bus-publish`, and only with it; the skill `fleet-bus` says how. The bus carries
numbers and fixed words: never a name, a path, a message or anything of a user's.
"""


def create(folder: Path, name: str, kind: Kind) -> list[Path]:
    """Make the workspace; the files that were written.

    Raises:
        ConfigError: the folder holds something already, or cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        remedy = "give a new folder; files that exist are never changed"
        raise ConfigError(f"{folder} is not empty", "", remedy)
    written: list[Path] = []
    for relative, text in _texts(name, kind).items():
        path = folder / relative
        try:
            trusted_path.make_folder(path.parent, 0o755)
            trusted_path.write_text(path, text)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written", error.strerror or "") from None
        written.append(path)
    (folder / "fleet").mkdir(mode=0o700)
    return written


def _texts(name: str, kind: Kind) -> dict[str, str]:
    texts = {f"workspace/{profile}": _profile(profile, name) for profile in _PROFILES[kind]}
    return texts | {
        "workspace/skills/fleet-bus/SKILL.md": snippets.skill(),
        "compose.yaml": snippets.compose_service(name),
        ".gitignore": "# Credentials of the agent.\nfleet/\n",
        "README.md": _readme(name, kind),
    }


def _profile(profile: str, name: str) -> str:
    title = Path(profile).stem.replace("_", " ").capitalize()
    text = f"# {title}\n\nOf the agent {name}.\n"
    return f"{text}\n{_BUS}" if profile in _RULES else text


def _readme(name: str, kind: Kind) -> str:
    return f"""\
# {name}

A workspace for {kind.meaning}. `fleet/` takes the credential, which is never committed:

    fleet agent add {name} --kind {kind} --out .
    docker compose up -d

Without containers: `agent-sidecar run`, or the systemd unit that the first command writes.
"""
