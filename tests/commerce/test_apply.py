"""Orders: whole pictures of which the newest wins, guests, and orders that come before their customer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from sayso.commerce.apply import apply
from sayso.commerce.changes import LineChange, OrderChange
from sayso.commerce.models import Order, OrderLine
from sayso.contacts.apply import apply as apply_contacts
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.events.models import Event

pytestmark = pytest.mark.usefixtures("shop")

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def order(minutes: int = 0, **fields: object) -> OrderChange:
    base = OrderChange(
        shopify_order_id=9_007_199_254_740_995,
        at=T0 + timedelta(minutes=minutes),
        name="#1001",
        placed_at=T0,
        status="INITIALIZED",
        total=Decimal("10.00"),
        currency="EUR",
        shopify_customer_id=7,
        lines=[LineChange("Tea", 1, Decimal("10.00"), vendor="Leaf")],
    )
    return replace(base, **fields)


def customer(number: int = 7) -> ContactChange:
    return ContactChange(
        source=Source.SHOPIFY, at=T0, shopify_customer_id=number, profile=Profile(email="ada@example.com")
    )


def test_the_newest_picture_wins_in_whatever_order():
    pictures = [
        order(0),
        order(1, total=Decimal("20.00"), lines=[LineChange("Tea", 2, Decimal("10.00"))]),
        order(2, status="CANCELLED", cancelled_at=T0, lines=[]),
    ]
    for arrival in permutations(pictures):
        OrderLine.objects.all().delete()
        Order.objects.all().delete()
        for picture in arrival:
            apply([picture])
        assert Order.objects.get().status == "CANCELLED"
        assert OrderLine.objects.count() == 0


def test_one_batch_may_hold_an_order_twice():
    [applied] = apply([order(1, total=Decimal(2)), order(0, total=Decimal(1))])
    assert applied.created
    assert Order.objects.get().total == 2
    assert OrderLine.objects.count() == 1


def test_the_same_again_writes_nothing():
    apply([order()])
    assert apply([order()]) == []
    assert Event.objects.filter(kind__startswith="order.").count() == 1


def test_an_order_before_its_customer_is_linked_when_the_customer_comes():
    apply([order()])
    assert Order.objects.get().contact_id is None
    [applied] = apply_contacts([customer()])
    assert Order.objects.get().contact_id == applied.contact_id


def test_a_guest_gets_a_contact_and_figures_of_the_own_orders():
    guest = {"shopify_customer_id": None, "email": "guest@example.com", "first_name": "Guest"}
    apply([order(**guest), order(shopify_order_id=2, total=Decimal("5.50"), **guest)])
    apply([order(shopify_order_id=3, test=True, **guest)])
    contact = Contact.objects.get()
    assert (contact.labels, contact.orders_count, contact.total_spent) == (["Shopify - Guests"], 2, Decimal("15.50"))
    assert set(Order.objects.values_list("contact_id", flat=True)) == {contact.pk}


def test_a_guest_order_of_a_customer_leaves_the_record_alone():
    apply_contacts([customer()])
    apply([order(5, shopify_customer_id=None, email="ada@example.com", first_name="Somebody")])
    contact = Contact.objects.get()
    assert contact.first_name is None
    assert Order.objects.get().contact_id == contact.pk
