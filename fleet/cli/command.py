"""`fleet command`: send a verb, show replies as they come, say who was silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click

from fleet.cli.agent_names import AgentName, known_names
from fleet.cli.common import finish, note, paint, say, with_connection, with_output, write_jsonl
from fleet.cli.wrong_calls import unknown_agent
from fleet.contract.errors import ConfigError
from fleet.contract.limits import DEFAULT_TTL, MAX_TTL
from fleet.contract.vocabulary import Priority, Result, Verb
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.commander.over_broker import AgentReply, CommandMessage
    from fleet.hub_client import HubError


class CommandTransport(Protocol):
    """How commands reach agents and answers come back."""

    async def known(self) -> list[str]: ...

    def send(
        self, order: CommandMessage, expected: Sequence[str], patience: float
    ) -> AsyncIterator[AgentReply]: ...

    async def fates(self, agents: Sequence[str]) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask, and in what steps.

    Attributes:
        batch: agents asked at once; 0 asks all at once.
        pause: seconds between batches.
        limit: at most so many agents (`5`) or that share of them (`10%`); a canary.
    """

    verb: Verb
    agents: tuple[str, ...]
    everyone: bool
    batch: int
    pause: float
    limit: str
    ttl: int
    priority: Priority
    patience: float

    def targets(self, known: Sequence[str]) -> list[str]:
        """The agents to ask, of the `known` ones where all are meant, cut by the limit."""
        targets = sorted(known) if self.everyone else list(dict.fromkeys(self.agents))
        return targets[: _limit(self.limit, len(targets))]

    def batches(self, targets: Sequence[str]) -> Iterator[tuple[str, ...]]:
        size = self.batch or max(len(targets), 1)
        for start in range(0, len(targets), size):
            yield tuple(targets[start : start + size])


@click.command()
@click.argument("verb", type=click.Choice([verb.value for verb in Verb]))
@click.argument("agents", nargs=-1, metavar="[AGENT...]", type=AgentName())
@click.option("--all", "everyone", is_flag=True, help="Every agent the bus knows.")
@click.option("--group", help="The enrolled agents of this group.")
@click.option("--batch", type=click.IntRange(min=0), default=0, help="Agents asked at once.")
@click.option("--pause", type=click.FloatRange(min=0), default=1.0, help="Seconds between batches.")
@click.option("--limit", default="100%", show_default=True, help="At most N agents, or N%.")
@click.option("--ttl", type=click.IntRange(1, MAX_TTL), default=DEFAULT_TTL, show_default=True)
@click.option(
    "--priority",
    type=click.Choice([priority.value for priority in Priority]),
    default=Priority.NORMAL.value,
    show_default=True,
)
@click.option(
    "--wait",
    "patience",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Seconds to wait for replies.",
)
@click.option("--direct", is_flag=True, help="Over the broker, also where a hub serves.")
@click.option("--dry-run", is_flag=True, help="Say whom it would ask; send nothing.")
@with_output("text", "jsonl")
@with_connection
def command(
    settings: Settings,
    output: str,
    direct: bool,
    dry_run: bool,
    group: str | None,
    **options: Any,
) -> int:
    """Send VERB to AGENTs (or --all). Exit 0: all done, 1: some not done, 2: some silent.

    Where a hub serves this home the command goes through it: an agent that is away gets it when
    it returns, unless its time to live (--ttl) is over by then.
    """
    if group is not None:
        options["agents"] = (*options["agents"], *_members(settings, group))
    plan = Plan(
        **options | {"verb": Verb(options["verb"]), "priority": Priority(options["priority"])}
    )
    if bool(plan.agents) == plan.everyone:
        raise click.UsageError("name the agents, or give --all or --group")
    _limit(plan.limit, 1)
    report = AnswerPrinter(output)
    return finish(_carry_out(settings, plan, report, direct=direct, dry_run=dry_run))


