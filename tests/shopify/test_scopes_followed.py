"""What follows when the store's owner changes what the app may do."""

from __future__ import annotations

import pytest

from sayso.shopify.connection import subscriptions
from sayso.shopify.connection.client import ShopifyError
from sayso.shopify.models import SyncRun
from sayso.shopify.reconciliation import tasks
from sayso.shops.tenancy import shop_context


@pytest.mark.parametrize("code", ["UNREACHABLE", "ACCESS_DENIED"])
def test_what_was_missed_is_read_though_subscribing_fails(connected, monkeypatch, code):
    """Subscribing is tried again every hour; what may be seen now is read because of this task alone."""

    def fail(shop_id, url):
        raise ShopifyError(code, "the store cannot be reached")

    monkeypatch.setattr(subscriptions, "ensure", fail)
    monkeypatch.setattr(tasks.connections, "close_all", lambda: None)
    tasks.look_after_connection(connected.pk, reconcile=True)
    with shop_context(connected.pk):
        assert SyncRun.objects.filter(kind="reconcile").count() == 1
