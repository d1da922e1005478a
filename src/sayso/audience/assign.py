"""The one writer of groups and their members. Everything runs in the caller's transaction of a shop.

Facts may come in any order and more than once; ``sql/`` keeps the newest of each kind. Consent never changes membership,
membership never changes consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q

from sayso.contacts.apply import Applied
from sayso.shops import staging

from .facts import GoneFact, MemberFact, SegmentFact
from .models import Group, GroupMember

CHUNK = 20_000
"""Lines a transaction: readers of the event log wait for writers, see docs/decisions.md."""


def segments(facts: Iterable[SegmentFact]) -> list[int]:
    """Make and rename the groups of segments; answers the ids of those that something was news for. New ones, and those
    whose rules changed, become due to be read (``read_due_at``)."""
    facts = list(facts)
    if not facts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from group_segments_told(%s, %s, %s, %s::timestamptz[], %s::bigint[], %s::timestamptz[])",
            [
                [str(fact.segment_id) for fact in facts],
                [fact.name for fact in facts],
                [fact.query for fact in facts],
                [fact.at for fact in facts],
                [fact.sequence for fact in facts],
                [fact.seen_at for fact in facts],
            ],
        )
        return [group_id for (group_id,) in cursor.fetchall()]


def segments_gone(facts: Iterable[GoneFact]) -> None:
    """Mark the groups of deleted segments; their last members stay."""
    facts = list(facts)
    if facts:
        with connection.cursor() as cursor:
            cursor.execute(
                "select group_segments_gone(%s, %s::timestamptz[])",
                [[str(fact.segment_id) for fact in facts], [fact.at for fact in facts]],
            )


def segments_not_listed(began: datetime) -> int:
    """After a whole list of the segments that began at ``began``: those that were not in it are gone. How many."""
    missing = Group.objects.filter(kind=Group.Kind.SHOPIFY_SEGMENT, created_at__lt=began).filter(
        Q(seen_at__isnull=True) | Q(seen_at__lt=began)
    )
    # Gone already: the newer of the two times stays.
    return missing.filter(Q(gone_at__isnull=True) | Q(gone_at__lt=F("seen_at"))).update(gone_at=began, read_due_at=None)


def said(facts: Iterable[MemberFact]) -> None:
    """Who joined and who left, as deliveries say it. A segment nobody told us of yet gets its group by number."""
    facts = list(facts)
    if not facts:
        return
    newest: dict[int, datetime] = {}
    for fact in facts:
        newest[fact.segment_id] = max(fact.at, newest.get(fact.segment_id, fact.at))
    known = set(
        Group.objects.filter(
            source_type=Group.Source.SEGMENT, external_id__in=[str(one) for one in newest]
        ).values_list("external_id", flat=True)
    )
    segments(SegmentFact(one, seen_at=at) for one, at in newest.items() if str(one) not in known)
    with connection.cursor() as cursor:
        cursor.execute(
            "select group_members_said(%s, %s::bigint[], %s::boolean[], %s::timestamptz[])",
            [
                [str(fact.segment_id) for fact in facts],
                [fact.customer_id for fact in facts],
                [fact.joined for fact in facts],
                [fact.at for fact in facts],
            ],
        )


def link(applied: Sequence[Applied]) -> None:
    """Members who waited for these customers are members now; and who is deleted waits no more."""
    changed = [result.contact_id for result in applied if result.created or result.updated]
    if changed:
        with connection.cursor() as cursor:
            cursor.execute("select group_members_link(%s::bigint[], 0, 0)", [changed])


def link_more(after: int) -> int | None:
    """The same for all who wait, :data:`CHUNK` of them after a customer's number; the number to go on after."""
    return _value("select group_members_link(null, %s, %s)", after, CHUNK)


def tags_met(tags: Iterable[str]) -> None:
    """Tags that contacts were given or lost: each is a group, and its members are to be counted again."""
    if found := sorted({tag for tag in tags if tag}):
        _value("select group_tags_met(%s::text[])", found)


def tags_count_due(tags: Iterable[str]) -> None:
    """Contacts with these tags came or went; the groups there are of them are to be counted again."""
    keys = sorted({tag.lower() for tag in tags if tag})
    Group.objects.filter(source_type=Group.Source.TAG, external_id__in=keys, count_due=False).update(count_due=True)


def tags_look() -> int:
    """Note all tags of the shop; answers the run for :func:`tags_take`. One pass over the contacts (a second a million)."""
    run = staging.new_run()
    _value("select group_tags_look(%s)", run)
    return run


def tags_take(run: int, after: str) -> str | None:
    """Groups and counts of :data:`CHUNK` noted tags after a tag; the tag to go on after."""
    return _value("select group_tags_take(%s, %s, %s)", run, after, CHUNK)


def tags_end(run: int) -> None:
    """Empty the groups of tags nobody holds, and forget the run."""
    _value("select group_tags_empty(%s)", run)
    staging.drop_run(run, "group_tag")


def guests(contacts: Iterable[int]) -> None:
    """Those of the contacts who are guests join ``Shopify - Guests``."""
    if ids := sorted(set(contacts)):
        _value("select group_guests_join(%s::bigint[], 0, %s)", ids, len(ids))


def guests_more(after: int) -> int | None:
    """The same for :data:`CHUNK` guests after a contact's id; the id to go on after."""
    return _value("select group_guests_join(null, %s, %s)", after, CHUNK)


def count(limit: int = 200, *, new: bool = False) -> int:
    """Count the members of groups that changed; how many groups were counted. ``new``: only those that never were."""
    return _value("select group_count(%s, %s)", limit, new)


def move_members(from_contact: int, to_contact: int) -> list[int]:
    """Two contacts become one: ``to_contact`` joins what ``from_contact`` was in, but for segments, which Shopify keeps by
    customer. Answers the ids of the members' rows that followed."""
    with connection.cursor() as cursor:
        cursor.execute("select * from group_members_move(%s, %s)", [from_contact, to_contact])
        return [pk for (pk,) in cursor.fetchall()]


def give_back(rows: Sequence[int], to_contact: int) -> None:
    """Undo :func:`move_members`, given its answer."""
    given = GroupMember.objects.filter(pk__in=rows)
    Group.objects.filter(pk__in=given.values("group_id")).update(count_due=True)
    given.update(contact_id=to_contact)


def _value(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]
