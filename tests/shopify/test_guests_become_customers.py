"""A guest who becomes a customer is one contact: whole history, strictest consent, whichever of the two is heard of first."""

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone

from sayso.commerce.models import Order
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.models import Contact
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture
def gus():
    number = next(NUMBERS)
    return {"email": f"gus{number}@example.net", "phone": f"+4915733{number:06}"}


@pytest.fixture
def happen(listening):
    """Do things in the store and answer what it would deliver, by act."""

    def happen(act, **arguments):
        listening.clear()
        done = listening.action(act, **arguments)
        return done, listening.deliveries()

    return happen


def only(shop, gus):
    with shop_context(shop.pk):
        row = Contact.objects.get(email=gus["email"])
        state = ConsentState.objects.get(contact_id=row.pk)
        return row, {channel: getattr(state, f"{channel}_state") for channel in ("whatsapp", "sms", "email")}


@pytest.mark.parametrize("first", ["guest", "customer"])
def test_one_contact_with_all_orders(connected, happen, drain, gus, first):
    order, bought = happen("place_order", first="Gus", accepts_marketing=True, **gus)
    made, registered = happen("create_customer", first="Gustav", **gus)
    own, again = happen("place_order", customer=made["id"])
    for sent in (bought, registered, again) if first == "guest" else (registered, again, bought):
        drain(sent)
    refetch.refetch_now(connected.pk)
    row, _ = only(connected, gus)
    assert (row.shopify_customer_id, row.first_name) == (int(made["id"]), "Gustav")
    with shop_context(connected.pk):
        orders = dict(Order.objects.filter(contact_id=row.pk).values_list("shopify_order_id", "shopify_customer_id"))
    assert orders == {int(order["id"]): None, int(own["id"]): int(made["id"])}
    assert row.orders_count == 1, "as Shopify counts them"


@pytest.mark.parametrize("first", ["guest", "customer"])
def test_what_the_guest_ticked_is_a_consent_of_the_customer(connected, happen, drain, gus, first):
    _, bought = happen("place_order", first="Gus", accepts_marketing=True, **gus)
    _, registered = happen("create_customer", first="Gus", **gus)
    for sent in (bought, registered) if first == "guest" else (registered, bought):
        drain(sent)
    refetch.refetch_now(connected.pk)
    assert only(connected, gus)[1] == {"whatsapp": "NOT_SUBSCRIBED", "sms": "NOT_SUBSCRIBED", "email": "SUBSCRIBED"}


def test_an_opt_out_of_the_guest_stands(connected, happen, drain, gus):
    _, bought = happen("place_order", first="Gus", accepts_marketing=True, **gus)
    drain(bought)
    row, states = only(connected, gus)
    assert states["email"] == "SUBSCRIBED"
    with shop_context(connected.pk):
        record(
            ConsentEvent(row.pk, channel, "OPT_OUT", timezone.now(), "stop_reply")
            for channel in (Channel.SMS, Channel.EMAIL)
        )
        before = LedgerEntry.objects.filter(contact_id=row.pk).count()
    # The store says subscribed, of a time before the opt-out.
    consents = {"sms": "SUBSCRIBED", "email": "SUBSCRIBED"}
    hour_ago = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made, registered = happen("create_customer", first="Gus", **gus)
    for channel in consents:
        _, sent = happen(
            "set_consent", customer=made["id"], channel=channel, state="SUBSCRIBED", level="SINGLE_OPT_IN", at=hour_ago
        )
        registered += sent
    drain(registered)
    refetch.refetch_now(connected.pk)
    adopted, states = only(connected, gus)
    assert (adopted.pk, adopted.shopify_customer_id) == (row.pk, int(made["id"]))
    assert states == {"whatsapp": "UNSUBSCRIBED", "sms": "UNSUBSCRIBED", "email": "UNSUBSCRIBED"}
    with shop_context(connected.pk):
        entries = LedgerEntry.objects.filter(contact_id=row.pk)
        assert entries.count() > before and entries.order_by("pk").first().source == "guest_checkout"


def test_a_newer_act_of_the_person_ends_it(connected, happen, drain, gus):
    _, bought = happen("place_order", first="Gus", accepts_marketing=True, **gus)
    drain(bought)
    row, _ = only(connected, gus)
    with shop_context(connected.pk):
        record([ConsentEvent(row.pk, Channel.EMAIL, "OPT_OUT", timezone.now() - timedelta(hours=2), "stop_reply")])
    made, registered = happen("create_customer", first="Gus", **gus)
    _, agreed = happen("set_consent", customer=made["id"], channel="email", state="SUBSCRIBED", level="SINGLE_OPT_IN")
    drain(registered + agreed)
    refetch.refetch_now(connected.pk)
    assert only(connected, gus)[1]["email"] == "SUBSCRIBED"


def test_a_refusal_told_by_the_store_is_the_guests_too(connected, happen, drain, gus):
    """Registered first and unsubscribed; then a guest order of an earlier moment, with the box ticked, arrives."""
    _, bought = happen("place_order", first="Gus", accepts_marketing=True, **gus)
    made, registered = happen("create_customer", first="Gus", **gus)
    _, refused = happen("set_consent", customer=made["id"], channel="email", state="UNSUBSCRIBED")
    drain(registered + refused)
    drain(bought)
    refetch.refetch_now(connected.pk)
    assert only(connected, gus)[1]["email"] == "UNSUBSCRIBED"
    with shop_context(connected.pk):
        assert Contact.objects.filter(email=gus["email"]).count() == 1
