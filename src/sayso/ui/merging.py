"""What a merge would give: it is carried out, looked at, and taken back, so that nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q

from sayso.consent import queries as consent
from sayso.consent.events import Channel
from sayso.contacts import merge
from sayso.contacts.apply import Actor
from sayso.contacts.models import Contact, ContactMerge

from . import contact_list

OFFERED = 12
FIELDS = (
    ("Name", "full_name"),
    ("E-mail", "email"),
    ("Phone", "phone"),
    ("Place", "place"),
    ("Tags", "tag_list"),
    ("Own number", "external_customer_id"),
    ("Excluded from messaging", "excluded_word"),
)
FOLLOW = {"orders": "order", "message": "message"}


@dataclass(frozen=True)
class Line:
    """One fact: of the one that stays, of the other, and what stays."""

    title: str
    survivor: str
    merged: str
    result: str


@dataclass(frozen=True)
class ConsentLine:
    """The state of one channel, likewise."""

    channel: str
    survivor: str
    merged: str
    result: str


@dataclass(frozen=True)
class Outlook:
    """What a merge would give."""

    survivor: Contact
    merged: Contact
    lines: list[Line]
    consents: list[ConsentLine]
    follow: list[str]  # "3 orders"


class _LookedAt(Exception):
    """Ends the transaction of an outlook."""


def outlook(one: Contact, other: Contact) -> Outlook:
    """Needs the shop's transaction, which stays as it was. Raises :class:`sayso.contacts.merge.Refused`."""
    survivor, merged = merge.survivor_of(one, other)
    before = [_facts(survivor), _facts(merged)]
    states = [_states(survivor.pk), _states(merged.pk)]
    try:
        with transaction.atomic():
            number = merge.merge(
                survivor.pk, merged.pk, cause=ContactMerge.Cause.STAFF, actor=Actor("system", "outlook")
            )
            after, then = _facts(Contact.objects.get(pk=survivor.pk)), _states(survivor.pk)
            moved = ContactMerge.objects.get(pk=number).moved
            raise _LookedAt
    except _LookedAt:
        pass
    except IntegrityError as error:
        raise merge.Refused("REDACTED") from error
    lines = [
        Line(title, before[0][name], before[1][name], after[name])
        for title, name in FIELDS
        if before[0][name] or before[1][name]
    ]
    consents = [ConsentLine(channel, states[0][channel], states[1][channel], then[channel]) for channel in Channel]
    follow = [
        f"{len(moved[table])} {word}{'s' if len(moved[table]) > 1 else ''}"
        for table, word in FOLLOW.items()
        if moved.get(table)
    ]
    return Outlook(survivor, merged, lines, consents, follow)


def _facts(contact: Contact) -> dict[str, str]:
    place = ", ".join(filter(None, (contact.address, contact.postcode, contact.city, contact.country)))
    return {
        "full_name": contact.full_name,
        "email": contact.email or "",
        "phone": contact.phone or contact.phone_raw or "",
        "place": place,
        "tag_list": ", ".join(contact.tags),
        "external_customer_id": contact.external_customer_id or "",
        "excluded_word": "Yes" if contact.excluded else "",
    }


def _states(contact_id: int) -> dict[str, str]:
    return {one.channel: one.state for one in consent.of_contact(contact_id)}


def candidates(contact: Contact, shop_id: int, q: str) -> list[Contact]:
    """Whom the contact could be merged with: who shares an address with it, or who is found by ``q``."""
    if q:
        found = contact_list.fetch(shop_id, contact_list.Filters(q=q))
        ids = [row.contact.pk for row in found.rows]
        rows = Contact.objects.filter(pk__in=ids)
    else:
        shared = Q(pk__in=())
        if contact.phone_key is not None:
            shared |= Q(phone_key=contact.phone_key)
        if contact.email_key is not None:
            shared |= Q(email_key=contact.email_key)
        rows = Contact.objects.filter(shared)
    return list(rows.filter(deleted_at=None, redacted_at=None).exclude(pk=contact.pk).order_by("pk")[:OFFERED])


@dataclass(frozen=True)
class Parts:
    """What a contact is part of, and who is part of it."""

    into: ContactMerge | None
    into_name: str
    merged: list[tuple[ContactMerge, str]]


def parts(contact_id: int) -> Parts:
    """For the top of a profile."""
    live = ContactMerge.objects.filter(undone_at=None)
    into = live.filter(merged_id=contact_id).first()
    own = list(live.filter(survivor_id=contact_id).order_by("-merged_at"))
    names = Contact.objects.in_bulk([*(row.merged_id for row in own), *([into.survivor_id] if into else [])])
    return Parts(
        into,
        names[into.survivor_id].display_name if into else "",
        [(row, names[row.merged_id].display_name) for row in own],
    )
