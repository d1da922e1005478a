"""When a store is reconciled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sayso.shopify.models import Connection, SyncRun, SyncStep
from sayso.shopify.reconciliation.kinds import SUBJECTS
from sayso.shopify.reconciliation.tasks import is_due, last_night
from sayso.shops.tenancy import shop_context

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("UTC", datetime(2026, 11, 22, 3, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("Pacific/Honolulu", datetime(2026, 11, 21, 13, tzinfo=UTC)),  # there it is two in the morning
        ("Nowhere/AtAll", datetime(2026, 11, 22, 3, tzinfo=UTC)),
    ],
)
def test_three_in_the_morning_is_that_of_the_shop(zone, night):
    assert last_night(NOW, zone) == night


def test_a_night_on_which_the_clocks_change():
    assert last_night(datetime(2026, 10, 25, 3, 30, tzinfo=UTC), "Europe/Berlin") == datetime(
        2026, 10, 25, 2, tzinfo=UTC
    )


@pytest.fixture
def store(make_shop):
    shop = make_shop()
    with shop_context(shop.pk):
        Connection.objects.create(
            shop_id=shop.pk, provider_app_id=1, domain=shop.domain, base_url="https://x.example",
            created_at=NOW - timedelta(days=30),
        )  # fmt: skip
    return shop


def made(shop, at, scope, waiting=(), kinds=tuple(SUBJECTS)):
    with shop_context(shop.pk):
        run = SyncRun.objects.create(shop_id=shop.pk, kind="reconcile", status="COMPLETE", started_at=at)
        SyncStep.objects.bulk_create(
            SyncStep(
                shop_id=shop.pk, run_id=run.pk, kind=kind, scope=scope, began_at=at,
                status="WAITING" if kind in waiting else "DONE",
            )
            for kind in kinds
        )  # fmt: skip


def test_daily_and_everything_weekly(store):
    assert is_due(store, NOW) is True
    made(store, NOW - timedelta(days=1), "full")
    assert is_due(store, NOW) is False
    made(store, NOW - timedelta(hours=1), "window")
    assert is_due(store, NOW) is None
    assert is_due(store, NOW + timedelta(days=1)) is False
    assert is_due(store, NOW + timedelta(days=6)) is True


def test_what_did_not_reach_everything_is_not_the_comparison_of_the_week(store):
    made(store, NOW - timedelta(days=2), "full", waiting=["orders"])  # it broke off
    made(store, NOW - timedelta(days=1), "full", kinds=["customers"])  # a count led to it
    assert is_due(store, NOW) is True
    made(store, NOW - timedelta(days=3), "full")
    assert is_due(store, NOW) is False


def test_not_while_an_import_runs_nor_for_a_store_connected_since(store):
    with shop_context(store.pk):
        run = SyncRun.objects.create(shop_id=store.pk, kind="customers", status="IN_PROGRESS")
    assert is_due(store, NOW) is None
    with shop_context(store.pk):
        SyncRun.objects.filter(pk=run.pk).update(status="COMPLETE")
        Connection.objects.update(created_at=NOW - timedelta(hours=1))
    assert is_due(store, NOW) is None


def test_not_of_a_store_that_refuses_us(store):
    with shop_context(store.pk):
        Connection.objects.update(status="DISCONNECTED")
    assert is_due(store, NOW) is None