class AnswerPrinter:
    """Prints answers as they come and keeps the tally."""

    def __init__(self, output: str) -> None:
        self.output = output
        self.results: dict[str, str] = {}

    def answer(self, answer: AgentReply) -> None:
        self.results[answer.agent] = answer.result.value
        if self.output == "jsonl":
            write_jsonl(
                [
                    {
                        "agent": answer.agent,
                        "verb": answer.verb.value,
                        "result": answer.result.value,
                        "code": answer.code.value if answer.code else None,
                        "latency": round(answer.latency, 6),
                        "took": answer.took,
                        "versions": answer.status.versions
                        and answer.status.versions.model_dump(exclude_none=True),
                        "config": answer.status.config,
                    }
                ]
            )
            return
        detail = _detail(answer)
        result = paint(answer.result.value, f"{answer.result.value:<11}")
        line = f"{answer.agent:<20}  {result}  {answer.latency * 1000:7.1f} ms  {detail}"
        say(line.rstrip())

    def unanswered(self, agent: str, fate: str) -> None:
        """No reply came: `silent`, or the hub keeps the command as `queued` for its return."""
        self.results[agent] = fate
        if self.output == "jsonl":
            write_jsonl([{"agent": agent, "result": fate}])
            return
        note = "  the hub delivers it when the agent returns" if fate == "queued" else ""
        colour = "warning" if fate == "queued" else "critical"
        say(f"{agent:<20}  {paint(colour, f'{fate:<11}')}{note}".rstrip())

    def end(self) -> int:
        """Say the summary on stderr; the exit code."""
        tally: dict[str, int] = {}
        for result in self.results.values():
            tally[result] = tally.get(result, 0) + 1
        counts = ", ".join(f"{count} {result}" for result, count in sorted(tally.items()))
        note(f"{len(self.results)} asked: {counts}")
        if "silent" in tally:
            return 2
        return 0 if set(tally) <= {Result.DONE.value} else 1


@asynccontextmanager
async def _way(settings: Settings, *, direct: bool) -> AsyncIterator[CommandTransport]:
    """By the hub where one serves this home, since it keeps what cannot be delivered yet."""
    from fleet.bus.mqtt import open_bus
    from fleet.commander.over_broker import OverBroker
    from fleet.commander.through_hub import ThroughHub
    from fleet.contract.reader import Reader
    from fleet.hub_client import HubClient
    from fleet.keys import load_signer

    reader = Reader(settings.added_words())
    hub = None if direct else await asyncio.to_thread(HubClient.serving, settings.home)
    if hub is not None:
        yield ThroughHub(hub, reader)
        return
    signer = load_signer(settings.home)
    async with open_bus(settings) as bus:
        yield OverBroker(bus, settings.topics, reader, signer.sign if signer else None)


async def _carry_out(
    settings: Settings, plan: Plan, report: AnswerPrinter, *, direct: bool, dry_run: bool
) -> int:
    from fleet.commander.over_broker import CommandMessage
    from fleet.hub_client import HubError

    async with _way(settings, direct=direct) as way:
        known = await way.known() if plan.everyone else []
        targets = plan.targets(known)
        if not targets:
            raise ConfigError("no agent to ask", "none is known", "fleet status")
        if dry_run:
            for agent in targets:
                say(f"{agent:<20}  would be asked: {plan.verb.value}")
            return 0
        for index, batch in enumerate(plan.batches(targets)):
            if index:
                await asyncio.sleep(plan.pause)
            whole_fleet = plan.everyone and len(batch) == len(known)
            order = CommandMessage(plan.verb, () if whole_fleet else batch, plan.ttl, plan.priority)
            try:
                async for answer in way.send(order, batch, plan.patience):
                    report.answer(answer)
            except HubError as refused:
                await asyncio.to_thread(_name_the_unknown, settings, batch, refused)
                raise
            missing = [agent for agent in batch if agent not in report.results]
            for agent, fate in (await way.fates(missing)).items():
                report.unanswered(agent, fate)
    return report.end()


def _name_the_unknown(settings: Settings, agents: Sequence[str], refused: HubError) -> None:
    """
    Raises:
        ConfigError: the hub refused because it has not heard of one of the `agents`.
    """
    from fleet.hub_refusals import UNKNOWN_AGENT

    known = known_names(str(settings.home)) if refused.code == UNKNOWN_AGENT else []
    unknown = next((name for name in agents if name not in known), None)
    if known and unknown is not None:
        raise unknown_agent(unknown, known) from refused


def _members(settings: Settings, group: str) -> list[str]:
    """
    Raises:
        ConfigError: nobody is enrolled in that group.
    """
    from fleet.provisioning.registry import Registry

    members = Registry(settings.home).group(group)
    if not members:
        raise ConfigError(f"nobody is in the group {group!r}", "", "fleet agent list")
    return members


def _detail(answer: AgentReply) -> str:
    words = [answer.code.value] if answer.code and answer.code != "ok" else []
    if answer.verb is Verb.VERSION_REPORT and answer.status.versions:
        versions = answer.status.versions.model_dump(exclude_none=True)
        words += [f"{name} {version}" for name, version in versions.items()]
    if answer.verb is Verb.CONFIG_RELOAD and answer.status.config:
        words.append(answer.status.config[:19])
    return ", ".join(words)


def _limit(text: str, count: int) -> int:
    """How many of `count` the limit `5` or `10%` lets through, at least one.

    Raises:
        ConfigError: it is neither.
    """
    number = text.removesuffix("%")
    if not number.isdecimal() or len(number) > 9 or int(number) == 0:
        raise ConfigError(f"limit {text!r} is not usable", "", "--limit 5 or --limit 10%")
    if text.endswith("%"):
        return max(1, count * min(int(number), 100) // 100)
    return int(number)
