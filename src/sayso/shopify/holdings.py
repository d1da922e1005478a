"""What this room holds about a person besides what it hands on: which customers are to be read again."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.shops.personal import Holding, Row, Subject

from .models import Refetch


def _refetches(subject: Subject) -> Iterator[Row]:
    rows = Refetch.objects.filter(kind="customer", shopify_id__in=list(subject.customer_ids)).order_by("pk")
    for row in rows.values("kind", "shopify_id", "requested_at", "attempts"):
        yield dict(row)


def _forget(subject: Subject) -> int:
    count, _ = Refetch.objects.filter(kind="customer", shopify_id__in=list(subject.customer_ids)).delete()
    return count


ALL = (Holding("readings_due", "Waiting to be read again from Shopify", ("shopify_refetch",), _refetches, _forget),)
