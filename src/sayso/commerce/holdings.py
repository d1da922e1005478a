"""What this room holds about a person besides orders, which the privacy room tells: their checkouts."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from sayso.shops.personal import Holding, Row, Subject

from .models import AbandonedCheckout, Checkout


def _told(subject: Subject) -> QuerySet[Checkout]:
    keys = list(subject.address_keys)
    return Checkout.objects.filter(
        Q(shopify_customer_id__in=list(subject.customer_ids))
        | Q(email_key__in=keys)
        | Q(phone_key__in=keys)
        | Q(sms_phone_key__in=keys)
    )


def _found(subject: Subject) -> QuerySet[AbandonedCheckout]:
    urls = _told(subject).exclude(url=None).values("url")
    return AbandonedCheckout.objects.filter(
        Q(contact_id__in=list(subject.contact_ids))
        | Q(shopify_customer_id__in=list(subject.customer_ids))
        | Q(url__in=urls)
    )


def _checkouts(subject: Subject) -> Iterator[Row]:
    for row in _told(subject).order_by("id").values(
        "token", "started_at", "source_updated_at", "completed_at", "deleted_at", "email", "phone", "sms_phone", "first_name",
        "last_name", "country", "locale", "accepts_email", "accepts_sms", "total", "currency", "lines", "url",
    ).iterator():  # fmt: skip
        yield dict(row)


def _abandoned(subject: Subject) -> Iterator[Row]:
    for row in _found(subject).order_by("id").values(
        "shopify_checkout_id", "contact_id", "name", "state", "started_at", "source_updated_at", "completed_at",
        "abandoned_at", "total", "currency", "lines", "url",
    ).iterator():  # fmt: skip
        yield dict(row)


def _forget_abandoned(subject: Subject) -> int:
    return _found(subject).delete()[0]


def _forget(subject: Subject) -> int:
    return _told(subject).delete()[0]


ALL = (  # the found ones first: by the others' addresses some of them are known
    Holding("abandoned_checkouts", "Checkouts not completed", ("abandoned_checkout",), _abandoned, _forget_abandoned),
    Holding("checkouts", "Checkouts", ("checkout",), _checkouts, _forget),
)
