"""What people write to us, and the switches they turn in WhatsApp."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.db import connection

from sayso.channels.whatsapp.types import InboundMessage, Person, PreferenceChange
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.consent.words import is_opt_out
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.tenancy import current_shop_id


def receive(messages: Iterable[InboundMessage], *, sender_id: int | None) -> None:
    """Take inbound messages of the current shop. Needs a transaction with a shop; a message twice is taken once.

    Whoever is unknown becomes a minimal contact without consent. An opt-out word counts before anything else reacts.
    """
    fresh = _unseen(list(messages))
    if not fresh:
        return
    contacts = _contacts([(message.sender, message.at, True) for message in fresh])
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into message (shop_id, contact_id, channel, direction, origin, sender_id, body, status, provider_id,
                queued_at)
            select %s, u.contact_id, 'whatsapp', 'IN', 'INBOX', %s, u.body, 'RECEIVED', u.provider_id, u.at
            from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) as u(contact_id, body, provider_id, at)""",
            [
                current_shop_id(), sender_id, contacts, [message.text or f"[{message.kind}]" for message in fresh],
                [message.id for message in fresh], [message.at or datetime.now(UTC) for message in fresh],
            ],
        )  # fmt: skip
        cursor.execute(
            """insert into event (shop_id, kind, contact_id, occurred_at, actor_kind, origin)
            select %s, 'message.created', u.contact_id, u.at, 'customer', 'whatsapp'
            from unnest(%s::bigint[], %s::timestamptz[]) as u(contact_id, at)""",
            [current_shop_id(), contacts, [message.at or datetime.now(UTC) for message in fresh]],
        )
    record(
        _consent(message, contact) for message, contact in zip(fresh, contacts, strict=True) if _says_something(message)
    )


def _unseen(messages: list[InboundMessage]) -> list[InboundMessage]:
    """Each provider id once, without those we have. Meta delivers again for days."""
    by_id = {message.id: message for message in messages}
    with connection.cursor() as cursor:
        cursor.execute("select provider_id from message where provider_id = any(%s)", [list(by_id)])
        for (known,) in cursor.fetchall():
            by_id.pop(known, None)
    return list(by_id.values())


def _contacts(people: Sequence[tuple[Person, datetime | None, bool]]) -> list[int]:
    """The contact of each person, made where there is none."""
    changes = []
    for person, at, wrote in people:
        phone = f"+{person.wa_id.lstrip('+')}" if person.wa_id else None
        first, _, last = (person.name or "").partition(" ")
        changes.append(
            ContactChange(
                source=Source.INBOUND,
                at=at,
                wa_id=person.wa_id,
                bsuid=person.bsuid,
                profile=Profile(first_name=first or None, last_name=last or None, phone=phone),
                fields=frozenset(),  # finds a contact and fills a new one; what the shop says of a known one stands
                message_received_at=at if wrote else None,
            )
        )
    return [applied.contact_id for applied in apply(changes, actor=Actor("customer"))]


def _says_something(message: InboundMessage) -> bool:
    return is_opt_out(message.text, message.payload)


def _consent(message: InboundMessage, contact_id: int) -> ConsentEvent:
    return ConsentEvent(
        contact_id=contact_id,
        channel=Channel.WHATSAPP,
        event="OPT_OUT",
        occurred_at=message.at,
        source="stop_reply",
        evidence={"reference": message.id, "text": message.text or "", "payload": message.payload or ""},
    )


PREFERENCES = {"stop": "OPT_OUT", "resume": "RESUME"}
"""Meta's word → our event. Other words have no effect."""


def prefer(changes: Iterable[PreferenceChange]) -> None:
    """Take what people chose with WhatsApp's own switch for marketing messages."""
    meant = [change for change in changes if change.value in PREFERENCES]
    contacts = _contacts([(change.person, change.at, False) for change in meant])
    record(
        ConsentEvent(
            contact_id=contact,
            channel=Channel.WHATSAPP,
            event=PREFERENCES[change.value],
            occurred_at=change.at,
            source="meta_user_preferences",
            evidence={"detail": change.detail or ""},
        )
        for change, contact in zip(meant, contacts, strict=True)
    )
