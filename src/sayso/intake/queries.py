"""What people see of deliveries. The table has no policy, so every question names its shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, QuerySet

from .models import Delivery

# A loose merge: each state has its own range of delivery_state, newest first; what is asked besides is filtered there.
SEARCH = """
select d.id from unnest(%(states)s::text[]) s (state) cross join lateral (
    select d.id, d.received_at from delivery d
    where d.shop_id = %(shop)s and d.state = s.state
    and (%(before)s::timestamptz is null or (d.received_at, d.id) < (%(before)s, %(before_id)s))
    and (%(provider)s = '' or (d.provider = %(provider)s and (%(topic)s = '' or d.topic = %(topic)s)))
    and (%(keys)s::text[] is null or d.fold_key = any(%(keys)s) or d.subject_keys && %(keys)s::varchar[]
        or d.key = any(%(keys)s) or d.id = %(id)s)
    order by d.received_at desc, d.id desc limit %(limit)s
) d order by d.received_at desc, d.id desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Parked deliveries of one topic that failed in one way."""

    provider: str
    topic: str
    error: str
    number: int
    oldest: datetime


def parked(shop_id: int) -> QuerySet[Delivery]:
    """Deliveries of one shop that failed too often, newest first, without their bodies."""
    return Delivery.objects.filter(shop_id=shop_id, state=Delivery.State.PARKED).defer("body").order_by("-received_at")


def parked_kinds(shop_id: int) -> list[Kind]:
    """What is parked in one shop, by topic and error, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select provider, topic, error, count(*), min(received_at) from delivery"
            " where shop_id = %s and state = 'PARKED' group by 1, 2, 3 order by 4 desc, 1, 2 limit 100",
            [shop_id],
        )
        return [Kind(*row) for row in cursor.fetchall()]


def counts(shop_id: int) -> dict[str, int]:
    """How many deliveries of one shop are in each state."""
    rows = Delivery.objects.filter(shop_id=shop_id).values_list("state").annotate(Count("pk"))
    return dict.fromkeys(Delivery.State.values, 0) | dict(rows)


def search(
    shop_id: int,
    *,
    state: str = "",
    provider: str = "",
    topic: str = "",
    keys: Sequence[str] | None = None,
    number: int | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Deliveries of one shop, newest first, without their bodies.

    ``keys``: about any of these (fold and subject keys, the provider's delivery id), or our own ``number``. That looks
    at each delivery of the shop, at most those of 30 days: people ask it now and then.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            SEARCH,
            {
                "shop": shop_id,
                "states": [state] if state else Delivery.State.values,
                "provider": provider,
                "topic": topic,
                "keys": None if keys is None else list(keys),
                "id": number,
                "before": before and before[0],
                "before_id": before and before[1],
                "limit": limit,
            },
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    found = Delivery.objects.filter(shop_id=shop_id, pk__in=ids).defer("body").in_bulk()
    return [found[pk] for pk in ids if pk in found]


def one(shop_id: int, delivery_id: int) -> Delivery | None:
    """A delivery of that shop, with its body; None for another shop's as for none."""
    return Delivery.objects.filter(shop_id=shop_id, pk=delivery_id).first()
