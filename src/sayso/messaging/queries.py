"""Reading messages, templates and senders. Runs inside one shop."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from django.db import connection

from .models import Message, Sender, Template

OUTCOMES = ("SENT", "DELIVERED", "READ", "FAILED", "SKIPPED", "UNCONFIRMED", "SENDING", "QUEUED")


def of_contact(contact_id: int, *, limit: int = 10) -> list[Message]:
    """The newest messages to and from a contact."""
    return list(Message.objects.filter(contact_id=contact_id).order_by("-id")[:limit])


def senders() -> list[Sender]:
    return list(Sender.objects.order_by("channel", "id"))


def approved_templates(channel: str = "whatsapp") -> list[Template]:
    """The templates a campaign may use, by name."""
    return list(Template.objects.filter(channel=channel, status="APPROVED").order_by("name", "language"))


def templates(channel: str = "whatsapp") -> list[Template]:
    return list(Template.objects.filter(channel=channel).order_by("name", "language"))


def by_day(since: datetime, zone: str) -> dict[date, dict[str, int]]:
    """Day (in ``zone``) → status → outgoing messages queued that day, by what became of them."""
    days: dict[date, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            "select (queued_at at time zone %s)::date, status, count(*) from message"
            " where direction = 'OUT' and queued_at >= %s group by 1, 2",
            [zone, since],
        )
        for day, status, number in cursor.fetchall():
            days[day][status] = number
    return dict(days)
