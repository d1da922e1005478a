"""Orders: whole pictures of which the newest wins, guests, and orders that come before their customer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.utils import timezone

from sayso.commerce.apply import apply, delete
from sayso.commerce.changes import FulfillmentChange, LineChange, OrderChange
from sayso.commerce.models import Fulfillment, Order, OrderLine
from sayso.contacts.apply import apply as apply_contacts
from sayso.contacts.changes import ContactChange, Figures, Profile, Source
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
    apply_contacts([customer()])
    apply([order()])
    assert apply([order()]) == []
    assert Event.objects.filter(kind__startswith="order.").count() == 1


def test_an_order_before_its_customer_is_linked_when_the_customer_comes():
    apply([order()])
    assert Order.objects.get().contact_id is None
    [applied] = apply_contacts([customer()])
    assert Order.objects.get().contact_id == applied.contact_id


@pytest.mark.parametrize("here_already", [True, False])
def test_an_order_that_was_given_to_another_customer_is_theirs(here_already):
    """Whichever is heard of first: the customer, or that the order is theirs now."""
    apply_contacts([customer()])
    apply([order()])
    other = ContactChange(
        source=Source.SHOPIFY, at=T0, shopify_customer_id=8, profile=Profile(email="grace@example.com")
    )
    given = order(1, shopify_customer_id=8)
    if here_already:
        apply_contacts([other])
    apply([given])
    [applied] = apply_contacts([other])
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


def told(**fields: object) -> list[tuple]:
    rows = Event.objects.filter(kind__startswith="order.").exclude(kind="order.updated").filter(**fields)
    return sorted(rows.values_list("kind", "contact_id"))


def parcel(number: int = 1, **fields: object) -> FulfillmentChange:
    base = FulfillmentChange(number, "SUCCESS", timezone.now(), None, "DHL", [f"JD{number}"], [])
    return replace(base, **fields)


def pictures() -> list[OrderChange]:
    """An order placed, shipped in two parcels, and cancelled: each picture holds what went before."""
    now = timezone.now()
    return [
        order(0, placed_at=now),
        order(1, placed_at=now, fulfillments=[parcel(1)]),
        order(2, placed_at=now, fulfillments=[parcel(1, shipment_status="DELIVERED"), parcel(2)]),
        order(3, placed_at=now, cancelled_at=now, status="CANCELLED", fulfillments=[parcel(1), parcel(2)]),
    ]


def test_each_thing_that_happened_is_told_once_in_whatever_order():
    [ada] = apply_contacts([customer()])
    for number, arrival in enumerate(permutations(range(4)), 1):
        shown = [replace(one, shopify_order_id=number) for one in pictures()]
        for one in shown:
            one.fulfillments = [
                replace(p, shopify_fulfillment_id=10 * number + p.shopify_fulfillment_id) for p in one.fulfillments
            ]
        for position in (*arrival, *arrival):
            apply([shown[position]])
        assert [kind for kind, _ in told(data__order=str(Order.objects.get(shopify_order_id=number).pk))] == [
            "order.cancelled", "order.created", "order.fulfilled", "order.fulfilled",
        ], arrival  # fmt: skip
    assert set(Event.objects.filter(kind__startswith="order.").values_list("contact_id", "bulk")) == {
        (ada.contact_id, False)
    }


def test_an_order_before_its_customer_is_told_when_the_customer_is_there():
    apply(pictures()[2:])
    assert told() == []
    [ada] = apply_contacts([customer()])
    kinds = ("order.cancelled", "order.created", "order.fulfilled", "order.fulfilled")
    assert told() == [(kind, ada.contact_id) for kind in kinds]
    apply(pictures())
    assert len(told()) == 4


def test_a_parcel_that_was_called_back_first_is_none():
    apply_contacts([customer()])
    apply([order(2, fulfillments=[parcel(1, status="CANCELLED")])])
    apply([order(1, fulfillments=[parcel(1)])])
    assert [kind for kind, _ in told()] == ["order.created"]
    assert Fulfillment.objects.get().status == "CANCELLED"


def test_the_tracking_is_told():
    apply_contacts([customer()])
    apply([order(1, fulfillments=[parcel(7, tracking_urls=["https://dhl.example/JD7"])])])
    data = Event.objects.get(kind="order.fulfilled").data
    assert data["fulfillment"] == "7" and data["tracking_company"] == "DHL"
    assert (data["tracking_numbers"], data["tracking_urls"]) == (["JD7"], ["https://dhl.example/JD7"])


def test_nothing_follows_from_an_import_nor_from_what_is_long_past():
    apply_contacts([customer()])
    apply([order(1, placed_at=timezone.now(), fulfillments=[parcel(1)])], bulk=True)
    # The parcel was there at the import; the second one leaves now.
    apply([order(2, placed_at=timezone.now(), fulfillments=[parcel(1), parcel(2)])])
    news = Event.objects.filter(kind__startswith="order.", bulk=False)
    assert [one.data.get("fulfillment") for one in news] == ["2"]
    apply([order(1, shopify_order_id=5, fulfillments=[parcel(3)])])  # placed weeks ago, heard of only now
    old = Event.objects.filter(kind__startswith="order.").order_by("-id")[:2]
    assert {(one.kind, one.bulk) for one in old} == {("order.created", True), ("order.fulfilled", False)}


def test_a_deleted_order_is_gone_for_good():
    apply_contacts([customer()])
    apply([order(1, fulfillments=[parcel(1)])])
    assert delete({order().shopify_order_id: T0}) == {7}
    assert (Order.objects.count(), OrderLine.objects.count(), Fulfillment.objects.count()) == (0, 0, 0)
    assert Event.objects.filter(kind="order.deleted").count() == 1
    apply([order(9)])
    delete({order().shopify_order_id: T0, 99: T0})
    assert not Order.objects.exists() and Event.objects.filter(kind="order.deleted").count() == 1
    assert apply([order(0, shopify_order_id=99)]) == [], "deleted before it was heard of"


def test_the_figures_of_a_guest_follow():
    guest = {"shopify_customer_id": None, "email": "g@example.com"}
    apply([order(number, shopify_order_id=number, **guest) for number in (1, 2, 3)])
    apply([order(9, shopify_order_id=2, cancelled_at=T0, **guest)])
    row = Contact.objects.get()
    assert (row.orders_count, row.total_spent) == (2, Decimal("20.00"))
    delete({1: T0})
    row.refresh_from_db()
    assert (row.orders_count, row.total_spent) == (1, Decimal("10.00"))
    delete({2: T0, 3: T0})
    row.refresh_from_db()
    assert (row.orders_count, row.total_spent, row.last_order_at) == (0, Decimal(0), None)


def test_what_shopify_says_of_the_customer_replaces_the_sum_of_the_guest():
    apply([order(60, shopify_customer_id=None, email="ada@example.com")])
    became = replace(customer(), figures=Figures(5, Decimal("50.00"), T0))  # of a time before the order's last change
    apply_contacts([became])
    assert Contact.objects.get().orders_count == 5


def test_amounts_have_the_decimals_of_their_currency():
    apply_contacts([customer()])
    apply([order(total=Decimal("12.345"), currency="KWD")])
    assert Order.objects.get().total == Decimal("12.345")
    assert Event.objects.get(kind="order.created").data["total"] == "12.345"
