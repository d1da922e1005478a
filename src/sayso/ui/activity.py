"""What happened: events, messages and orders of a contact in one line of time, and the shop's newest events."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from sayso.contacts import merge
from sayso.contacts.models import Contact
from sayso.events.models import Event

from . import words

PAGE = 40

SHOWS = {"all": "All activity", "messages": "Messages", "events": "Events", "orders": "Orders"}

PERIODS: dict[str, tuple[str, int | None]] = {
    "today": ("Today", 0),
    "7": ("Last 7 days", 7),
    "30": ("Last 30 days", 30),
    "90": ("Last 90 days", 90),
    "365": ("Last 12 months", 365),
    "all": ("All time", None),
}

# Three kinds of rows in one shape. The rank breaks ties between kinds, so that a page boundary never loses a row.
SOURCES = {
    "events": (
        3,
        "select occurred_at as at, 3 as rank, id, kind as what, '' as status, actor_kind as who, origin as name,"
        " data as data, bulk from event where contact_id = any(%(contacts)s)",
    ),
    "messages": (
        2,
        "select queued_at as at, 2 as rank, id, direction as what, status, origin as who,"
        " coalesce(body, '') as name, jsonb_build_object('error', error_code, 'origin_id', origin_id) as data,"
        " false as bulk from message where contact_id = %(contact)s",
    ),
    "orders": (
        1,
        "select placed_at as at, 1 as rank, id, 'order' as what, status, currency as who, name,"
        " jsonb_build_object('total', total) as data, false as bulk from orders where contact_id = %(contact)s",
    ),
}
CLASSES = {3: "events", 2: "campaigns", 1: "orders"}
ICONS = {3: "flag", 2: "chat", 1: "bag"}


@dataclass(frozen=True)
class Entry:
    """One line of activity."""

    at: datetime
    icon: str
    css: str
    title: str
    detail: str = ""
    vocabulary: str = ""
    status: str = ""
    error: str = ""
    contact_id: int | None = None
    contact: str = ""
    campaign_id: int | None = None
    key: str = ""


def since(period: str) -> datetime | None:
    """The start of a period of :data:`PERIODS`; None for all time."""
    days = PERIODS[period][1]
    if days is None:
        return None
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


def of_contact(contact_id: int, *, show: str, period: str, cursor: str = "") -> tuple[list[Entry], str]:
    """A page of a contact's activity, newest first, and the cursor of the next page ("" at the end).

    The period does not narrow the category Orders: an order history is only useful whole.
    """
    start = None if show == "orders" else since(period)
    chosen = SOURCES if show == "all" else {show: SOURCES[show]}
    contacts = merge.with_merged([contact_id])  # the log stays as it was written
    parameters: dict[str, Any] = {"contact": contact_id, "contacts": contacts, "start": start, "limit": PAGE + 1}
    narrowed = ["%(start)s::timestamptz is null or at >= %(start)s"]
    if position := _position(cursor):
        parameters |= dict(zip(("at", "rank", "id"), position, strict=True))
        narrowed.append("(at, rank, id) < (%(at)s::timestamptz, %(rank)s, %(id)s)")
    where = " and ".join(f"({one})" for one in narrowed)
    union = " union all ".join(
        f"(select * from ({text}) one where {where} order by at desc, id desc limit %(limit)s)"  # noqa: S608
        for _, text in chosen.values()
    )
    with connection.cursor() as db:
        db.execute(f"select * from ({union}) merged order by at desc, rank desc, id desc limit %(limit)s", parameters)  # noqa: S608
        rows = db.fetchall()
    entries = [_entry(row) for row in rows[:PAGE]]
    return entries, entries[-1].key if len(rows) > PAGE else ""


def recent(*, limit: int) -> list[Entry]:
    """The shop's newest events that are not part of an import."""
    events = list(Event.objects.filter(bulk=False).order_by("-id")[:limit])
    people = Contact.objects.in_bulk([event.contact_id for event in events if event.contact_id])
    return [
        Entry(
            at=event.recorded_at,
            icon=ICONS[3],
            css=CLASSES[3],
            title=event_title(event.kind, event.data),
            detail=_author(event.actor_kind, event.origin),
            contact_id=event.contact_id,
            contact=people[event.contact_id].display_name if event.contact_id in people else "",
        )
        for event in events
    ]


def event_title(kind: str, data: dict[str, Any]) -> str:
    """An event in words."""
    if kind == "consent.changed":
        changes = [(channel, data[channel]) for channel in words.CHANNELS if isinstance(data.get(channel), list)]
        told = [f"{words.CHANNELS[one]}: {_state(new)} (was {_state(old)})" for one, (old, new) in changes]
        return "; ".join(told) or "Consent changed"
    if kind in {"contact.tags_added", "contact.tags_removed"} and data.get("tags"):
        verb = "added" if kind.endswith("added") else "removed"
        return f"Tags {verb}: {', '.join(map(str, data['tags']))}"
    if kind in {"segment.entered", "segment.left"} and data.get("name"):
        return f"{'Joined' if kind.endswith('entered') else 'Left'} the segment “{data['name']}”"
    return words.EVENTS.get(kind, words.sentence(kind))


def _state(state: str) -> str:
    return words.CONSENT_WORDS.get(state, words.sentence(state))


def _entry(row: tuple[Any, ...]) -> Entry:
    at, rank, pk, what, status, who, name, data, bulk = row
    data = json.loads(data) if isinstance(data, str) else data
    common = {"at": at, "icon": ICONS[rank], "css": CLASSES[rank], "key": _cursor(at, rank, pk)}
    if rank == 3:
        detail = _author(who, name) + (", during an import" if bulk else "")
        return Entry(title=event_title(what, data), detail=detail, **common)
    if rank == 2:
        if what == "IN":
            return Entry(title="Message from the contact", detail=name, **common)
        return Entry(
            title=words.ORIGINS.get(who, who),
            detail=name,
            vocabulary="message",
            status=status,
            error=data.get("error") or "",
            campaign_id=data.get("origin_id") if who == "CAMPAIGN" else None,
            **common,
        )
    return Entry(
        title=f"Order {name}", detail=f"{data['total']:.2f} {who}", vocabulary="order", status=status, **common
    )


def _author(actor_kind: str, origin: str) -> str:
    who = words.ACTORS.get(actor_kind, words.sentence(actor_kind))
    where = words.SOURCES.get(origin, words.sentence(origin))
    return f"{who}, {where}" if where and where != who else who


def _cursor(at: datetime, rank: int, pk: int) -> str:
    text = f"{at.astimezone(UTC).isoformat()}|{rank}|{pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, int, int] | None:
    """What a cursor names; None for none, and for one that nobody gave out."""
    try:
        at, rank, pk = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        return datetime.fromisoformat(at), int(rank), int(pk)
    except ValueError:
        return None
