"""One value that the database refuses costs one thing: it stops neither a reading, nor a poll, nor a comparison."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from django.db import IntegrityError, connection

from sayso.contacts.models import Contact
from sayso.shopify import tasks
from sayso.shopify.importing import kinds as import_kinds
from sayso.shopify.models import Connection, Refetch, SyncDrift, SyncRun
from sayso.shopify.reading import kinds as reading_kinds
from sayso.shopify.reading import poll, refetch
from sayso.shopify.reconciliation import reconcile
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

NAMES = (f"Changed{number}" for number in itertools.count())  # the store is one for all tests


@pytest.fixture
def bad(imported, box, monkeypatch):
    """Two customers who have a new name, the first of whom cannot be stored; and the name."""
    first, second = (int(row["id"]) for row in box.customers(limit=2))
    name = next(NAMES)
    for one in (first, second):
        box.action("edit_customer", customer=one, first=name)

    def unless_bad(apply, customer_of):
        def refusing(items, **more):
            if any(customer_of(item) == first for item in items):
                with connection.cursor() as cursor:
                    cursor.execute("select 'secret@example.org'::bigint")
            return apply(items, **more)

        return refusing

    by_reading = unless_bad(poll.apply_readings, lambda reading: reading[0].shopify_customer_id)
    kind = reading_kinds.KINDS["customer"]
    monkeypatch.setitem(reading_kinds.KINDS, "customer", dataclasses.replace(kind, apply=by_reading))
    monkeypatch.setattr(poll, "apply_readings", by_reading)
    of_file = import_kinds.KINDS["customers"]
    by_line = unless_bad(of_file.apply, lambda customer: int(customer.id.rpartition("/")[2]))
    monkeypatch.setitem(import_kinds.KINDS, "customers", dataclasses.replace(of_file, apply=by_line))
    return first, second, name


def name_of(shop, customer):
    with shop_context(shop.pk):
        return Contact.objects.get(shopify_customer_id=customer).first_name


@pytest.mark.parametrize("full", [False, True])
def test_a_comparison_goes_on_and_says_what_it_could_not_mend(imported, bad, full):
    run_id = reconcile.start(imported.pk, full=full)
    reconcile.run(imported.pk, run_id)
    with shop_context(imported.pk):
        run = SyncRun.objects.get(pk=run_id)
        assert (run.status, run.error) == ("COMPLETE", "")
        found = SyncDrift.objects.filter(run_id=run_id, shopify_id=bad[0]).values_list("what", "topic", "mended")
        assert list(found) == [("STALE", "customers/update", False)]
    assert name_of(imported, bad[1]) == bad[2]


def test_a_poll_goes_on(imported, bad):
    with shop_context(imported.pk):
        Connection.objects.update(polled_to=None)
    poll.poll(imported.pk)
    with shop_context(imported.pk):
        assert Connection.objects.get().polled_to
    assert name_of(imported, bad[1]) == bad[2]


def test_one_shop_does_not_keep_the_others_from_being_polled(db, monkeypatch):
    shops = [Shop.objects.create(domain=f"{name}.myshopify.com", name=name) for name in "ab"]
    asked = []

    def work(shop):
        asked.append(shop.pk)
        raise IntegrityError("secret@example.org is taken")

    monkeypatch.setattr(tasks.connections, "close_all", lambda: None)
    tasks._for_each_shop(work)
    assert asked == [shop.pk for shop in shops]


def test_a_reading_says_nothing_of_the_value(imported, bad, caplog):
    with shop_context(imported.pk):
        refetch.request(imported.pk, bad[:2])
        Refetch.objects.update(not_before="2026-01-01T00:00:00Z")
    refetch.one_batch(imported.pk)
    with shop_context(imported.pk):
        row = Refetch.objects.get()
        assert row.shopify_id == bad[0] and row.error
        assert "secret" not in row.error
    assert "secret" not in caplog.text
    assert name_of(imported, bad[1]) == bad[2]
