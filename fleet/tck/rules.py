"""The rules of the conformance kit as one table: what each asks, of whom, and which clause says it.

Nothing here runs: the steps of an examination refer to these ids and say what they found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Word


class Profile(Word):
    """How much an agent claims to do; each profile holds the ones before it."""

    PUBLISHER = "publisher", "says how it is: heartbeat, status and alert, and nothing else"
    COMMANDS = "commands", "answers the four verbs too"
    SIDECAR = (
        "sidecar",
        "numbers its sessions, keeps what has no receipt, checks signatures",
    )
    WORKER = "worker", "takes up tasks that are offered, and tells how far they are"


class Need(Word):
    """What a rule cannot be judged without."""

    RESTART = "--restart", "a command that restarts the agent in order"
    KILL = "--kill", "a command that ends the agent without a goodbye"
    PAUSE = "--pause and --resume", "commands that freeze the agent and wake it again"
    BROADCAST = "--broadcast", "leave to speak to every agent on this bus"
    KEY = "a signing key in FLEET_HOME", "the hub's key, with which commands are signed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        title: what a conforming agent does, as a sentence.
        clause: record and heading, `ADR-0005#topics`.
        needs: everything without which it is skipped.
    """

    id: str
    profile: Profile
    title: str
    clause: str
    needs: tuple[Need, ...] = ()


def _publisher(id_: str, title: str, clause: str) -> Rule:
    return Rule(id_, Profile.PUBLISHER, title, clause)


def _commands(id_: str, title: str, clause: str, *needs: Need) -> Rule:
    return Rule(id_, Profile.COMMANDS, title, clause, needs)


def _sidecar(id_: str, title: str, clause: str, *needs: Need) -> Rule:
    return Rule(id_, Profile.SIDECAR, title, clause, needs)


def _worker(id_: str, title: str, clause: str, *needs: Need) -> Rule:
    return Rule(id_, Profile.WORKER, title, clause, needs)


_RESTART, _KILL, _PAUSE, _KEY = Need.RESTART, Need.KILL, Need.PAUSE, Need.KEY

