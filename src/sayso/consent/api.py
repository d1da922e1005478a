"""Consent as the REST API writes and reads it: states, the ledger, and statements with proof."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.utils import timezone
from ninja import Router, Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from sayso.contacts.models import Contact
from sayso.shops.api import (
    DEFAULT_LIMIT,
    ApiRequest,
    Cursor,
    Id,
    InvalidField,
    Limit,
    Scope,
    Text,
    missing,
    read_cursor,
    write_cursor,
)

from . import history, queries
from .events import Channel, ConsentEvent, Outcome
from .models import ConsentState, Evidence, LedgerEntry
from .record import record

router = Router(tags=["Consent"])

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _past(at: datetime) -> datetime:
    if at > timezone.now():
        raise ValueError("lies in the future; what will be known then is not known yet")
    return at


class ConsentIn(Schema):
    """What the person said on one channel. An opt-in needs its time and a proof; it never overrides an opt-out."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel
    state: Literal["SUBSCRIBED", "UNSUBSCRIBED"]
    occurred_at: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)] | None = Field(
        None, description="When the person acted. Needed for SUBSCRIBED; for UNSUBSCRIBED the default is now."
    )
    source_text: Annotated[Text, Field(max_length=2000)] | None = Field(None, description="Where and how it was given.")
    wording: Annotated[Text, Field(max_length=5000)] | None = Field(None, description="What the person agreed to.")
    reference: Annotated[Text, Field(max_length=500)] | None = Field(None, description="Your record of it.")

    def shortcomings(self, name: str) -> Iterable[InvalidField]:
        """What an opt-in lacks to be one with proof."""
        if self.state == "UNSUBSCRIBED":
            return
        if self.occurred_at is None:
            yield InvalidField(name=f"{name}.occurred_at", code="missing_parameter", reason="an opt-in needs its time")
        if not any(text and text.strip() for text in (self.source_text, self.wording, self.reference)):
            reason = "an opt-in needs a proof: source_text, wording or reference"
            yield InvalidField(name=f"{name}.wording", code="missing_parameter", reason=reason)

    def event(self, contact_id: int, address: str | None, *, token: str, now: datetime) -> ConsentEvent:
        """``address`` is the one that the same item gave, if it did."""
        said = {"source_text": self.source_text, "wording": self.wording, "reference": self.reference}
        return ConsentEvent(
            contact_id=contact_id,
            channel=self.channel,
            event="API_WITH_PROOF" if self.state == "SUBSCRIBED" else "OPT_OUT",
            occurred_at=self.occurred_at or now,
            source="api",
            actor_kind="staff",
            address=address,
            evidence={name: text for name, text in said.items() if text} | {"actor_id": token},
        )


class ConsentResult(Schema):
    """What the ledger made of one statement."""

    channel: Channel
    outcome: str = Field(description="`ACCEPTED`, `NO_CHANGE` or `REFUSED`.")
    state: str = Field(description="The state afterwards.")
    refusal_code: str | None
    ledger_id: int | None


class ChannelState(Schema):
    channel: str
    state: str = Field(description="One of the seven states, `UNKNOWN` where nothing was ever said.")
    since: datetime | None
    source: str | None
    basis: str | None


class Entry(Schema):
    """One entry of the ledger."""

    id: int
    channel: str
    event: str
    outcome: str
    refusal_code: str | None
    from_state: str
    to_state: str
    occurred_at: datetime | None
    recorded_at: datetime
    source: str
    basis: str | None
    wording_version: str | None
    language: str | None
    actor_kind: str
    caused_by: int | None
    evidence: list[dict[str, Any]] = Field(description="Empty where there was none, or where it was erased.")
    prev_hash: str | None = Field(description="Hexadecimal SHA-256 of the contact's previous entry.")
    hash: str


class ConsentOut(Schema):
    contact_id: int
    consents: list[ChannelState]
    ledger: list[Entry] = Field(description="Newest first.")
    next_cursor: str | None


def states_of(contact_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """Contact id → its :class:`ChannelState` s, for a page of contacts in one query."""
    rows = ConsentState.objects.in_bulk(list(contact_ids))
    facts = ("state", "since", "source", "basis")
    return {
        contact_id: [
            {"channel": channel.value} | {fact: getattr(row, f"{channel}_{fact}") for fact in facts}
            for channel in Channel
        ]
        for contact_id, row in rows.items()
    }


def unknown_states() -> list[dict[str, Any]]:
    """The states of a contact of whom nothing is known."""
    return [vars(one) for one in (queries.ChannelConsent(channel.value, "UNKNOWN") for channel in Channel)]


def record_all(events: list[ConsentEvent]) -> list[ConsentResult]:
    """Record and answer in the order of ``events``, though the ledger takes a contact's in the order of their times."""
    outcomes: dict[tuple[int, str, str], list[Outcome]] = defaultdict(list)
    for outcome in record(events):
        outcomes[outcome.contact_id, outcome.channel, outcome.event].append(outcome)
    results: dict[int, ConsentResult] = {}
    for position, event in sorted(enumerate(events), key=lambda one: one[1].occurred_at or LATEST):
        # An opt-in that must be confirmed goes by another name in the ledger.
        entries = (
            outcomes[event.contact_id, event.channel, event.event]
            or outcomes[event.contact_id, event.channel, "OPT_IN_UNCONFIRMED"]
        )
        entry = entries.pop(0) if len(entries) > 1 else entries[0]
        results[position] = ConsentResult(
            channel=event.channel,
            outcome=entry.outcome,
            state=entry.to_state.value,
            refusal_code=entry.refusal_code,
            ledger_id=entry.ledger_id,
        )
    return [results[position] for position in range(len(events))]


@router.get(
    "/contacts/{contact_id}/consent",
    response=ConsentOut,
    auth=Scope("consent.view"),
    summary="Consent of a contact",
    operation_id="get_consent",
)
def get_consent(
    request: ApiRequest,
    contact_id: Id,
    at: Annotated[AwareDatetime, Field(ge=EARLIEST), AfterValidator(_past)] | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """The state of each channel, and the ledger that it follows from, newest entry first. With `at`: as it was known at
    that moment, from what had been recorded by then."""
    if not Contact.objects.filter(pk=contact_id).exists():
        raise missing(f"contact {contact_id}")
    position = read_cursor(cursor, int)
    entries = queries.history(contact_id, before=position[0] if position else None, limit=limit + 1, until=at)
    more, entries = len(entries) > limit, entries[:limit]
    return {
        "contact_id": contact_id,
        "consents": [
            vars(one) for one in (history.states_at(contact_id, at) if at else queries.of_contact(contact_id))
        ],
        "ledger": _readable(entries),
        "next_cursor": write_cursor(entries[-1].pk) if more else None,
    }


def _readable(entries: list[LedgerEntry]) -> list[dict[str, Any]]:
    evidence: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in Evidence.objects.filter(ledger_id__in=[entry.pk for entry in entries]).order_by("id"):
        evidence[one.ledger_id].append(json.loads(one.data) if one.data else {})
    same = [name for name in Entry.model_fields if name not in {"evidence", "hash", "prev_hash"}]
    return [
        {name: getattr(entry, name) for name in same}
        | {
            "evidence": evidence[entry.pk],
            "hash": bytes(entry.hash).hex(),
            "prev_hash": bytes(entry.prev_hash).hex() if entry.prev_hash else None,
        }
        for entry in entries
    ]
