"""Customers of the store, brought through both doors: what is known of them, and what they agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sayso.audience.assign import link
from sayso.commerce.apply import link_waiting
from sayso.consent import checkout, inferred
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.follow import invalid_phones
from sayso.consent.models import ConsentState
from sayso.consent.record import record
from sayso.contacts import merge
from sayso.contacts.apply import Actor, Applied, apply, phone_statuses
from sayso.contacts.changes import ContactChange
from sayso.contacts.models import Contact
from sayso.contacts.phones import PhoneStatus

from . import options, wire
from .consent_values import ConsentReading
from .coverage import Covered, covered
from .importing.counts import Counts, Problem
from .importing.unchanged import unchanged
from .types import Customer
from .wire import Reading
from .writeback import echoes
from .writeback import queue as writeback_queue

__all__ = ["ACTOR", "Counts", "apply_readings"]

ACTOR = Actor("shop", "shopify")
_WITH_EVIDENCE = frozenset({State.SUBSCRIBED, State.PENDING})
_TAKES_AWAY = frozenset({State.UNSUBSCRIBED, State.REDACTED})


def apply_readings(readings: Sequence[Reading], *, bulk: bool = False) -> tuple[list[Applied], Counts]:
    """Apply customers and their consents in the caller's transaction; ``bulk`` marks an import.

    Answers one :class:`Applied` a reading, in the same order; one whose contact id is 0 made none, for the shop does not
    take contacts from its store. Repeating it, or applying an older reading later, changes
    nothing.
    """
    if not options.syncing():
        return _obey_alone(readings, bulk=bulk)
    applied = apply((change for change, _ in readings), actor=ACTOR, bulk=bulk, follow=False)
    said = [
        (result.contact_id, change, consent)
        for result, (change, consents) in zip(applied, readings, strict=True)
        for consent in consents
    ]
    contacts = [result.contact_id for result in applied]
    part_of = merge.bring_along(contacts)
    said = echoes.news(said)
    events = [*_events(said, covered(said)), *_late_opt_outs(said, part_of), *invalid_phones(applied)]
    record(events, bulk=bulk, contacts=contacts, report=False)
    writeback_queue.push_standing(said, bulk=bulk)
    inferred.infer(contacts, bulk=bulk)
    link_waiting(applied)
    if part_of:
        merge.bring_along(part_of)  # orders that waited for the customer
    if not bulk:  # an import reads the orders afterwards, and the segments
        link(applied)
        checkout.bind(contact_id for contact_id, _, consent in said if consent.state in _WITH_EVIDENCE)
    problems = _problems(
        (result.contact_id, change, result.phone_status) for result, (change, _) in zip(applied, readings, strict=True)
    )
    created = [result.contact_id for result in applied if result.created]
    updated = [result.contact_id for result in applied if result.updated]
    counts = Counts(
        seen=len(readings),
        created=len(created),
        updated=len(updated),
        invalid=_invalid(problems),
        created_ids=created,
        updated_ids=updated,
        problems=problems,
    )
    return applied, counts


def import_customers(customers: Sequence[Customer]) -> Counts:
    """Apply lines of a bulk file in the caller's transaction. Whose line holds nothing new is only looked up."""
    held = unchanged(customers) if options.syncing() else {}
    inferred.infer([known.contact_id for known in held.values()], bulk=True)
    silent = [
        (known.contact_id, wire.customer(customers[number])[0]) for number, known in held.items() if not known.addressed
    ]
    statuses = phone_statuses([change for _, change in silent])
    problems = _problems((*one, status) for one, status in zip(silent, statuses, strict=True))
    same = Counts(seen=len(held), invalid=_invalid(problems), problems=problems)
    news = [wire.customer(customer) for number, customer in enumerate(customers) if number not in held]
    return same + apply_readings(news, bulk=True)[1] if news else same


def _obey_alone(readings: Sequence[Reading], *, bulk: bool) -> tuple[list[Applied], Counts]:
    """Where the shop does not take contacts from the store: none is made or changed. What the store says of those there
    are is still obeyed where it takes something away: opt-outs, erasures, and that somebody was deleted."""
    named = {change.shopify_customer_id for change, _ in readings}
    known: dict[int | None, int] = dict(
        Contact.objects.filter(shopify_customer_id__in=named).values_list("shopify_customer_id", "pk")
    )
    kept = [(change, consents) for change, consents in readings if change.shopify_customer_id in known]
    apply([change for change, _ in kept if change.deleted], actor=ACTOR, bulk=bulk)
    said = [
        (known[change.shopify_customer_id], change, consent)
        for change, consents in kept
        for consent in consents
        if consent.state in _TAKES_AWAY
    ]
    part_of = merge.bring_along({contact_id for contact_id, _, _ in said})
    said = echoes.news(said)
    record([*_events(said, {}), *_late_opt_outs(said, part_of)], bulk=bulk, report=False)
    untouched = [
        Applied(known.get(change.shopify_customer_id, 0), created=False, updated=False, moved=False, phone_status=None)
        for change, _ in readings
    ]
    return untouched, Counts(seen=len(readings))


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


def _late_opt_outs(
    said: Sequence[tuple[int, ContactChange, ConsentReading]], part_of: dict[int, merge.Survivor]
) -> Iterator[ConsentEvent]:
    """An opt-out that is told late of a customer who was merged away is one of the survivor, at the time of the merge: as
    it would have been, had it come in time. What else is told of them the store has united itself."""
    outs = [one for one in said if one[0] in part_of and one[2].state is State.UNSUBSCRIBED] if part_of else []
    states = ConsentState.objects.in_bulk([part_of[contact_id].contact_id for contact_id, _, _ in outs]) if outs else {}
    for contact_id, change, consent in outs:
        survivor = part_of[contact_id]
        state = states.get(survivor.contact_id)
        if state is None or getattr(state, f"{consent.channel}_state") != State.UNSUBSCRIBED:
            event = _event(survivor.contact_id, change, consent)
            # Of the survivor itself Shopify said nothing, so this is no reading of its value.
            yield replace(event, occurred_at=max(consent.at or survivor.since, survivor.since), shop_value=None)


def _problems(told: Iterable[tuple[int, ContactChange, PhoneStatus | None]]) -> list[Problem]:
    """Features §8.2: neither phone nor e-mail usable. The contact is kept, and counted. A number that cannot be one
    beside an e-mail address is only told."""
    found = []
    for contact_id, change, phone in told:
        if change.profile is None or change.fields is not None:
            continue
        impossible = phone is PhoneStatus.IMPOSSIBLE
        if not change.profile.email and (impossible or phone is None):
            code = "IMPOSSIBLE_PHONE" if impossible else "NO_ADDRESS"
        elif impossible:
            code = "PHONE_LEFT_OUT"
        else:
            continue
        found.append(Problem(code, str(change.shopify_customer_id or ""), contact_id))
    return found


def _invalid(problems: Sequence[Problem]) -> int:
    return sum(problem.code != "PHONE_LEFT_OUT" for problem in problems)
