"""Customers of the store, brought through both doors: what is known of them, and what they agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sayso.commerce.apply import link_waiting
from sayso.consent import inferred
from sayso.consent.events import ConsentEvent, State
from sayso.consent.follow import invalid_phones
from sayso.consent.record import record
from sayso.contacts.apply import Actor, Applied, apply
from sayso.contacts.changes import ContactChange
from sayso.contacts.phones import PhoneStatus

from .consent_values import ConsentReading
from .wire import Reading

ACTOR = Actor("shop", "shopify")
_WITH_EVIDENCE = frozenset({State.SUBSCRIBED, State.PENDING})


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a batch. ``invalid``: cannot be reached at all, or could not be read."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    invalid: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.seen + other.seen,
            self.created + other.created,
            self.updated + other.updated,
            self.invalid + other.invalid,
        )


def apply_readings(readings: Sequence[Reading], *, bulk: bool = False) -> tuple[list[Applied], Counts]:
    """Apply customers and their consents in the caller's transaction; ``bulk`` marks an import.

    Answers one :class:`Applied` a reading, in the same order. Repeating it, or applying an older reading later, changes
    nothing.
    """
    applied = apply((change for change, _ in readings), actor=ACTOR, bulk=bulk, follow=False)
    events = [
        _event(result.contact_id, change, consent)
        for result, (change, consents) in zip(applied, readings, strict=True)
        for consent in consents
    ]
    events += invalid_phones(applied)
    contacts = [result.contact_id for result in applied]
    record(events, bulk=bulk, contacts=contacts, report=False)
    inferred.infer(contacts, bulk=bulk)
    link_waiting(applied)
    return applied, Counts(
        seen=len(applied),
        created=sum(result.created for result in applied),
        updated=sum(result.updated for result in applied),
        invalid=_unreachable(zip(applied, readings, strict=True)),
    )


def _event(contact_id: int, change: ContactChange, consent: ConsentReading) -> ConsentEvent:
    evidence = {}
    if consent.state in _WITH_EVIDENCE:
        given = {
            "opt_in_level": consent.opt_in_level,
            "collected_from": consent.collected_from,
            "reference": str(change.shopify_customer_id),
        }
        evidence = {name: value for name, value in given.items() if value}
    return ConsentEvent(
        contact_id=contact_id,
        channel=consent.channel,
        event=consent.event,
        occurred_at=consent.at,
        source="shopify",
        actor_kind="shop",
        basis="DOUBLE_OPT_IN" if consent.opt_in_level == "CONFIRMED_OPT_IN" else None,
        shop_value=consent.state,
        address=consent.address,
        evidence=evidence,
    )


def _unreachable(pairs: Iterable[tuple[Applied, Reading]]) -> int:
    """Features §8.2: neither phone nor e-mail usable. The contact is kept, and counted."""
    return sum(
        1
        for result, (change, _) in pairs
        if change.profile is not None
        and change.fields is None
        and not change.profile.email
        and result.phone_status in (None, PhoneStatus.IMPOSSIBLE)
    )
