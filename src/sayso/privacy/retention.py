"""How long each kind of data is kept, and the daily round that enforces it.

The ledger and the suppressions have no period: they are what honours an objection.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from sayso.consent import settings
from sayso.events.models import Event
from sayso.shops import personal
from sayso.shops.models import Shop
from sayso.shops.personal import Subject
from sayso.shops.tenancy import shop_context

from . import packages
from .rows import call

BATCH = 25_000
PURGE_BATCH = 500
PURGE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data with a period. ``default`` None: kept without limit until a period is set."""

    title: str
    what: str
    default: int | None
    least: int  # days
    most: int


KINDS: dict[str, Kind] = {
    "message_texts": Kind(
        "Message texts", "Text, variables and address of messages; that they were sent, and what became of them, stays.",
        None, 30, 3650,
    ),
    "events": Kind(
        "Activity", "The event log but for the acts of your team and privacy requests.", None, 90, 3650,
    ),
    "order_identities": Kind(
        "Buyers of orders", "E-mail and phone of orders, by the date of the order; totals and lines stay.", None, 30, 3650,
    ),
    "checkouts": Kind(
        "Checkouts", "What was begun and perhaps not bought: addresses, lines, totals. Orders are another kind.", 90, 7, 3650,
    ),
    "deliveries": Kind(
        "Deliveries as they came", "What Shopify and WhatsApp delivered, kept to be tried again.", 30, 1, 30,
    ),
    "sync_reports": Kind(
        "Reports of the sync", "Which contacts an import or a day of live changes made or changed, and how soon deliveries"
        " were applied.", 365, 30, 365,
    ),
    "exports": Kind("Access packages", "The files made for people who asked for their data.", 14, 1, 90),
}  # fmt: skip


def days(shop: Shop, kind: str) -> int:
    """The period of a kind that always has one; the database reads the same, ``privacy_kept_days``."""
    chosen = settings.of(shop).retention.get(kind)  # type: ignore[call-overload]
    found = chosen if chosen is not None else KINDS[kind].default
    if found is None:
        raise ValueError(f"{kind} is kept without limit")
    return int(found)


def periods(shop: Shop) -> dict[str, int | None]:
    """Every kind with its period in days; None: without limit."""
    chosen = settings.of(shop).retention
    return {kind: chosen.get(kind, about.default) for kind, about in KINDS.items()}  # type: ignore[call-overload]


def apply(shop: Shop) -> dict[str, int]:
    """Remove what is past its period, in transactions of their own, and report it as an event. Answers what was removed.

    Not inside a transaction.
    """
    removed = {kind: _walk(shop.pk, kind) for kind in KINDS if kind != "exports"}
    removed["exports"] = _expire_packages(shop.pk)
    removed["deleted_contacts"] = _purge(shop.pk)
    with shop_context(shop.pk):
        removed["left_of_the_erased"] = call("privacy_second_look")
        Event.objects.create(
            shop_id=shop.pk, kind="retention.applied", occurred_at=timezone.now(), actor_kind="system", origin="privacy",
            bulk=True, data={"removed": removed, "periods": periods(shop)},
        )  # fmt: skip
    return removed


def _walk(shop_id: int, kind: str) -> int:
    after, total = 0, 0
    while True:
        with shop_context(shop_id), connection.cursor() as cursor:
            cursor.execute("select last, removed from privacy_retain(%s, %s, %s)", [kind, after, BATCH])
            last, removed = cursor.fetchone()
        total += removed
        if last is None:
            return total
        after = last


def _expire_packages(shop_id: int) -> int:
    """Packages past their time, and those taken about somebody who was erased."""
    with shop_context(shop_id):
        return packages.expire() + packages.forget_the_erased()


def _purge(shop_id: int) -> int:
    """Contacts deleted 30 days ago lose their names (features §2.13); ledger, evidence and suppressions stay."""
    total = 0
    while True:
        with shop_context(shop_id):
            with connection.cursor() as cursor:
                cursor.execute("select * from privacy_to_purge(%s)", [PURGE_BATCH])
                ids = [pk for (pk,) in cursor.fetchall()]
            if not ids:
                return total
            whom = Subject(contact_ids=ids)
            for holding in personal.holdings():
                if holding.scrub is not None:
                    holding.scrub(whom)
        total += len(ids)


def reports(limit: int = 5) -> list[Event]:
    """What the last rounds removed, newest first."""
    return list(Event.objects.filter(kind="retention.applied").order_by("-id")[:limit])