RULES: Final = (
    _publisher("heartbeat.arrives", "a heartbeat comes within the interval it promises",
               "ADR-0005#heartbeat-fields"),
    _publisher("heartbeat.valid", "every heartbeat has the contract's shape and words",
               "ADR-0005#heartbeat-fields"),
    _publisher("heartbeat.retained", "the last heartbeat is retained", "ADR-0005#topics"),
    _publisher("heartbeat.dated", "a heartbeat's ts is when it was made, in UTC",
               "ADR-0005#fields"),
    _publisher("status.valid", "every status has the contract's shape and words",
               "ADR-0005#status-fields"),
    _publisher("status.retained", "the last state is retained", "ADR-0005#topics"),
    _publisher("alert.valid", "every alert has the contract's shape and words",
               "ADR-0005#alert-fields"),
    _publisher("alert.retained", "the last alert is retained", "ADR-0005#topics"),
    _publisher("publish.topics", "nothing is published on a topic that the contract does not have",
               "ADR-0005#topics"),
    _publisher("publish.qos", "all messages travel at QoS 1", "ADR-0005#topics"),
    _publisher("publish.form", "no MQTT 5 property that carries text beside the payload",
               "ADR-0013#decision"),
    _publisher("publish.content", "no personal data, secret or prose, in names and versions either",
               "ADR-0005#free-text"),
    _commands("command.status-report", "status-report is answered, once, with a status",
              "ADR-0005#verb"),
    _commands("command.version-report", "version-report is answered, once, with versions",
              "ADR-0005#verb"),
    _commands("command.health-check", "health-check is answered, once, and a heartbeat comes",
              "ADR-0005#verb"),
    _commands("command.config-reload", "config-reload is answered, once: done, failed, unsupported",
              "ADR-0005#verb"),
    _commands("reply.names-command", "an answer names the id of its command",
              "ADR-0005#reply-fields"),
    _commands("reply.not-retained", "an answer is not retained", "ADR-0005#topics"),
    _commands("command.repeated", "a command that comes twice is answered once",
              "ADR-0005#command-fields"),
    _commands("command.expired", "an expired command is answered expired and not carried out",
              "ADR-0005#result"),
    _commands("command.dated-ahead", "a command dated ten minutes ahead is refused as dated-ahead",
              "ADR-0018#decision"),
    _commands("command.unknown-verb", "a verb outside the vocabulary is dropped",
              "ADR-0005#closed-vocabulary"),
    _commands("command.arguments", "a command with a field the contract lacks is dropped",
              "ADR-0005#closed-vocabulary"),
    _commands("command.malformed", "a command with a key that stands twice is dropped",
              "ADR-0005#size-and-form"),
    _commands("command.oversize", "a command of more than 4 KiB is dropped",
              "ADR-0005#size-and-form"),
    _commands("command.retained", "a retained command is dropped by who connects later",
              "ADR-0005#retained-commands", _RESTART),
    _sidecar("session.numbered", "every message has boot and seq", "ADR-0005#status-fields"),
    _sidecar("session.seq-unique", "a number is never used for two messages",
             "ADR-0005#status-fields"),
    _sidecar("session.seq-complete", "numbers of a session leave no gap",
             "ADR-0005#status-fields"),
    _sidecar("session.birth", "a session begins with a status that is not offline",
             "ADR-0005#state", _RESTART),
    _sidecar("session.boot-grows", "a later session has a greater number",
             "ADR-0018#decision", _RESTART),
    _sidecar("session.end", "the end of a session is said: offline, with its number",
             "ADR-0005#state", _RESTART),
    _sidecar("will.told", "a death without goodbye is told by the last will", "ADR-0005#state",
             _KILL),
    _sidecar("will.boot", "the will has the number of its session: a late one kills no newer one",
             "ADR-0005#status-fields", _KILL),
    _sidecar("will.retained", "the will is retained: it is a state", "ADR-0005#topics", _KILL),
    _sidecar("return.stands", "who returns from the dead is not retained as offline",
             "ADR-0005#topics", _KILL),
    _sidecar("sleep.answers", "a command that came while it slept is answered once it wakes",
             "ADR-0005#verb", _PAUSE),
    _sidecar("sleep.expires", "a command that expired while it slept is answered expired",
             "ADR-0005#result", _PAUSE),
    _sidecar("receipt.resend", "what has no receipt is sent again with its number",
             "ADR-0007#decision", _RESTART),
    _sidecar("receipt.honoured", "what has a receipt is not sent again", "ADR-0007#decision",
             _RESTART),
    _sidecar("receipt.impossible", "a receipt of more than was sent frees nothing",
             "ADR-0013#decision", _RESTART),
    _sidecar("receipt.unsigned", "a receipt without signature frees nothing where signing is on",
             "ADR-0013#decision", _RESTART, _KEY),
    _sidecar("signing.unsigned", "an unsigned command is refused as unsigned",
             "ADR-0006#2-command-injection", _KEY),
    _sidecar("signing.forged", "a changed command is refused as bad-signature",
             "ADR-0006#2-command-injection", _KEY),
    _sidecar("signing.target", "a command signed for another agent is refused as bad-signature",
             "ADR-0006#2-command-injection", _KEY),
    _sidecar("signing.unknown-key", "a command by a stranger's key is refused as unknown-key",
             "ADR-0006#2-command-injection", _KEY),
    _sidecar("signing.session", "a command for another session is refused as other-session",
             "ADR-0018#decision", _KEY),
    _sidecar("notice.hub-online", "it gives birth again when the hub comes up",
             "ADR-0005#notice", Need.BROADCAST),
    _worker("offer.dropped", "an offer that is expired, ahead, malformed or unsigned does nothing",
            "ADR-0022#decision"),
    _worker("progress.valid", "every progress has the contract's shape and words",
            "ADR-0005#progress-fields"),
    _worker("progress.not-retained", "progress is not retained", "ADR-0005#topics"),
    _worker("progress.epoch", "a task's epoch and attempt never go back", "ADR-0022#decision"),
)  # fmt: skip
"""Every rule, in the order in which it is told."""

BY_ID: Final = {rule.id: rule for rule in RULES}
