"""Reading requests and people, for the pages, the API and the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from sayso.contacts.models import Contact
from sayso.contacts.queries import search_patterns

from .models import ErasureCertificate, PrivacyRequest
from .people import Named

OPEN = (PrivacyRequest.Status.RECEIVED, PrivacyRequest.Status.IN_PROGRESS, PrivacyRequest.Status.FAILED)
SOON = 7  # days left from which on a clock warns


@dataclass(frozen=True, slots=True)
class Clock:
    """How much of the 30 days is left, in words and as the tone of a badge."""

    words: str
    tone: str

    @classmethod
    def of(cls, request: PrivacyRequest, now: datetime | None = None) -> Clock:
        if request.status == PrivacyRequest.Status.DONE:
            late = request.done_at is not None and request.done_at > request.due_at
            return cls("Done late", "warn") if late else cls("Done in time", "good")
        left = request.due_at - (now or timezone.now())
        if left.total_seconds() < 0:
            days = -left.days
            return cls(f"Overdue by {days} day{'' if days == 1 else 's'}", "bad")
        days = left.days
        if days == 0:
            return cls("Due today", "bad")
        return cls(f"{days} day{'' if days == 1 else 's'} left", "warn" if days <= SOON else "calm")


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as a page shows it."""

    request: PrivacyRequest
    clock: Clock
    who: list[tuple[int, str]]
    """Contacts with what they are called; nobody for a request that found none, or that is not carried out yet."""
    named: str
    """How the asker named the person, as long as the request is open."""

    @property
    def removed(self) -> int:
        return sum(count for name, count in self.request.counts.items() if name not in ("contacts", "addresses"))


def listed(*, only_open: bool = False, before: int | None = None, limit: int = 50) -> list[Shown]:
    """Requests, the newest first; a page begins behind ``before``."""
    rows = PrivacyRequest.objects.order_by("-pk")
    if only_open:
        rows = rows.filter(status__in=OPEN)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return shown(list(rows[:limit]))


def shown(requests: Sequence[PrivacyRequest]) -> list[Shown]:
    """Each with its people, in one query for all."""
    people = Contact.objects.in_bulk({pk for one in requests for pk in one.contact_ids[:10]})
    return [
        Shown(
            one,
            Clock.of(one),
            [(pk, people[pk].display_name if pk in people else f"Contact {pk}") for pk in one.contact_ids[:10]],
            _named(one),
        )
        for one in requests
    ]


def _named(request: PrivacyRequest) -> str:
    if request.kind == PrivacyRequest.Kind.SHOP_REDACT:
        return ""
    named = Named.from_json(request.subject)
    parts = [named.email, named.phone, f"customer {named.customer_id}" if named.customer_id else ""]
    return ", ".join(part for part in parts if part)


def open_count() -> int:
    return PrivacyRequest.objects.filter(status__in=OPEN).count()


def overdue_count() -> int:
    return PrivacyRequest.objects.filter(status__in=OPEN, due_at__lt=timezone.now()).count()


def people_like(text: str, limit: int = 20) -> list[Contact]:
    """Contacts by part of a name, e-mail or phone number, the newest first; also deleted ones, which still hold data."""
    patterns = search_patterns(text)
    if not patterns:
        return []
    conditions = " and ".join("(" + " or ".join(["search like %s"] * len(words)) + ")" for words in patterns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"select id from contact where {conditions} and redacted_at is null order by id desc limit %s",  # noqa: S608
            [*(pattern for words in patterns for pattern in words), limit],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    found = Contact.objects.in_bulk(ids)
    return [found[pk] for pk in ids]


def certificates() -> list[ErasureCertificate]:
    return list(ErasureCertificate.objects.order_by("-pk"))


def open_erasure() -> PrivacyRequest | None:
    """The erasure of the current shop that is planned or under way."""
    kind = PrivacyRequest.Kind.SHOP_REDACT
    return PrivacyRequest.objects.filter(Q(kind=kind) & ~Q(status=PrivacyRequest.Status.DONE)).first()
