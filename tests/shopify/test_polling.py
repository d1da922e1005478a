"""Stores that cannot deliver to us are asked: what the app may not read holds nothing else up, and no number of changes is
too large."""

from __future__ import annotations

import pytest

from sayso.contacts.models import Contact
from sayso.sandbox import known
from sayso.shopify.connection import subscriptions
from sayso.shopify.connection.client import GraphQL, ShopifyError
from sayso.shopify.models import Connection, SyncRun, SyncStep
from sayso.shopify.reading import pages, poll
from sayso.shopify.reconciliation import reconcile, window
from sayso.shops.tenancy import shop_context


@pytest.fixture
def allowed(listening):
    """Takes permissions from the app for one test."""
    everything = listening.get("shops")[0]["scopes"]
    yield lambda *gone: listening.post(f"shops/{known.DOMAIN}", scopes=sorted(set(everything) - set(gone)))
    listening.post(f"shops/{known.DOMAIN}", scopes=everything)


@pytest.fixture
def searches(monkeypatch):
    """The searches that were sent to the store, by document."""
    sent: list[tuple[str, str]] = []
    run = GraphQL.run

    def spy(self, document, variables=None):
        if variables and "query" in variables:
            sent.append((document, variables["query"]))
        return run(self, document, variables)

    monkeypatch.setattr(GraphQL, "run", spy)
    return sent


def polled_to(shop):
    with shop_context(shop.pk):
        return Connection.objects.get().polled_to


@pytest.mark.parametrize("known_of", [True, False], ids=["known", "not known yet"])
def test_without_a_permission_the_rest_is_read_and_the_next_poll_goes_on(listening, connected, allowed, known_of):
    allowed("read_customers", "write_customers")
    if known_of:
        subscriptions.ensure(connected.pk, "")
    one = listening.customers(limit=1)[0]
    listening.action("place_order", customer=one["id"])
    assert poll.poll(connected.pk).orders
    first = polled_to(connected)
    assert first is not None
    poll.poll(connected.pk)
    assert polled_to(connected) > first


def test_more_changes_than_the_store_gives_pages_of(listening, connected, monkeypatch, searches):
    with shop_context(connected.pk):
        Connection.objects.update(polled_to="2001-01-01T00:00:00Z")
    monkeypatch.setattr(pages, "FARTHEST", 100)
    found = poll.poll(connected.pk)
    people = len(listening.customers(limit=1000))
    assert found.customers >= people > 200
    with shop_context(connected.pk):
        assert Contact.objects.filter(shopify_customer_id__isnull=False).count() == people
    begun = [query for document, query in searches if document == "customers_updated"]
    assert len(set(begun)) > 2
    assert begun == sorted(begun), "each search begins where the one before it ended"


def test_a_comparison_of_as_many(listening, imported, monkeypatch, searches):
    monkeypatch.setattr(pages, "FARTHEST", 100)
    monkeypatch.setattr(window, "PAGE", 40)
    with shop_context(imported.pk):
        Connection.objects.update(created_at="2001-01-01T00:00:00Z")
        SyncRun.objects.update(started_at="2001-01-01T00:00:00Z")
    run_id = reconcile.start(imported.pk, kinds=["customers"])
    assert reconcile.run(imported.pk, run_id) == "COMPLETE"
    begun = [query for document, query in searches if document == "customers_changed"]
    assert len(set(begun)) > 2
    with shop_context(imported.pk):
        assert SyncStep.objects.get(run_id=run_id, scope="window").seen >= len(listening.customers(limit=1000))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"nodes": None, "pageInfo": {"hasNextPage": False}},
        {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}},
    ],
)
def test_half_an_answer_is_no_empty_page(answer):
    with pytest.raises(ShopifyError, match="BAD_ANSWER"):
        pages.read_page("customers", answer)
