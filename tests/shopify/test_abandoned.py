"""Abandoned checkouts: what qualifies, told exactly once, and what ends them."""

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone

from sayso.commerce import checkouts
from sayso.commerce.models import AbandonedCheckout
from sayso.contacts.apply import apply as apply_contacts
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.shopify import abandoned, tasks, wire_checkouts
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture
def someone():
    number = next(NUMBERS)
    return {"email": f"left{number}@example.net", "phone": f"+4915722{number:06}"}


@pytest.fixture
def ada(tell, connected, someone):
    made = tell("create_customer", first="Ada", **someone)
    refetch.refetch_now(connected.pk)
    return int(made["id"])


def found(shop, begun):
    with shop_context(shop.pk):
        return AbandonedCheckout.objects.get(shopify_checkout_id=begun["id"])


def told(shop, begun):
    with shop_context(shop.pk):
        rows = Event.objects.filter(kind="checkout.abandoned", data__shopify_checkout=str(begun["id"]))
        return [(row.contact_id, row.bulk) for row in rows]


def contact(shop, **who):
    with shop_context(shop.pk):
        return Contact.objects.get(**who).pk


def test_told_exactly_once(connected, tell, ada):
    begun = tell("start_checkout", customer=ada, minutes_ago=11)
    assert told(connected, begun) == [], "the webhooks never tell it"
    _, new = abandoned.poll(connected.pk)
    assert new == 1
    row = found(connected, begun)
    assert (row.state, row.waits_for, row.contact_id) == ("ABANDONED", "", contact(connected, shopify_customer_id=ada))
    assert row.lines[0]["title"] and row.total > 0 and row.url
    for _ in range(2):
        assert abandoned.poll(connected.pk)[1] == 0
    # Gone on with, and left again: for this checkout it was told.
    tell("update_checkout", token=begun["token"], accepts_marketing=True)
    abandoned.poll(connected.pk)
    with shop_context(connected.pk):
        AbandonedCheckout.objects.update(source_updated_at=timezone.now() - timedelta(minutes=30))
    abandoned.poll(connected.pk)
    assert told(connected, begun) == [(row.contact_id, False)]


def test_the_schedule_asks_every_shop(connected, tell, ada, monkeypatch):
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)  # the test's transaction is to go on
    begun = tell("start_checkout", customer=ada, minutes_ago=11)
    tasks.find_abandoned_checkouts(0)
    assert len(told(connected, begun)) == 1


def test_not_yet_ten_minutes(connected, tell, ada):
    begun = tell("start_checkout", customer=ada, minutes_ago=9)
    abandoned.poll(connected.pk)
    assert (found(connected, begun).waits_for, told(connected, begun)) == ("UNTOUCHED_10_MINUTES", [])


def test_the_last_48_hours_alone(connected, tell, ada):
    begun = tell("start_checkout", customer=ada, minutes_ago=48 * 60 + 5)
    abandoned.poll(connected.pk)
    with shop_context(connected.pk):
        assert not AbandonedCheckout.objects.filter(shopify_checkout_id=begun["id"]).exists()


@pytest.mark.parametrize("where", ["billing_phone", "shipping_phone", "email"])
def test_whose_it_is(connected, tell, someone, where):
    with shop_context(connected.pk):
        apply_contacts(
            [ContactChange(Source.API, profile=Profile(email=someone["email"], phone=someone["phone"], country="DE"))]
        )
    given = {"email": someone["email"]} if where == "email" else {"email": "no@example.net", where: someone["phone"]}
    begun = tell("start_checkout", minutes_ago=11, country="DE", **given)
    abandoned.poll(connected.pk)
    assert told(connected, begun) == [(contact(connected, email=someone["email"]), False)]


def test_nobody_known_yet(connected, tell, someone):
    begun = tell("start_checkout", minutes_ago=11, email=someone["email"])
    abandoned.poll(connected.pk)
    assert (found(connected, begun).waits_for, told(connected, begun)) == ("CONTACT", [])
    tell("create_customer", email=someone["email"])
    abandoned.poll(connected.pk)
    assert len(told(connected, begun)) == 1, "known meanwhile"


