"""What two workers at once must not do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, connections
from tests.waiting import until

from sayso.commerce.models import Order
from sayso.contacts import merge
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact, ContactMerge
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

T0 = datetime(2026, 11, 1, tzinfo=UTC)


def customer(number: int) -> ContactChange:
    return ContactChange(
        source=Source.SHOPIFY, at=T0, shopify_customer_id=number, profile=Profile(phone="+447911123456")
    )


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return cursor.fetchone()[0]


def test_two_customers_do_not_become_one_guest(committed):
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        apply([ContactChange(source=Source.GUEST, at=T0, profile=Profile(phone="+447911123456"))])
    trouble: list[BaseException] = []

    def second() -> None:
        try:
            with shop_context(shop.pk):
                apply([customer(2)])
        except OperationalError as error:
            trouble.append(error)
        finally:
            connections.close_all()

    other = threading.Thread(target=second)
    with shop_context(shop.pk):
        apply([customer(1)])
        other.start()
        until(waiting_for_locks)
    other.join()
    assert len(trouble) == 1 and "meanwhile" in str(trouble[0])
    with shop_context(shop.pk):
        apply([customer(2)])  # as the worker does
        assert list(Contact.objects.order_by("pk").values_list("shopify_customer_id", flat=True)) == [1, 2]


@pytest.mark.parametrize("rounds", [3])
def test_one_new_customer_twice_at_once_is_one_contact(committed, rounds):
    """A unique violation repeats the batch; there is never a second contact."""
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)

    def try_it(number: int) -> None:
        try:
            with shop_context(shop.pk):
                apply([customer(number)])
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    for number in range(1, rounds + 1):
        outcomes: list[BaseException] = []
        threads = [threading.Thread(target=try_it, args=[number]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with shop_context(shop.pk):
            assert Contact.objects.filter(shopify_customer_id=number).count() == 1


def test_what_follows_while_they_are_parted_comes_back_too(committed):
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        survivor = apply([customer(1)])[0].contact_id
        guest = ContactChange(source=Source.GUEST, at=T0, profile=Profile(email="guest@example.com"))
        merged = apply([guest])[0].contact_id
        number = merge.merge(survivor, merged, cause=ContactMerge.Cause.STAFF, actor=Actor("staff", "1"))
        Order.objects.create(
            shop_id=shop.pk, contact_id=merged, shopify_order_id=1, name="#1", status="INITIALIZED", total=1,
            currency="EUR", placed_at=T0, source_updated_at=T0,
        )  # fmt: skip

    def part() -> None:
        try:
            with shop_context(shop.pk):
                merge.part(number, actor=Actor("staff", "1"))
        finally:
            connections.close_all()

    other = threading.Thread(target=part)
    with shop_context(shop.pk):
        merge.bring_along([merged])
        other.start()
        until(waiting_for_locks)
    other.join()
    with shop_context(shop.pk):
        assert Order.objects.get().contact_id == merged
