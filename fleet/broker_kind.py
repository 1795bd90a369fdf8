"""What the broker of a home is, and so who makes accounts at it."""

from __future__ import annotations

from fleet.contract.vocabulary import Word


class BrokerKind(Word):
    """The values of the setting `broker_kind`."""

    MOSQUITTO = "mosquitto", "Mosquitto with dynamic security: fleet makes the accounts"
    NATS = "nats", "NATS: you make the accounts, in its configuration"
    EMQX = "emqx", "EMQX: you make the accounts, in its database"
    OTHER = "other", "another broker, or a static ACL: you make the accounts"
    EMBEDDED = "embedded", "the embedded one of this home, without accounts: for a first look"

    @property
    def has_enrolment(self) -> bool:
        """Whether `fleet agent` makes, proves and ends accounts there."""
        return self is BrokerKind.MOSQUITTO
