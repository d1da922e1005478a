"""The time machine: what was known of consent at a past moment, as the gate would have used it then.

The state of a channel at a moment is where the last entry *recorded* by then left it; what was recorded later, even about
earlier times, the gate could not know. Exclusion from messaging and whether an address worked have no history and are
not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from .events import Channel, State
from .models import LedgerEntry
from .queries import ChannelConsent

CHUNK = 5_000


@dataclass(frozen=True)
class Messageable:
    """Somebody who could have been sent marketing: which entry said so, and since when."""

    contact_id: int
    ledger_id: int
    since: datetime
    basis: str | None
    source: str


def states_at(contact_id: int, at: datetime) -> list[ChannelConsent]:
    """One a channel, as it stood at ``at``; UNKNOWN where nothing had been recorded."""
    known = LedgerEntry.objects.filter(contact_id=contact_id, recorded_at__lte=at)
    last = {one.channel: one for one in known.order_by("channel", "-id").distinct("channel")}
    moved = {
        one.channel: one
        for one in known.extra(where=["from_state <> to_state"]).order_by("channel", "-id").distinct("channel")
    }
    found = []
    for channel in Channel:
        entry, change = last.get(channel.value), moved.get(channel.value)
        found.append(
            ChannelConsent(
                channel.value,
                entry.to_state if entry else State.UNKNOWN.value,
                (change.occurred_at or change.recorded_at) if change else None,
                change.source if change else None,
                entry.basis if entry else None,
            )
        )
    return found


# Walks the index of the chains once, newest entry of each contact first; a contact that was deleted by then, or has been
# redacted since, could not be messaged (of a redaction the time is known, of a deletion too).
LAST_BY_THEN = """
from (
    select distinct on (contact_id) contact_id, id, to_state, basis, source, coalesce(occurred_at, recorded_at) as since
    from consent_ledger
    where channel = %(channel)s and recorded_at <= %(at)s and contact_id > %(after)s
    order by contact_id, id desc
) l join contact c on c.id = l.contact_id
where l.to_state = 'SUBSCRIBED' and c.created_at <= %(at)s
and (c.deleted_at is null or c.deleted_at > %(at)s) and (c.redacted_at is null or c.redacted_at > %(at)s)"""


def count_messageable(at: datetime, channel: str) -> int:
    """How many contacts of the current shop could have been sent marketing on a channel at that moment."""
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) {LAST_BY_THEN}", {"at": at, "channel": channel, "after": 0})
        (number,) = cursor.fetchone()
        return number


def messageable(at: datetime, channel: str, *, after: int = 0, limit: int = CHUNK) -> list[Messageable]:
    """The next of them, by contact number above ``after``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select l.contact_id, l.id, l.since, l.basis, l.source {LAST_BY_THEN} order by l.contact_id limit %(limit)s",
            {"at": at, "channel": channel, "after": after, "limit": limit},
        )
        return [Messageable(*row) for row in cursor.fetchall()]


def every_messageable(at: datetime, channel: str) -> Iterator[Messageable]:
    """All of them, a chunk in memory at a time. Inside one transaction."""
    after = 0
    while found := messageable(at, channel, after=after):
        yield from found
        after = found[-1].contact_id
