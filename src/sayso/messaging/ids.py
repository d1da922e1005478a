"""People whose WhatsApp ids changed, mostly because their number did: they stay the same contact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection

from sayso.channels.whatsapp.types import UserIdChange
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.contacts import addresses
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Source
from sayso.shops.tenancy import current_shop_id

Name = tuple[str, str]
"""Kind and value of an id: ``bsuid``, ``wa_id`` (digits)."""


def follow(changes: Iterable[UserIdChange]) -> None:
    """Give contacts of the current shop the ids they go by from now on. Needs a transaction with a shop.

    Who is meant is whoever holds one of the ids, the previous one first, else the number. Nobody is made: a person we do
    not know has nothing to follow. What was opted out of under the new id before the news came counts for the contact.
    """
    changes = list(changes)
    holders = _holders(changes)
    current: list[ContactChange] = []
    for change in changes:
        contact_id = next((holders[name] for name in _names(change) if name in holders), None)
        if contact_id is None:
            continue
        for name in (("bsuid", change.current_bsuid), ("wa_id", change.wa_id)):
            if name[1]:
                holders[name[0], name[1]] = contact_id  # the next change of the batch may begin where this one ends
        current.append(
            ContactChange(
                source=Source.INBOUND,
                at=change.at,
                contact_id=contact_id,
                bsuid=change.current_bsuid,
                wa_id=change.wa_id,
            )
        )
    if current:
        opted_out = _opted_out_elsewhere(current)
        apply(current, actor=Actor("customer"))
        record(opted_out)


def _names(change: UserIdChange) -> list[Name]:
    """What the person may be known by, the surest first."""
    named = [
        ("bsuid", change.previous_bsuid),
        ("wa_id", change.previous_wa_id),
        ("bsuid", change.current_bsuid),
        ("wa_id", change.wa_id),
        ("phone", change.previous_wa_id),
        ("phone", change.wa_id),
    ]
    return [(kind, value) for kind, value in named if value]


def _holders(changes: Sequence[UserIdChange]) -> dict[Name, int]:
    """Who goes by these names; of several whoever does so still, of these the oldest."""
    names = {name for change in changes for name in _names(change)}
    shop_id = current_shop_id()
    secret = addresses.shop_secret(shop_id)
    numbers = {addresses.phone_key(secret, f"+{value}"): value for kind, value in names if kind == "phone"}
    holders: dict[Name, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select i.kind, i.value, i.contact_id from identity i join unnest(%s::text[], %s::text[]) as n(kind, value)"
            " on i.kind = n.kind and i.value = n.value where i.shop_id = %s order by i.former, i.contact_id",
            [[kind for kind, _ in names], [value for _, value in names], shop_id],
        )
        for kind, value, contact_id in cursor.fetchall():
            holders.setdefault((kind, value), contact_id)
        cursor.execute(
            "select phone_key, id from contact where shop_id = %s and phone_key = any(%s::bytea[])"
            " and redacted_at is null and deleted_at is null order by id",
            [shop_id, list(numbers)],
        )
        for key, contact_id in cursor.fetchall():
            holders.setdefault(("phone", numbers[bytes(key)]), contact_id)
    return holders


def _opted_out_elsewhere(changes: Sequence[ContactChange]) -> list[ConsentEvent]:
    """A STOP under the new id may come before the news of it, and then it made a contact of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select n.contact_id, s.phone_out_at, i.contact_id
            from unnest(%s::bigint[], %s::text[]) as n(contact_id, bsuid)
            join identity i on i.kind = 'bsuid' and i.value = n.bsuid and i.contact_id <> n.contact_id and not i.former
            join consent_state s on s.shop_id = i.shop_id and s.contact_id = i.contact_id
            where i.shop_id = %s and s.phone_out_at is not null""",
            [[change.contact_id for change in changes], [change.bsuid for change in changes], current_shop_id()],
        )
        return [
            ConsentEvent(
                contact_id=contact_id,
                channel=Channel.WHATSAPP,
                event="OPT_OUT",
                occurred_at=at,
                source="stop_reply",
                evidence={"reference": f"contact {other}, the same person under the new WhatsApp user id"},
            )
            for contact_id, at, other in cursor.fetchall()
        ]
