"""Customers whom the store made one: kept until both were read again, then carried out by :mod:`sayso.contacts.merge`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from sayso.contacts import merge
from sayso.contacts.apply import Actor
from sayso.contacts.models import ContactMerge

from .models import CustomerMerge

log = logging.getLogger(__name__)

ACTOR = Actor("shop", "shopify")


@dataclass(frozen=True, slots=True)
class Told:
    """The store says that the second customer became part of the first."""

    kept_id: int
    deleted_id: int
    at: datetime


def expect(shop_id: int, told: Sequence[Told]) -> None:
    """Carry these out once both were read again. One that is known already is not asked for twice."""
    CustomerMerge.objects.bulk_create(
        [
            CustomerMerge(shop_id=shop_id, kept_id=one.kept_id, deleted_id=one.deleted_id, told_at=one.at)
            for one in told
            if one.kept_id != one.deleted_id
        ],
        ignore_conflicts=True,
    )


def merged_away(customer_ids: Sequence[int]) -> set[int]:
    """Which of these the store need not be asked for twice, though it does not find them: it has said why."""
    rows = CustomerMerge.objects.filter(deleted_id__in=customer_ids)
    return set(rows.values_list("deleted_id", flat=True))


def open_ones() -> set[int]:
    """Customers of merges that still wait: told while the shop took no contacts from its store."""
    rows = CustomerMerge.objects.filter(done_at=None).values_list("kept_id", "deleted_id")
    return {customer_id for pair in rows for customer_id in pair}


def carry_out(customer_ids: Sequence[int]) -> None:
    """Merge the contacts of those pairs that wait, name one of these customers, and wait for no reading any more; in the
    transaction of the reading. Where one became part of somebody else meanwhile, its survivor stands for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select g.id, kept.id, gone.id from shopify_customer_merge g
            join contact kept on kept.shopify_customer_id = g.kept_id
            join contact gone on gone.shopify_customer_id = g.deleted_id
            where g.done_at is null and (g.kept_id = any(%(ids)s) or g.deleted_id = any(%(ids)s))
            and not exists (select from shopify_refetch r where r.kind = 'customer'
                and r.shopify_id in (g.kept_id, g.deleted_id))
            order by g.told_at, g.id for update of g""",
            {"ids": list(customer_ids)},
        )
        waiting = cursor.fetchall()
    for number, kept_id, gone_id in waiting:
        CustomerMerge.objects.filter(pk=number).update(
            done_at=datetime.now().astimezone(), refusal=_merge(kept_id, gone_id)
        )


def _merge(kept_id: int, gone_id: int) -> str:
    """Why it was not done; empty where it was, or need not be."""
    ends = merge.survivors([kept_id, gone_id])
    survivor, merged = (ends[one].contact_id if one in ends else one for one in (kept_id, gone_id))
    if survivor == merged:
        return ""
    try:
        merge.merge(survivor, merged, cause=ContactMerge.Cause.SHOPIFY, actor=ACTOR)
    except merge.Refused as refused:
        log.warning("contacts %d and %d, merged in Shopify, stay two: %s", survivor, merged, refused)
        return refused.code
    return ""