def test_ordered_since(connected, tell, ada):
    begun = tell("start_checkout", customer=ada, minutes_ago=11)
    order = tell("place_order", customer=ada)
    abandoned.poll(connected.pk)
    row = found(connected, begun)
    assert (row.state, row.shopify_order_id, told(connected, begun)) == ("ORDERED", int(order["id"]), [])


def test_an_order_ends_it_at_once(connected, tell, ada):
    begun = tell("start_checkout", customer=ada, minutes_ago=11)
    abandoned.poll(connected.pk)
    order = tell("place_order", topics={"orders/create"}, customer=ada)
    row = found(connected, begun)
    assert (row.state, row.shopify_order_id, row.abandoned_at is None) == ("ORDERED", int(order["id"]), False)


def test_completed_meanwhile(connected, tell, ada):
    begun = tell("start_checkout", customer=ada, minutes_ago=11)
    abandoned.poll(connected.pk)
    tell("complete_checkout", token=begun["token"])
    abandoned.poll(connected.pk)
    row = found(connected, begun)
    assert row.state == "COMPLETED" and row.completed_at is not None and row.shopify_order_id


@pytest.mark.parametrize("first", ["poll", "deletion"])
def test_deleted(connected, tell, ada, first):
    begun = tell("start_checkout", customer=ada, minutes_ago=11)
    if first == "poll":
        abandoned.poll(connected.pk)
        tell("delete_checkout", token=begun["token"])
        assert found(connected, begun).state == "DELETED"
        return
    node = node_of(begun, ada)
    tell("delete_checkout", token=begun["token"])
    with shop_context(connected.pk):
        assert checkouts.apply_found([wire_checkouts.abandoned(node)]) == 0
    assert (found(connected, begun).state, told(connected, begun)) == ("DELETED", [])


def node_of(begun, customer, **changes) -> dict:
    money = {"shopMoney": {"amount": "19.80", "currencyCode": "EUR"}}
    line = {"title": "Tea", "variantTitle": None, "quantity": 2, "sku": None, "originalUnitPriceSet": money,
            "product": {"id": "gid://shopify/Product/7"}, "variant": None}  # fmt: skip
    at = (timezone.now() - timedelta(minutes=20)).isoformat()
    return {
        "id": f"gid://shopify/AbandonedCheckout/{begun['id']}", "name": "#1", "abandonedCheckoutUrl": "https://x.example/r",
        "createdAt": at, "updatedAt": at, "completedAt": None, "customer": {"id": f"gid://shopify/Customer/{customer}"},
        "billingAddress": None, "shippingAddress": {"phone": "030 1", "countryCodeV2": "DE"}, "totalPriceSet": money,
        "lineItems": {"nodes": [line]},
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "waits_for"),
    [
        ({"totalPriceSet": {"shopMoney": {"amount": "0.00", "currencyCode": "EUR"}}}, "TOTAL"),
        ({"lineItems": {"nodes": []}}, "ITEMS"),
    ],
)
def test_nothing_to_buy(connected, ada, changes, waits_for):
    begun = {"id": 39_417_263_815_927_000 + next(NUMBERS)}
    with shop_context(connected.pk):
        assert checkouts.apply_found([wire_checkouts.abandoned(node_of(begun, ada, **changes))]) == 0
    assert found(connected, begun).waits_for == waits_for


def test_an_older_answer_changes_nothing(connected, ada):
    begun = {"id": 39_417_263_815_927_000 + next(NUMBERS)}
    now, before = (timezone.now() - timedelta(minutes=minutes) for minutes in (20, 40))
    with shop_context(connected.pk):
        for at, name in ((now, "#2"), (before, "#1")):
            checkouts.apply_found([wire_checkouts.abandoned(node_of(begun, ada, name=name, updatedAt=at.isoformat()))])
    assert found(connected, begun).name == "#2"


def test_a_checkout_without_what_makes_it_one():
    for missing in ("abandonedCheckoutUrl", "createdAt"):
        with pytest.raises(ValueError, match=missing):
            wire_checkouts.abandoned(node_of({"id": 1}, 1, **{missing: None}))
