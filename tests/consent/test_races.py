"""What two writers of the ledger at once must not do."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections
from tests.consenting import T0, event, make_contact, state
from tests.waiting import until

from sayso.consent.events import Channel
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("bulk", [False, True])
def test_an_opt_out_meanwhile_is_not_written_over(committed, bulk):
    """By an import least of all: of a contact that is not new to it, it locks nothing before it records."""
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        contact = make_contact()
        record([event(contact, "OPT_IN", 1)])

    def other_writer() -> None:
        try:
            with shop_context(shop.pk):
                record([event(contact, "SHOP_NOT_SUBSCRIBED", 2, Channel.SMS)], bulk=bulk)
        finally:
            connections.close_all()

    other = threading.Thread(target=other_writer)
    with shop_context(shop.pk):
        record([event(contact, "OPT_OUT", 5)])
        other.start()
        until(waiting_for_locks)
    other.join()
    with shop_context(shop.pk):
        held = ConsentState.objects.get(contact_id=contact)
        assert (state(contact), held.phone_out_at) == ("UNSUBSCRIBED", T0.replace(minute=5))
        entries = LedgerEntry.objects.filter(contact_id=contact).order_by("pk")
        assert [entry.prev_hash for entry in entries][1:] == [entry.hash for entry in entries][:-1]


@pytest.mark.parametrize("bulk", [False, True])
def test_nor_is_that_of_somebody_else_with_the_number(committed, bulk):
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        contact, other_holder = make_contact(1), make_contact(2)
        record([event(other_holder, "OPT_IN", 1)])

    def other_writer() -> None:
        try:
            with shop_context(shop.pk):
                record([event(other_holder, "SHOP_NOT_SUBSCRIBED", 2, Channel.SMS)], bulk=bulk)
        finally:
            connections.close_all()

    other = threading.Thread(target=other_writer)
    with shop_context(shop.pk):
        record([event(contact, "OPT_OUT", 5)])
        other.start()
        until(waiting_for_locks)
    other.join()
    with shop_context(shop.pk):
        assert state(other_holder) == "UNSUBSCRIBED"
        entries = LedgerEntry.objects.filter(contact_id=other_holder).order_by("pk")
        assert [entry.prev_hash for entry in entries][1:] == [entry.hash for entry in entries][:-1]
