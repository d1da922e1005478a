"""A consent event, in the one form that :func:`sayso.consent.record.record` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Channel(StrEnum):
    WHATSAPP = "whatsapp"
    SMS = "sms"
    EMAIL = "email"


PHONE_CHANNELS = (Channel.WHATSAPP, Channel.SMS)


class State(StrEnum):
    """The seven states (features §6.2)."""

    UNKNOWN = "UNKNOWN"
    NOT_SUBSCRIBED = "NOT_SUBSCRIBED"
    PENDING = "PENDING"
    SUBSCRIBED = "SUBSCRIBED"
    UNSUBSCRIBED = "UNSUBSCRIBED"
    INVALID = "INVALID"
    REDACTED = "REDACTED"


@dataclass(slots=True)
class ConsentEvent:
    """What somebody said about one channel of one contact.

    ``event`` is a row of ``transitions.csv``. ``occurred_at`` is when the person acted, not when we heard; None for an
    opt-in without a time. ``address`` is the address the event speaks of, where the source says (E.164 or e-mail); an
    opt-in for another address than the contact has now does not count. ``evidence`` is whatever can name a person.
    """

    contact_id: int
    channel: Channel
    event: str
    occurred_at: datetime | None
    source: str
    actor_kind: str = "customer"
    basis: str | None = None
    shop_value: str | None = None  # the platform's own word, for SHOP_* events: equal readings are no event
    address: str | None = None
    topic: str | None = None  # of TOPIC_ON and TOPIC_OFF: the key of a topic
    merged: int | None = None  # of MERGE: the contact that became part of this one; it concerns every channel
    wording_version: str | None = None
    language: str | None = None
    caused_by: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Outcome:
    """What the ledger made of one event."""

    contact_id: int
    channel: Channel
    event: str
    outcome: str  # ACCEPTED, NO_CHANGE, REFUSED
    from_state: State
    to_state: State
    refusal_code: str | None
    ledger_id: int
