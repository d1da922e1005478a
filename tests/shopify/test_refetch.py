"""Reading customers again: folded, in batches, and never lost."""

import threading

import pytest
from django.db import connection

from sayso.contacts.models import Contact
from sayso.shopify.connection.client import GraphQL, ShopifyError
from sayso.shopify.models import Connection, Refetch
from sayso.shopify.reading import poll, refetch
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context


def due():
    with connection.cursor() as cursor:
        cursor.execute("select due_refetches()")
        return [shop_id for (shop_id,) in cursor.fetchall()]


def ask_for(shop, ids):
    with shop_context(shop.pk):
        refetch.request(shop.pk, ids)


def make_due(shop):
    with shop_context(shop.pk), connection.cursor() as cursor:
        cursor.execute("update shopify_refetch set not_before = now() - interval '1 second'")


@pytest.fixture
def calls(monkeypatch):
    """The documents that were sent to the store."""
    sent = []
    run = GraphQL.run

    def spy(self, document, variables=None):
        sent.append((document, variables))
        return run(self, document, variables)

    monkeypatch.setattr(GraphQL, "run", spy)
    return sent


def test_many_wishes_are_few_calls(box, connected, calls):
    ids = [row["id"] for row in box.customers(limit=250)]
    for part in (ids, ids[:50], ids[40:90]):
        ask_for(connected, part)
    assert refetch.refetch_now(connected.pk) == 250
    assert [len(variables["ids"]) for document, variables in calls if document == "customer_nodes"] == [100, 100, 50]
    with shop_context(connected.pk):
        assert set(Contact.objects.values_list("shopify_customer_id", flat=True)) == set(ids)
        assert not Refetch.objects.exists()


def test_what_is_asked_for_during_a_reading_is_read_once_more(box, connected, monkeypatch, calls):
    customer = box.customers(limit=1)[0]["id"]
    ask_for(connected, [customer])
    run = GraphQL.run

    def meanwhile(self, document, variables=None):
        answer = run(self, document, variables)
        monkeypatch.setattr(GraphQL, "run", run)
        ask_for(connected, [customer])
        return answer

    monkeypatch.setattr(GraphQL, "run", meanwhile)
    assert refetch.refetch_now(connected.pk) == 2


def test_shops_whose_turn_it_is(box, connected, make_shop):
    other = make_shop()
    assert due() == []
    ask_for(connected, [1])
    ask_for(other, [1])
    assert due() == []  # a moment, in which more may be asked for
    make_due(connected)
    assert due() == [connected.pk]
    make_due(other)
    assert set(due()) == {connected.pk, other.pk}
    Shop.objects.filter(pk=other.pk).update(status="UNINSTALLED")
    assert due() == [connected.pk]


def test_a_store_that_is_away_is_asked_later(box, connected, monkeypatch):
    ask_for(connected, [box.customers(limit=1)[0]["id"]])
    make_due(connected)

    def away(self, document, variables=None):
        raise ShopifyError("UNREACHABLE", "the store cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(GraphQL, "run", away)
        refetch.one_batch(connected.pk)
    with shop_context(connected.pk):
        row = Refetch.objects.get()
        assert row.attempts == 1
        assert "cannot be reached" in row.error
    assert due() == []
    make_due(connected)
    refetch.one_batch(connected.pk)
    with shop_context(connected.pk):
        assert not Refetch.objects.exists()


def test_the_loop_ends_when_told(connected):
    stop = threading.Event()
    stop.set()
    thread = threading.Thread(target=refetch.run, args=(stop,))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_polling_finds_what_changed(box, connected):
    assert set(poll.poll(connected.pk)) == {0}
    customer = box.customers(limit=1)[0]["id"]
    box.action("add_tags", customer=customer, tags=["polled"])
    box.action("place_order", customer=customer)
    assert poll.poll(connected.pk) == poll.Polled(customers=1, orders=1, products=0, collections=0)
    with shop_context(connected.pk):
        assert "polled" in Contact.objects.get(shopify_customer_id=customer).tags
        assert Connection.objects.get().polled_to


def test_who_is_not_found_once_is_asked_for_again_whatever_failed_before(box, connected, monkeypatch):
    """An attempt that failed is no answer: nobody is deleted because the store was away, and slow to find them then."""
    customer = box.customers(limit=1)[0]["id"]
    ask_for(connected, [customer])
    refetch.refetch_now(connected.pk)
    ask_for(connected, [customer])
    make_due(connected)

    def away(self, document, variables=None):
        raise ShopifyError("UNREACHABLE", "the store cannot be reached")

    def blind(self, document, variables=None):
        return {"nodes": [None] * len(variables["ids"])}

    def deleted():
        with shop_context(connected.pk):
            return Contact.objects.get(shopify_customer_id=customer).deleted_at is not None

    monkeypatch.setattr(GraphQL, "run", away)
    refetch.one_batch(connected.pk)
    monkeypatch.setattr(GraphQL, "run", blind)
    for expected in (False, True):
        make_due(connected)
        refetch.one_batch(connected.pk)
        assert deleted() is expected
