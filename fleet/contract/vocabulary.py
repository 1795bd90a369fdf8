"""The closed vocabularies of the bus: every word a message may carry.

The members' sentences are the documentation: help texts, ADR tables, the JSON Schemas and
the AsyncAPI document are derived from them or held equal to them by a test.
"""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A word with the sentence that explains it.

    `rank` is its place in its vocabulary, from 0; where the words have an order, it is that one.
    """

    meaning: str
    rank: int

    def __new__(cls, value: str, meaning: str = "") -> Word:
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        word.rank = len(cls.__members__)
        return word


class MessageKind(Word):
    """What travels on the bus; each kind has one topic and one shape."""

    HEARTBEAT = "heartbeat", "health telemetry of one agent, retained"
    STATUS = "status", "a state change, versions or a command reply; also the last will"
    ALERT = "alert", "a problem that starts or ends, retained"
    COMMAND = "command", "one verb for one agent, never retained"
    BROADCAST = "broadcast", "one verb or one notice for all agents, never retained"
    RECEIPT = "receipt", "how far the hub has committed what an agent's outbox sent"
    TASK = "task", "there is work that one agent may claim, and nothing about it; never retained"
    PROGRESS = "progress", "how far one agent is with a task that it claimed, never retained"
    LEASE = "lease", "which role of a pair one agent has, and for how long; never retained"


class Verb(Word):
    """The whole command vocabulary."""

    HEALTH_CHECK = "health-check", "probe now and publish a heartbeat"
    VERSION_REPORT = "version-report", "publish status with versions"
    CONFIG_RELOAD = "config-reload", "run the locally configured reload action, report the digest"
    STATUS_REPORT = "status-report", "publish a full status"


class State(Word):
    """What an agent says of itself on its status topic."""

    STARTING = "starting", "coming up, not yet able to work"
    RUNNING = "running", "up and able to work"
    DEGRADED = "degraded", "up, but a check fails"
    MAINTENANCE = "maintenance", "taken out of service on purpose"
    STOPPING = "stopping", "going down on purpose"
    OFFLINE = "offline", "gone: a clean stop, or the last will"


class Plane(Word):
    """What is checked, each with its own age: slow is not dead, running is not working."""

    PROCESS = "process", "the agent's process exists"
    ENDPOINT = "endpoint", "its health endpoint answers with the right shape"
    WORK = "work", "useful work advances"
    CHANNELS = "channels", "its message channels are connected"
    CRON = "cron", "its scheduled jobs succeed"
    CONFIG = "config", "its configuration is valid"
    DISK = "disk", "its disk has room"
    MEMORY = "memory", "it has memory left"
    BROKER = "broker", "the sidecar's link to the broker holds"


class Check(Word):
    """The result of one plane."""

    PASS = "pass", "works"
    WARN = "warn", "works, but slow or near a limit"
    FAIL = "fail", "does not work"
    UNKNOWN = "unknown", "could not be told; never counted as good or bad"


class Severity(Word):
    """How much an alert matters."""

    INFO = "info", "worth knowing"
    WARNING = "warning", "look at it today"
    CRITICAL = "critical", "look at it now"


class AlertState(Word):
    """An alert starts and ends; both are published."""

    FIRING = "firing", "the problem exists"
    RESOLVED = "resolved", "the problem is over"


class AlertCode(Word):
    """Problems an agent or its sidecar may raise."""

    AUTH_FAILURE = "auth-failure", "a credential of the agent was refused"
    CONFIG_INVALID = "config-invalid", "the agent's configuration does not validate"
    CRON_FAILURE = "cron-failure", "a scheduled job of the agent failed"
    DISK_PRESSURE = "disk-pressure", "the disk is nearly full"
    ENDPOINT_DOWN = "endpoint-down", "the health endpoint does not answer as it should"
    ERROR_RATE = "error-rate", "too many of the agent's calls fail"
    IDLE_COST = "idle-cost", "tokens are spent without user work"
    MEMORY_PRESSURE = "memory-pressure", "memory is nearly used up"
    PROCESS_DOWN = "process-down", "the agent's process is gone"
    QUEUE_BACKLOG = "queue-backlog", "work or messages pile up"
    RESTART_LOOP = "restart-loop", "the agent keeps dying after its start"
    RATE_LIMITED = "rate-limited", "a provider throttles the agent"
    UPDATE_AVAILABLE = "update-available", "a newer version of the agent exists"
    VERSION_DRIFT = "version-drift", "the running version is not the installed one"
    WORK_STALLED = "work-stalled", "running, but no useful work advances"


class HubAlertCode(Word):
    """Problems only the hub may raise; an agent that publishes one is rejected."""

    AGENT_LATE = "agent-late", "no bus heartbeat for 1.5 intervals"
    AGENT_STALE = "agent-stale", "no bus heartbeat for 2.5 intervals"
    AGENT_OFFLINE = "agent-offline", "the agent said or its last will says offline"
    AGENT_GHOST = "agent-ghost", "on the bus but not enrolled"
    AGENT_DEGRADED = (
        "agent-degraded",
        "unwell for some minutes without an alert of its own",
    )
    CLOCK_SKEW = "clock-skew", "the agent's clock is off"
    SEQ_GAP = "seq-gap", "messages of a session are missing"
    TELEMETRY_DISSENT = "telemetry-dissent", "two sources disagree about the agent"
    CONFIG_DRIFT = "config-drift", "configuration differs from the group or from before"
    AUDIT_VIOLATION = "audit-violation", "the audit found something that is not operations"
    BROKER_DOWN = "broker-down", "the hub has no link to the broker"
    HUB_DEAF = "hub-deaf", "the hub is linked, and yet cannot tell who is silent"
    CREDENTIAL_USED_TWICE = "credential-used-twice", "two programs take turns on one credential"
    ACL_OPEN = "acl-open", "the broker allows what it must forbid"
    HUB_CLOCK = "hub-clock", "the clock of the hub's own machine is not believed"
    STORE_DOWN = "store-down", "the hub's store is away or does not answer: nothing is taken in"
    CERTIFICATE_EXPIRY = "certificate-expiry", "a certificate of hub, broker or agent ends soon"
    FAILOVER = "failover", "the active role of its pair went from this agent to the other"
    FAILOVER_MANUAL = "failover-manual", "its pair has no active agent until a person decides"
    FAILOVER_FROZEN = "failover-frozen", "too much of the fleet is silent: no pair fails over"
    QUOTA_NEAR = (
        "quota-near",
        "a limit of tokens or cost is nearly used up, or soon will be",
    )
    CAPACITY_LOW = "capacity-low", "disk or memory is little, and will be full within days"
    SITE_LOST = "site-lost", "no hub of a site leads, or its broker is away: nothing is known of it"


class PairRole(Word):
    """What an agent is in its pair."""

    ACTIVE = "active", "has what the two share, such as a bot's token, as long as its lease lasts"
    STANDBY = "standby", "ready, and without it"
    PROMOTING = "promoting", "chosen to become active, once the other is fenced"
    FENCED = "fenced", "was active and may not be any more"
    MANUAL = "manual", "would become active, but a person must say so"


class Kind(Word):
    """The kinds of agents a sidecar knows."""

    OPENCLAW = "openclaw", "OpenClaw gateway"
    NANOBOT = "nanobot", "nanobot gateway"
    HERMES = "hermes", "Hermes gateway"
    ROCKBOT = "rockbot", "RockBot agent host"
    GENERIC = "generic", "any other process"


class Result(Word):
    """How a command ended at the agent."""

    DONE = "done", "carried out"
    FAILED = "failed", "tried, and it did not work"
    REJECTED = "rejected", "refused: signature, replay, target or rate"
    EXPIRED = "expired", "arrived after its time to live"
    UNSUPPORTED = "unsupported", "this agent has no such action configured"
    BUSY = "busy", "another command of this kind is running"


class ReplyCode(Word):
    """Why a command ended as it did; never prose."""

    OK = "ok", "nothing to add"
    NOT_CONFIGURED = "not-configured", "no local action is configured for this verb"
    ACTION_FAILED = "action-failed", "the local action reported failure"
    ACTION_TIMEOUT = "action-timeout", "the local action did not end in time"
    CONFIG_INVALID = "config-invalid", "the new configuration does not validate"
    TTL_EXPIRED = "ttl-expired", "older than its time to live"
    UNSIGNED = "unsigned", "a signature is required here"
    BAD_SIGNATURE = "bad-signature", "the signature does not match"
    UNKNOWN_KEY = "unknown-key", "signed with a key this agent does not trust"
    RATE_EXCEEDED = "rate-exceeded", "too many commands in too short a time"
    DATED_AHEAD = "dated-ahead", "dated more than five minutes ahead of this clock"
    OTHER_SESSION = "other-session", "not signed for this session: may have been carried out before"
    PROBE_FAILED = "probe-failed", "a probe could not be run"


class Notice(Word):
    """What the hub may announce to all."""

    HUB_ONLINE = "hub-online", "the hub is back: publish your birth again"
    HUB_OFFLINE = "hub-offline", "the hub goes away on purpose"
    MAINTENANCE_BEGIN = "maintenance-begin", "planned work starts: alerts are silenced"
    MAINTENANCE_END = "maintenance-end", "planned work is over"


class Priority(Word):
    """The order in which waiting commands are carried out."""

    NORMAL = "normal", "in its turn"
    HIGH = "high", "before normal"
    URGENT = "urgent", "before all others"


class Reason(Word):
    """Why a message was rejected; also the label of the reject counter."""

    TOO_LARGE = "too-large", "more than 4 KiB"
    NOT_UTF8 = "not-utf8", "not UTF-8 text"
    NOT_JSON = "not-json", "not JSON"
    NOT_OBJECT = "not-object", "JSON, but not one object"
    DUPLICATE_KEY = "duplicate-key", "a key stands twice in one object"
    NOT_FINITE = "not-finite", "NaN, Infinity or a number that no double can hold"
    UNKNOWN_FIELD = "unknown-field", "a field the contract does not have"
    MISSING_FIELD = "missing-field", "a required field is not there"
    WRONG_TYPE = "wrong-type", "a value of the wrong JSON type"
    UNKNOWN_WORD = "unknown-word", "a word outside the closed vocabulary"
    BAD_FORMAT = "bad-format", "a string that is not the timestamp, version, digest or id due here"
    OUT_OF_RANGE = "out-of-range", "a number outside its range"
    TOO_MANY = "too-many", "more entries than allowed"
    UNKNOWN_TOPIC = "unknown-topic", "a topic outside the contract"
    RETAINED_COMMAND = (
        "retained-command",
        "a command, notice, task or progress that was retained is poison",
    )
    UNTRUSTED = "untrusted", "a notice that no key of the hub signed, or one that is too old"
    PROPERTIES = "properties", "MQTT properties that carry text beside the payload"
    TOO_OFTEN = "too-often", "more of it than one agent may say in a day"
    TOO_PRECISE = (
        "too-precise",
        "a number of more than 17 digits, or more of more than three than a day may have",
    )
    BLANKS = "blanks", "more blanks between the words than somebody types"
