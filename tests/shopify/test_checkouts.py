"""Checkouts as they are delivered: kept by token, newest picture, deletions, and what guests ticked."""

import itertools
import random
from datetime import timedelta

import pytest

from sayso.commerce.models import Checkout, Order
from sayso.consent import settings
from sayso.consent.models import ConsentState, Evidence, LedgerEntry
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.shopify import abandoned, guests, wire_checkouts
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture
def someone():
    """Addresses that nobody of the store has: the sandbox outlives a test."""
    number = next(NUMBERS)
    return {"email": f"guest{number}@example.net", "sms_phone": f"+4915711{number:06}"}


def held(shop, token):
    with shop_context(shop.pk):
        return Checkout.objects.get(token=token)


def states(shop, **who):
    with shop_context(shop.pk):
        row = ConsentState.objects.get(contact_id=Contact.objects.get(**who).pk)
        return {channel: getattr(row, f"{channel}_state") for channel in ("whatsapp", "sms", "email")}


def test_the_newest_picture_is_kept_by_its_token(connected, tell, listening, drain, someone):
    begun = tell("start_checkout", first="Gus", email=someone["email"], shipping_phone="+4915711999999", country="DE")
    row = held(connected, begun["token"])
    assert (row.email, row.phone, row.own_phone, row.first_name) == (someone["email"], "+4915711999999", False, "Gus")
    assert row.accepts_sms is False and row.lines[0]["quantity"] == 1 and row.total > 0 and row.completed_at is None
    assert row.url.endswith(f"recover?key=sandbox-{begun['id']}")
    listening.clear()
    listening.action("update_checkout", token=begun["token"], accepts_sms=True, sms_phone=someone["sms_phone"])
    listening.action("update_checkout", token=begun["token"], accepts_sms=False)
    drain(reversed(listening.deliveries()))
    drain(listening.deliveries())
    assert held(connected, begun["token"]).accepts_sms is False
    with shop_context(connected.pk):
        assert not Contact.objects.filter(email=someone["email"]).exists(), "a checkout alone makes no contact"
        assert not Event.objects.filter(kind="checkout.abandoned").exists()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_deleted_checkout_is_deleted_whichever_comes_first(connected, listening, drain, someone, reverse):
    listening.clear()
    begun = listening.action("start_checkout", email=someone["email"])
    listening.action("delete_checkout", token=begun["token"])
    sent = sorted(listening.deliveries(), key=lambda one: one.id, reverse=reverse)
    for delivery in sent:
        drain([delivery])
    assert held(connected, begun["token"]).deleted_at is not None


def test_a_guest_is_subscribed_once_the_order_is_there(connected, tell, listening, drain, someone):
    begun = tell("start_checkout", email=someone["email"], first="Gus", accepts_marketing=True)
    tell("update_checkout", token=begun["token"], accepts_sms=True, sms_phone=someone["sms_phone"])
    with shop_context(connected.pk):
        assert not LedgerEntry.objects.filter(source="guest_checkout").exists()
    bought = tell("complete_checkout", token=begun["token"])
    assert states(connected, email=someone["email"]) == {
        "whatsapp": "UNKNOWN",
        "sms": "SUBSCRIBED",
        "email": "SUBSCRIBED",
    }
    with shop_context(connected.pk):
        who = Contact.objects.get(email=someone["email"])
        assert (who.phone, who.source, who.shopify_customer_id) == (someone["sms_phone"], "guest_checkout", None)
        [entry] = LedgerEntry.objects.filter(contact_id=who.pk, channel="sms", event="SHOP_SUBSCRIBED")
        order = Order.objects.get(shopify_order_id=int(bought["id"]))
        assert entry.occurred_at == order.placed_at
        assert f'"reference":"{bought["id"]}"' in Evidence.objects.get(ledger_id=entry.pk).data
        before = LedgerEntry.objects.count()
    drain(listening.deliveries())
    with shop_context(connected.pk):
        assert guests.take_waiting() == 0
        assert LedgerEntry.objects.count() == before, "the same again says nothing new"


def test_an_empty_box_is_no_opt_out(connected, tell, someone):
    begun = tell("start_checkout", email=someone["email"], phone=someone["sms_phone"])
    tell("complete_checkout", token=begun["token"])
    assert states(connected, email=someone["email"]) == {
        "whatsapp": "UNKNOWN",
        "sms": "NOT_SUBSCRIBED",
        "email": "NOT_SUBSCRIBED",
    }


def test_the_consent_option_governs_guests_too(connected, tell, someone):
    with shop_context(connected.pk):
        settings.change(connected, actor_kind="staff", actor_id="1", consent_option="INFERRED")
    begun = tell("start_checkout", email=someone["email"], phone=someone["sms_phone"])
    tell("complete_checkout", token=begun["token"])
    assert states(connected, email=someone["email"])["sms"] == "SUBSCRIBED"
    with shop_context(connected.pk):
        assert ConsentState.objects.get(sms_weak_basis="INFERRED").sms_state == "SUBSCRIBED"


def test_a_consent_is_for_the_number_it_names(connected, tell, someone):
    begun = tell(
        "start_checkout", email=someone["email"], shipping_phone="+4915799000001", country="DE",
        accepts_sms=True, sms_phone=someone["sms_phone"],
    )  # fmt: skip
    tell("complete_checkout", token=begun["token"])
    with shop_context(connected.pk):
        assert Contact.objects.get(email=someone["email"]).phone == "+4915799000001"
    assert states(connected, email=someone["email"])["sms"] == "UNKNOWN"


