"""Customers of the store, brought through both doors: what is known of them, and what they agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sayso.commerce.apply import link_waiting
from sayso.consent import checkout, inferred
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.follow import invalid_phones
from sayso.consent.record import record
from sayso.contacts.apply import Actor, Applied, apply
from sayso.contacts.changes import ContactChange
from sayso.contacts.phones import PhoneStatus

from . import echoes, writeback_queue
from .consent_values import ConsentReading
from .coverage import Covered, covered
from .unchanged import unchanged
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
    """Apply customers and their consents in the caller's transaction; ``bulk`` marks an import, whose readings are whole.

    Answers one :class:`Applied` a reading, in the same order. Repeating it, or applying an older reading later, changes
    nothing.
    """
    held = unchanged(readings) if bulk else {}
    news = [reading for number, reading in enumerate(readings) if number not in held] if held else readings
    applied = apply((change for change, _ in news), actor=ACTOR, bulk=bulk, follow=False)
    said = [
        (result.contact_id, change, consent)
        for result, (change, consents) in zip(applied, news, strict=True)
        for consent in consents
    ]
    said = echoes.news(said)
    contacts = [result.contact_id for result in applied]
    record([*_events(said, covered(said)), *invalid_phones(applied)], bulk=bulk, contacts=contacts, report=False)
    writeback_queue.push_standing(said)
    inferred.infer([*contacts, *held.values()], bulk=bulk)
    link_waiting(applied)
    if not bulk:  # an import reads the orders afterwards
        checkout.bind(contact_id for contact_id, _, consent in said if consent.state in _WITH_EVIDENCE)
    counts = Counts(
        seen=len(readings),
        created=sum(result.created for result in applied),
        updated=sum(result.updated for result in applied),
        invalid=_unreachable(zip(applied, news, strict=True)),
    )
    return _in_their_order(applied, held), counts


def _in_their_order(applied: Sequence[Applied], held: dict[int, int]) -> list[Applied]:
    rest = iter(applied)
    return [
        Applied(held[number], created=False, updated=False, moved=False, phone_status=None)
        if number in held
        else next(rest)
        for number in range(len(applied) + len(held))
    ]


def _events(said: Sequence[tuple[int, ContactChange, ConsentReading]], both: Covered) -> Iterator[ConsentEvent]:
    for contact_id, change, consent in said:
        event = _event(contact_id, change, consent)
        wording = both.get(contact_id) if consent.channel is Channel.SMS else None
        if wording is not None:
            event.wording_version, event.language = wording.name, wording.language
            event.evidence["wording"] = wording.text
            # Of WhatsApp itself Shopify said nothing, so this is no reading of its value.
            yield replace(event, channel=Channel.WHATSAPP, shop_value=None)
        yield event


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
