"""Whole pictures of a segment's members, taken page by page, then compared with what is held.

Pages wait in ``staging.group_member``, which a crash of the database empties: a reading goes on only while as many lines
are there as it wrote down, else it begins anew. The picture is of the moment it began, by the database's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from sayso.shops import staging

from .assign import CHUNK, count
from .models import Group

PATIENCE = timedelta(hours=1)
"""A reading that got no page for so long is begun anew: cursors do not keep, and the picture grows old."""


class Overtaken(Exception):
    """Another process goes on with the same reading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of one segment, and how far it got."""

    group_id: int
    segment_id: int
    run: int
    cursor: str
    done: bool  # all pages are there
    expected: int  # members, as they were counted last


@dataclass(frozen=True, slots=True)
class Step:
    """One chunk of the comparison: where to go on, None at the end; how many members came or went."""

    following: int | None
    changed: int


def clock() -> datetime:
    """The moment by which readings are dated: the database's, as the times at which deliveries were received."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        [at] = cursor.fetchone()
    return at


def any_due() -> bool:
    """Whether a segment waits to be read."""
    return Group.objects.filter(read_due_at__isnull=False).exists()


def any_unnamed() -> bool:
    """Whether a segment that still exists is known by its number alone."""
    return _existing().filter(named_at__isnull=True).exists()


def _existing() -> QuerySet[Group]:
    return Group.objects.filter(kind=Group.Kind.SHOPIFY_SEGMENT).filter(
        Q(gone_at__isnull=True) | Q(gone_at__lt=F("seen_at"))
    )


def ask_for_all() -> int:
    """All segments that still exist are to be read again; how many members they had."""
    _existing().update(read_due_at=clock())
    return _existing().aggregate(members=Sum("members_count"))["members"] or 0


def open_next() -> Reading | None:
    """The reading that is next: one under way, else the segment that was read longest ago. Needs a transaction."""
    group = (
        Group.objects.select_for_update(no_key=True)
        .filter(read_due_at__isnull=False)
        .order_by(F("read_run").asc(nulls_last=True), F("members_at").asc(nulls_first=True), "id")
        .first()
    )
    if group is None:
        return None
    if group.read_run is None or not _goes_on(group):
        _begin(group)
    return Reading(
        group.pk, int(group.external_id or 0), group.read_run or 0, group.read_cursor, group.read_done,
        group.members_count or 0,
    )  # fmt: skip


def _goes_on(group: Group) -> bool:
    if group.read_page_at is None or group.read_page_at < timezone.now() - PATIENCE:
        return False
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from staging.group_member where run = %s", [group.read_run])
        return cursor.fetchone()[0] == group.read_count


def _begin(group: Group) -> None:
    if group.read_run is not None:
        staging.drop_run(group.read_run, "group_member")
    group.read_began_at = group.read_page_at = clock()
    group.read_run, group.read_cursor, group.read_count, group.read_done = staging.new_run(), "", 0, False
    group.save(update_fields=["read_began_at", "read_page_at", "read_run", "read_cursor", "read_count", "read_done"])


def keep_page(reading: Reading, customer_ids: Sequence[int], following: str | None) -> Reading:
    """Put a page beside the others; ``following`` is the cursor of the next one, None after the last. Raises
    :class:`Overtaken`."""
    group = Group.objects.select_for_update(no_key=True).get(pk=reading.group_id)
    if (group.read_run, group.read_cursor, group.read_done) != (reading.run, reading.cursor, False):
        raise Overtaken(f"the reading of group {reading.group_id} is at {group.read_cursor!r}, not {reading.cursor!r}")
    staging.copy_in("group_member", ("run", "shopify_customer_id"), (f"{reading.run}\t{one}" for one in customer_ids))
    group.read_cursor = following or ""
    group.read_done = following is None
    group.read_count += len(customer_ids)
    group.read_page_at = timezone.now()
    group.save(update_fields=["read_cursor", "read_done", "read_count", "read_page_at"])
    return replace(reading, cursor=group.read_cursor, done=group.read_done)


def begin_comparing(reading: Reading) -> None:
    """From this transaction on, what is older than the picture is ignored."""
    _still_ours(reading)
    with connection.cursor() as cursor:
        cursor.execute("select group_picture_begin(%s)", [reading.group_id])


def add(reading: Reading, after: int) -> Step:
    """Take members of the picture that are not held, :data:`CHUNK` lines a call. Again and again gives the same."""
    return _step("select following, changed from group_picture_add(%s, %s, %s)", reading, after)


def remove(reading: Reading, after: int) -> Step:
    """Let go of members that are not in the picture, :data:`CHUNK` lines a call."""
    return _step("select following, changed from group_picture_remove(%s, %s, %s)", reading, after)


def _step(statement: str, reading: Reading, after: int) -> Step:
    _still_ours(reading)
    with connection.cursor() as cursor:
        cursor.execute(statement, [reading.group_id, after, CHUNK])
        return Step(*cursor.fetchone())


def end(reading: Reading) -> None:
    """The members are those of the picture. Asked for again since it began, the segment stays due."""
    _still_ours(reading)
    staging.drop_run(reading.run, "group_member")
    _close(reading, "")
    count(new=True)


def give_up(reading: Reading, error: str) -> None:
    """This segment cannot be read; its members stay as they are, and the reason is kept for the page."""
    _still_ours(reading)
    staging.drop_run(reading.run, "group_member")
    _close(reading, error)


def _close(reading: Reading, error: str) -> None:
    group = Group.objects.select_for_update(no_key=True).get(pk=reading.group_id)
    again = (
        group.read_due_at is not None and group.read_began_at is not None and group.read_due_at > group.read_began_at
    )
    if not again:
        group.read_due_at = None
        if not error:
            group.read_silent = False
    group.read_run, group.read_cursor, group.read_count, group.read_done = None, "", 0, False
    group.read_error, group.count_due = error, True
    group.save(
        update_fields=[
            "read_due_at", "read_silent", "read_run", "read_cursor", "read_count", "read_done", "read_error", "count_due"
        ]
    )  # fmt: skip


def _still_ours(reading: Reading) -> None:
    """Raises :class:`Overtaken`. Locks nothing: what follows may be done twice."""
    if not Group.objects.filter(pk=reading.group_id, read_run=reading.run).exists():
        raise Overtaken(f"the reading of group {reading.group_id} is another one now")
