"""The door through which every consent event passes.

Events are staged one row a contact and round; ``sql/30_record.sql`` decides inside the database, from the transition
table, and is the only writer of state, ledger, evidence and suppression.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from django.db import connection

from sayso.contacts import addresses
from sayso.shops import staging
from sayso.shops.tenancy import current_shop_id

from .events import PHONE_CHANNELS, Channel, ConsentEvent, Outcome, State
from .transitions import effect_of
from .transitions import events as known_events

SLOT = ("event", "at", "shop_value", "key", "basis", "evidence")
COLUMNS = (
    "run", "contact_id", "round", "source", "actor_kind", "wording_version", "language", "caused_by", "topic", "merged",
    *(f"{channel}_{name}" for channel in Channel for name in SLOT),
)  # fmt: skip
EMPTY_SLOT = "\t".join(["\\N"] * len(SLOT))
NOTHING_SHARED = (None,) * 7
LAST_OF_ALL = datetime.max.replace(tzinfo=UTC)


def record(
    events: Iterable[ConsentEvent], *, bulk: bool = False, contacts: Sequence[int] = (), report: bool = True
) -> list[Outcome]:
    """Record events of the current shop's contacts and answer what the ledger made of them, oldest entry first.

    Needs a transaction with a shop. Every attempt leaves one ledger entry, accepted or refused; a repeated reading of
    an unchanged value of the shop's platform leaves none. An opt-out adds entries for everybody who holds the address,
    and in a phone channel for the other one; they are answered too. ``contacts`` are looked at even without an event:
    their addresses may have changed, or may be suppressed. ``report=False`` answers an empty list.

    Raises ValueError for an event that the transition table does not know, for a topic event without a topic and for
    two merges into one contact; nothing is recorded then. Raises django.db.IntegrityError where a redacted contact
    would become part of another.
    """
    shop_id = current_shop_id()
    secret = addresses.shop_secret(shop_id)
    run = staging.new_run()
    lines = list(_lines(run, events, contacts, secret))
    if not lines:
        return []
    staging.copy_in("consent", COLUMNS, lines)
    with connection.cursor() as cursor:
        cursor.execute("select nextval(pg_get_serial_sequence('public.consent_ledger', 'id'))")
        (before,) = cursor.fetchone()
        cursor.execute("select consent_record(%s, %s)", [run, bulk])
        outcomes = _outcomes(cursor, before, run) if report else []
    _tell_open_pages(shop_id, outcomes)
    staging.drop_run(run, "consent")
    return outcomes


def _lines(run: int, events: Iterable[ConsentEvent], contacts: Sequence[int], secret: bytes) -> Iterable[str]:
    """Staged rows: events of one contact that share their circumstances and differ in channel go into one round, the
    older first ("several values read at once are applied in the order of their own times")."""
    by_contact: dict[int, list[ConsentEvent]] = defaultdict(list)
    for event in events:
        _check(event)
        by_contact[event.contact_id].append(event)
    for contact_id, own in by_contact.items():
        if len(own) > 1:
            own.sort(key=lambda event: event.occurred_at or LAST_OF_ALL)
            if sum(event.merged is not None for event in own) > 1:
                raise ValueError(f"two merges into contact {contact_id} at once")
        number, shared = 0, None
        slots: dict[Channel, str] = {}
        for event in own:
            circumstances = (
                event.source, event.actor_kind, event.wording_version, event.language, event.caused_by, event.topic,
                event.merged,
            )  # fmt: skip
            if slots and (event.channel in slots or circumstances != shared):
                number += 1
                yield _line(run, contact_id, number, shared, slots)
                slots = {}
            shared = circumstances
            slots[event.channel] = _slot(event, secret)
        yield _line(run, contact_id, number + 1, shared, slots)
    nothing: dict[Channel, str] = {}
    for contact_id in contacts:
        if contact_id not in by_contact:
            yield _line(run, contact_id, 1, NOTHING_SHARED, nothing)


def _check(event: ConsentEvent) -> None:
    if event.event not in known_events():
        raise ValueError(f"unknown consent event {event.event!r}")
    if (event.topic is not None) != (effect_of(event.event) == "topic"):
        raise ValueError(f"{event.event} and topic {event.topic!r} do not go together")
    if (event.merged is not None) != (event.event == "MERGE"):
        raise ValueError(f"{event.event} and merged contact {event.merged!r} do not go together")


def _line(run: int, contact_id: int, number: int, shared: tuple | None, slots: dict[Channel, str]) -> str:
    source, actor_kind, wording_version, language, caused_by, topic, merged = shared or NOTHING_SHARED
    text = staging.text
    return (
        f"{run}\t{contact_id}\t{number}\t{text(source)}\t{text(actor_kind)}\t{text(wording_version)}\t{text(language)}\t"
        f"{staging.number(caused_by)}\t{text(topic)}\t{staging.number(merged)}\t"
        + "\t".join(slots.get(channel, EMPTY_SLOT) for channel in Channel)
    )


def _slot(event: ConsentEvent, secret: bytes) -> str:
    key = None
    if event.address:
        hashing = addresses.phone_key if event.channel in PHONE_CHANNELS else addresses.email_key
        key = hashing(secret, event.address)
    evidence = msgspec.json.encode(event.evidence, order="sorted").decode() if event.evidence else None
    text = staging.text
    return (
        f"{event.event}\t{staging.moment(event.occurred_at)}\t{text(event.shop_value)}\t{staging.binary(key)}\t"
        f"{text(event.basis)}\t{text(evidence)}"
    )


def _outcomes(cursor, before: int, run: int) -> list[Outcome]:
    cursor.execute(
        """select contact_id, channel, event, outcome, from_state, to_state, refusal_code, id from consent_ledger
        where id > %s and xid = pg_current_xact_id()
        and contact_id = any(array(select contact_id from staging.consent where run = %s)) order by id""",
        [before, run],
    )
    return [
        Outcome(contact, Channel(channel), event, outcome, State(was), State(now), code, id)
        for contact, channel, event, outcome, was, now, code, id in cursor.fetchall()
    ]


def _tell_open_pages(shop_id: int, outcomes: list[Outcome]) -> None:
    changed = sorted({outcome.contact_id for outcome in outcomes if outcome.from_state != outcome.to_state})
    if changed:
        notice = {"shop": shop_id, "contacts": changed if len(changed) <= 50 else "many"}
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify('sayso_live', %s)", [json.dumps(notice)])
