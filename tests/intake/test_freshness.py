"""How soon deliveries are applied, counted in windows that outlive the deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sayso.intake import freshness
from sayso.intake.models import Delivery, Freshness
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop, shop_context

MINUTE = timedelta(minutes=1)


def deliver(shop_id: int, came: datetime, took: float | None, state: str = "DONE", provider: str = "shopify") -> int:
    number = Delivery.objects.count()
    made = Delivery.objects.create(
        provider=provider, key=f"d{number}", shop_id=shop_id, topic="customers/update", body=b"{}", received_at=came,
        state=state, drained_at=None if took is None else came + timedelta(seconds=took),
    )  # fmt: skip
    return made.pk


def at(minutes_ago: float) -> datetime:
    """Some time in the window of that moment; not at its edge."""
    moment = timezone.now() - minutes_ago * MINUTE
    return moment - timedelta(seconds=moment.timestamp() % 300) + timedelta(seconds=100)


def test_a_histogram_answers_percentiles_to_a_fifth():
    lags = sorted(1 + number**2 for number in range(1, 400))
    found: dict[int, int] = {}
    for lag in lags:
        bucket = next(k for k in range(200) if 2 ** (k / 4) >= lag)
        found[bucket] = found.get(bucket, 0) + 1
    for share in (0.5, 0.99):
        exact = lags[int(share * len(lags))]
        assert exact / 1.2 <= freshness.percentile(sorted(found.items()), share) <= exact * 1.2
    assert freshness.percentile([], 0.5) == 0


def test_windows_are_counted_once_nothing_waits_and_outlive_the_deliveries(shop):
    other = Shop.objects.create(domain="other.myshopify.com", name="other", address_secret="s" * 64)
    for _ in range(99):
        deliver(shop.pk, at(20), 0.1)
    deliver(shop.pk, at(20), 60)
    slow = deliver(shop.pk, at(40), None, state="NEW")
    parked = deliver(shop.pk, at(60), None, state="PARKED")
    deliver(shop.pk, at(20), 5, provider="whatsapp")
    deliver(other.pk, at(20), 900)
    freshness.count(shop.pk)
    freshness.count(shop.pk)
    since = at(90)
    (lag,) = freshness.lags(shop.pk, since, timedelta(hours=3))
    assert lag.applied == 100
    assert 100 <= lag.p50 <= 120
    assert lag.p99 <= 120
    assert {row.waiting for row in Freshness.objects.filter(provider="shopify")} == {0, 1}

    # Applied at last, and replayed at last: their windows are counted again.
    for pk in (slow, parked):
        one = Delivery.objects.get(pk=pk)
        Delivery.objects.filter(pk=pk).update(state="DONE", drained_at=one.received_at + timedelta(seconds=1200))
    freshness.count(shop.pk)
    assert not Freshness.objects.filter(waiting__gt=0).exists()
    (lag,) = freshness.lags(shop.pk, since, timedelta(hours=3))
    assert (lag.applied, lag.p99 > 60_000) == (102, True)

    # Gone with age, the deliveries leave what was counted of them.
    Delivery.objects.all().delete()
    freshness.count(shop.pk)
    assert [one.applied for one in freshness.lags(shop.pk, since, timedelta(hours=3))] == [102]


def test_a_shop_sees_its_own_windows(shop):
    deliver(shop.pk, at(20), 1)
    freshness.count(shop.pk)
    other = Shop.objects.create(domain="other.myshopify.com", name="other", address_secret="s" * 64)
    enter_shop(other.pk)
    assert not Freshness.objects.exists()
    with shop_context(other.pk):
        assert freshness.lags(shop.pk, datetime(2020, 1, 1, tzinfo=UTC), timedelta(days=1)) == []


@pytest.mark.parametrize("days", [2, 40])
def test_a_standstill_of_the_counting_misses_nothing(shop, days):
    deliver(shop.pk, timezone.now() - timedelta(days=min(days, 28)), 2)
    freshness.count(shop.pk)
    deliver(shop.pk, timezone.now() - timedelta(days=1), 2)
    freshness.count(shop.pk)
    assert sum(row.deliveries for row in Freshness.objects.all()) == 2
