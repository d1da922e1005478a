"""What this room holds about a person besides what it hands on: which customers are to be read again, and what the store
was told of their consent."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.shops.personal import Holding, Row, Subject

from .models import Refetch, WriteBack


def _refetches(subject: Subject) -> Iterator[Row]:
    rows = Refetch.objects.filter(kind="customer", shopify_id__in=list(subject.customer_ids)).order_by("pk")
    for row in rows.values("kind", "shopify_id", "requested_at", "attempts"):
        yield dict(row)


def _forget(subject: Subject) -> int:
    count, _ = Refetch.objects.filter(kind="customer", shopify_id__in=list(subject.customer_ids)).delete()
    return count


def _write_backs(subject: Subject) -> Iterator[Row]:
    rows = WriteBack.objects.filter(contact_id__in=list(subject.contact_ids)).order_by("pk")
    for row in rows.values(
        "contact_id", "channel", "state", "requested_at", "error", "written_state", "written_occurred_at", "written_at"
    ):
        yield dict(row)


def _untell(subject: Subject) -> int:
    count, _ = WriteBack.objects.filter(contact_id__in=list(subject.contact_ids)).delete()
    return count


ALL = (
    Holding("readings_due", "Waiting to be read again from Shopify", ("shopify_refetch",), _refetches, _forget),
    Holding("write_backs", "Consent told to Shopify", ("shopify_write_back",), _write_backs, _untell),
)
