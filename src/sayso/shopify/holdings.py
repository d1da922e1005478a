"""What this room holds about a person besides what it hands on: which customers are to be read again, and what the store
was told of their consent."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from sayso.shops.personal import Holding, Row, Subject

from .models import Refetch, SyncDrift, WriteBack


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


def _drift(subject: Subject) -> Q:
    of_customers = Q(kind="customers", shopify_id__in=list(subject.customer_ids))
    return Q(contact_id__in=list(subject.contact_ids)) | of_customers


def _findings(subject: Subject) -> Iterator[Row]:
    rows = SyncDrift.objects.filter(_drift(subject)).order_by("pk")
    for row in rows.values("kind", "what", "shopify_id", "field", "held", "told", "topic", "changed_at", "found_at"):
        yield dict(row)


def _shorten_findings(subject: Subject) -> int:
    """That something was missed stays in the report; of whom, and what, does not."""
    rows = SyncDrift.objects.filter(_drift(subject)).exclude(contact_id=None, shopify_id=None)
    return rows.update(contact_id=None, shopify_id=None, held=None, told=None)


ALL = (
    Holding("readings_due", "Waiting to be read again from Shopify", ("shopify_refetch",), _refetches, _forget),
    Holding("write_backs", "Consent told to Shopify", ("shopify_write_back",), _write_backs, _untell),
    Holding(
        "sync_findings",
        "What a comparison with Shopify found different, shortened",
        ("sync_drift",),
        _findings,
        _shorten_findings,
    ),
    Holding(
        "sync_reports",
        "Reports of imports",
        ("sync_chunk",),
        None,
        None,
        why_kept="Numbers of contacts that an import made or changed, without a name; a year.",
    ),
)
