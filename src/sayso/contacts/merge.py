"""The door through which two contacts become one, and are parted again (features §2.13).

What is in the contact itself is done by ``sql/30_merge.sql``; consent joins and parts through :data:`joined` and
:data:`parted`; the rows of all rooms follow as they declared (:mod:`.following`). All in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from psycopg import errors

from . import following
from .apply import Actor
from .models import Contact, ContactMerge

UNDO = timedelta(days=30)

_SENTENCES = {
    "NO_SUCH_CONTACT": "Choose two different contacts of this shop.",
    "REDACTED": "A contact that was erased on a privacy request is merged with nobody, and stays as it is.",
    "ALREADY_MERGED": "One of the two is part of another contact already. Merge with that one, or undo that merge first.",
    "DELETED": "A deleted contact cannot be merged.",
    "TWO_CUSTOMERS": "Both are customers of the Shopify store. Merge them in Shopify; they are then merged here as well.",
    "NOTHING_TO_UNDO": "This merge cannot be undone, or was undone already.",
    "MERGED_BY_SHOPIFY": "The two customers were merged in Shopify, where it cannot be undone.",
    "TOO_OLD": "A merge can be undone for 30 days; this one is older.",
}


class Refused(Exception):
    """The two were not merged, or not parted. ``code`` says why, the text says it in a sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(_SENTENCES[code])
        self.code = code


@dataclass(frozen=True, slots=True)
class Joined:
    """A merge, as the rooms get it."""

    merge_id: int
    survivor_id: int
    merged_id: int
    actor: Actor


@dataclass(frozen=True, slots=True)
class Survivor:
    """Whom a merged contact is part of, and since which merge."""

    contact_id: int
    since: datetime


Follower = Callable[[Joined], None]
joined: list[Follower] = []
"""Called after the contacts became one, before rows follow. Rooms below add themselves when Django starts."""
parted: list[Follower] = []
"""Called after they were parted and their rows given back."""


def survivor_of(one: Contact, other: Contact) -> tuple[Contact, Contact]:
    """(survivor, merged): the customer of the store, else the older. Raises :class:`Refused`."""
    for contact in (one, other):
        if contact.redacted_at:
            raise Refused("REDACTED")
        if contact.deleted_at:
            raise Refused("DELETED")
    if one.pk == other.pk:
        raise Refused("NO_SUCH_CONTACT")
    if one.shopify_customer_id and other.shopify_customer_id:
        raise Refused("TWO_CUSTOMERS")
    first, second = sorted(
        (one, other), key=lambda contact: (not contact.shopify_customer_id, contact.created_at, contact.pk)
    )
    return first, second


def merge(survivor_id: int, merged_id: int, *, cause: ContactMerge.Cause, actor: Actor) -> int:
    """Make ``merged_id`` part of ``survivor_id`` and answer the id of the merge. Needs the shop's transaction.

    ``SHOPIFY`` is for customers whom the store has merged: it alone joins two customers, and such as are deleted.
    Raises :class:`Refused`; nothing has changed then.
    """
    with transaction.atomic(), _in_words(), connection.cursor() as cursor:
        cursor.execute(
            "select contacts_merge(%s, %s, %s, %s, %s)", [survivor_id, merged_id, cause, actor.kind, actor.id]
        )
        (merge_id,) = cursor.fetchone()
        done = Joined(merge_id, survivor_id, merged_id, actor)
        for follower in joined:
            follower(done)
        _follow(done)
    return merge_id


def part(merge_id: int, *, actor: Actor) -> Joined:
    """Undo a merge. Consent stays as strict as the merge made it, for both. Raises :class:`Refused`."""
    held = ContactMerge.objects.filter(pk=merge_id).first()
    if held is None:
        raise Refused("NOTHING_TO_UNDO")
    with transaction.atomic(), _in_words(), connection.cursor() as cursor:
        cursor.execute("select contacts_part(%s, %s, %s)", [merge_id, actor.kind, actor.id])
        held.refresh_from_db()  # what followed until the row was ours
        done = Joined(merge_id, held.survivor_id, held.merged_id, actor)
        for one in following.declared():
            if one.back is not None and (ids := held.moved.get(one.table)):
                one.back(ids, held.merged_id)
        for follower in parted:
            follower(done)
    return done


def bring_along(contact_ids: Collection[int]) -> dict[int, Survivor]:
    """Answer who of these became part of whom, and have what was written for them since follow.

    For what comes late: it finds the hidden contact by the id that it knows.
    """
    found = survivors(contact_ids)
    if found:
        for row in ContactMerge.objects.filter(merged_id__in=found, undone_at=None).order_by("pk"):
            _follow(Joined(row.pk, found[row.merged_id].contact_id, row.merged_id, Actor()))
    return found


def survivors(contact_ids: Iterable[int]) -> dict[int, Survivor]:
    """Merged contact → the contact it is part of in the end; of those named that are part of another one."""
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from contact_merge)")  # few shops have merged anybody
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute("select merged, survivor, since from contact_survivors(%s)", [sorted(set(contact_ids))])
        return {merged: Survivor(contact_id, since) for merged, contact_id, since in cursor.fetchall()}


def with_merged(contact_ids: Iterable[int]) -> list[int]:
    """These contacts and everybody who became part of them."""
    with connection.cursor() as cursor:
        cursor.execute("select * from contact_with_merged(%s) as id order by id", [sorted(set(contact_ids))])
        return [pk for (pk,) in cursor.fetchall()]


def whole_person(contact_ids: Iterable[int]) -> list[int]:
    """Every row of the people named: whom they are part of, and who became part of that."""
    ids = set(contact_ids)
    found = survivors(ids)
    return with_merged(ids | {one.contact_id for one in found.values()})


def _follow(done: Joined) -> None:
    """Rows change hands; which did is kept for an undo."""
    moved = {
        one.table: ids
        for one in following.declared()
        if one.move is not None and (ids := one.move(done.merged_id, done.survivor_id))
    }
    if moved:
        row = ContactMerge.objects.select_for_update().get(pk=done.merge_id)
        for table, ids in moved.items():
            row.moved[table] = sorted({*row.moved.get(table, ()), *ids})
        row.save(update_fields=["moved"])


@contextmanager
def _in_words() -> Iterator[None]:
    """What the database refuses becomes :class:`Refused`."""
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        code = cause.diag.constraint_name if isinstance(cause, errors.CheckViolation) else None
        if code not in _SENTENCES:
            raise
        raise Refused(code) from error