def test_an_unfinished_picture_waits_for_the_last_one(connected, tell, listening, drain, someone):
    """The box was unticked before the purchase; the delivery that says so comes last."""
    begun = tell(
        "start_checkout", email=someone["email"], minutes_ago=5, accepts_sms=True, sms_phone=someone["sms_phone"]
    )
    listening.clear()
    listening.action("update_checkout", token=begun["token"], accepts_sms=False)
    listening.action("complete_checkout", token=begun["token"])
    sent = sorted(listening.deliveries(), key=lambda one: one.topic.startswith("checkouts/"))
    drain(one for one in sent if one.topic == "orders/create")
    assert states(connected, email=someone["email"])["sms"] == "UNKNOWN"
    drain(one for one in sent if one.topic != "orders/create")
    assert states(connected, email=someone["email"])["sms"] == "UNKNOWN"


def test_a_last_picture_that_never_comes_is_waited_for_four_hours(connected, tell, someone):
    begun = tell(
        "start_checkout", email=someone["email"], minutes_ago=241, accepts_sms=True, sms_phone=someone["sms_phone"]
    )
    tell("complete_checkout", topics={"orders/create"}, token=begun["token"])
    assert states(connected, email=someone["email"])["sms"] == "SUBSCRIBED"
    begun = tell(
        "start_checkout", email="x" + someone["email"], minutes_ago=5, accepts_sms=True, sms_phone="+4915799000002"
    )
    tell("complete_checkout", topics={"orders/create"}, token=begun["token"])
    assert abandoned.settle_guests(connected.pk) == 0
    assert states(connected, email="x" + someone["email"])["sms"] == "UNKNOWN"
    with shop_context(connected.pk):
        row = Checkout.objects.get(token=begun["token"])
        Checkout.objects.filter(pk=row.pk).update(source_updated_at=row.source_updated_at - timedelta(hours=4))
    assert abandoned.settle_guests(connected.pk) == 1
    assert states(connected, email="x" + someone["email"])["sms"] == "SUBSCRIBED"


def test_any_order_of_order_and_checkout(connected, listening, drain, someone):
    listening.clear()
    begun = listening.action("start_checkout", email=someone["email"], first="Gus", minutes_ago=3)
    listening.action("update_checkout", token=begun["token"], accepts_sms=True, sms_phone=someone["sms_phone"])
    listening.action("complete_checkout", token=begun["token"])
    sent = listening.deliveries() * 2
    random.Random(7).shuffle(sent)
    for delivery in sent:
        drain([delivery])
    assert states(connected, email=someone["email"])["sms"] == "SUBSCRIBED"


def checkout_payload(**changes) -> dict:
    line = {"key": "k", "product_id": 632910392, "quantity": 2, "title": "Tea", "variant_id": 7, "variant_title": "100 g",
            "sku": "T", "price": "9.90", "line_price": "19.80", "tax_lines": [], "properties": None, "vendor": "Leaf"}  # fmt: skip
    place = {
        "first_name": "Bo",
        "last_name": "Bill",
        "phone": "555-555-BILL",
        "country_code": "US",
        "city": "X",
        "zip": "1",
    }
    return {
        "token": "t0ken", "cart_token": "c4rt", "email": "bo@example.com", "phone": None, "customer_locale": None,
        "buyer_accepts_marketing": False, "buyer_accepts_sms_marketing": False, "sms_marketing_phone": None,
        "created_at": "2026-11-01T07:30:15-05:00", "updated_at": "2026-11-01T07:31:15-05:00", "completed_at": None,
        "currency": "USD", "total_price": "19.80", "abandoned_checkout_url": "https://x.example/recover?key=k",
        "line_items": [line], "billing_address": place, "shipping_address": place | {"first_name": "Steve"},
        "customer": {"id": 603851970716743427, "email": "bo@example.com"}, "name": "#1", "note_attributes": [],
    } | changes  # fmt: skip


def test_reading_a_payload():
    read = wire_checkouts.checkout_payload(checkout_payload(), sequence=3)
    assert (read.token, read.cart_token, read.shopify_customer_id) == ("t0ken", "c4rt", 603851970716743427)
    assert (read.phone, read.own_phone, read.first_name, str(read.total)) == ("555-555-BILL", False, "Bo", "19.80")
    assert wire_checkouts.checkout_payload(checkout_payload(phone="+491"), sequence=0).own_phone
    bare = wire_checkouts.checkout_payload({"token": "t", "created_at": "2026-11-01T00:00:00Z"}, sequence=0)
    assert (bare.accepts_sms, bare.lines, bare.currency) == (None, [], "")
    for missing in ("token", "created_at"):
        with pytest.raises(ValueError, match=missing):
            wire_checkouts.checkout_payload(checkout_payload(**{missing: None}), sequence=0)


def test_reading_a_deletion():
    gone = {"id": 981820079255243537, "cart_token": "c4rt", "sms_marketing_phone": None, "total_price": "1.00"}
    read = wire_checkouts.deleted_payload(gone, at=None)
    assert (read.shopify_checkout_id, read.cart_token) == (981820079255243537, "c4rt")
    with pytest.raises(ValueError, match="cart_token"):
        wire_checkouts.deleted_payload({"id": None}, at=None)
