"""Compliance deliveries become requests, whatever they lack; and deliveries about a person are found."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from tests.intake.conftest import deliver, due  # noqa: F401 (fixtures)
from tests.privacy.test_redact import EMAIL, PHONE, eve, order

from sayso.commerce.apply import apply as apply_orders
from sayso.contacts.models import Contact
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.privacy import requests, retention, work
from sayso.privacy.models import PrivacyRequest
from sayso.shopify.models import Connection
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop

CUSTOMER = {"id": 900, "email": EMAIL, "phone": PHONE}


@pytest.fixture
def drained(shop, deliver):
    def drained(topic: str, body: object, **fields: object) -> Delivery:
        delivery = deliver(shop, topic, body=body, **fields)
        drain_all()
        enter_shop(shop.pk)
        delivery.refresh_from_db()
        return delivery

    return drained


def test_a_redaction_is_carried_out_and_scrubs_its_own_delivery(shop, drained):
    contact = eve("OPT_IN")
    before = drained(
        "customers/update", {"id": 900, "email": EMAIL, "phone": PHONE, "updated_at": "2026-11-02T00:00:00Z"}
    )
    asked = drained("customers/redact", {"shop_domain": shop.domain, "customer": CUSTOMER, "orders_to_redact": []})
    assert before.subject_keys[0] == "customer:900" and len(before.subject_keys) == 3
    [request] = PrivacyRequest.objects.all()
    assert (request.kind, request.origin, request.status) == ("REDACT", "shopify", "RECEIVED")
    assert timedelta(days=29) < request.due_at - timezone.now() < timedelta(days=31)
    assert work.all_due() == 1
    enter_shop(shop.pk)
    assert Contact.objects.get(pk=contact).redacted_at
    for delivery in (before, asked):
        delivery.refresh_from_db()
        assert (bytes(delivery.body), delivery.fold_key, delivery.state) == (b"", "", "DONE")


@pytest.mark.parametrize(
    "body",
    [{}, {"customer": None}, {"customer": {}}, {"customer": {"email": EMAIL}}, {"customer": {"phone": PHONE}},
     {"customer": {"id": "900"}, "orders_to_redact": None}, {"customer": {"id": 900}, "orders_to_redact": ["12", 13, "x", None]},
     {"customer": "900"}, {"orders_to_redact": [1]}],
)  # fmt: skip
def test_whatever_is_missing_nothing_is_lost(shop, drained, body):
    delivery = drained("customers/redact", body)
    assert delivery.state == "DONE"
    assert PrivacyRequest.objects.count() == 1
    assert work.all_due() == 1
    enter_shop(shop.pk)
    assert PrivacyRequest.objects.get().status == "DONE"


def test_only_orders_are_named(shop, drained):
    apply_orders([order(1, customer=None), order(2, customer=None)])
    drained("customers/redact", {"orders_to_redact": [2]})
    work.all_due()
    enter_shop(shop.pk)
    with connection.cursor() as cursor:
        cursor.execute("select shopify_order_id, email from orders order by 1")
        assert cursor.fetchall() == [(1, EMAIL), (2, None)]


def test_the_same_request_twice_is_one(shop, drained):
    body = {"customer": CUSTOMER, "data_request": {"id": 77}}
    drained("customers/data_request", body)
    drained("customers/data_request", body, key="another delivery")
    assert PrivacyRequest.objects.count() == 1


def test_what_is_no_json_is_tried_again_and_seen(drained):
    delivery = drained("customers/redact", b"not json")
    assert delivery.state == "NEW" and "no JSON" in delivery.error


def test_a_delivery_that_waited_is_scrubbed_by_the_daily_round(shop, drained, deliver, ask):
    eve()
    ask(customer_id=900)
    late = drained("customers/update", {"id": 900, "email": EMAIL, "updated_at": timezone.now().isoformat()})
    assert EMAIL.encode() in bytes(late.body)
    retention.apply(shop)
    enter_shop(shop.pk)
    late.refresh_from_db()
    assert bytes(late.body) == b""
    assert Contact.objects.filter(email__isnull=False).count() == 0


def test_deliveries_of_whatsapp_are_found_by_number(shop, deliver, ask):
    eve()
    value = {"metadata": {"phone_number_id": "1"}, "contacts": [{"wa_id": PHONE[1:], "profile": {"name": "Eve"}}],
             "messages": [{"from": PHONE[1:], "id": "wamid.1", "type": "text", "text": {"body": "hi"}, "timestamp": "1761998400"}]}  # fmt: skip
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "2", "changes": [{"field": "messages", "value": value}]}],
    }
    mine = deliver(shop, "messages", provider="whatsapp", body=body, fold_key=f"1:{PHONE[1:]}")
    other = deliver(
        shop, "messages", provider="whatsapp", body=json.loads(json.dumps(body).replace(PHONE[1:], "447911555555"))
    )
    drain_all()
    enter_shop(shop.pk)
    ask(customer_id=900)
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (bytes(mine.body), mine.fold_key) == (b"", "") and bytes(other.body)
    assert PHONE[1:] not in " ".join(mine.subject_keys)


def test_parked_and_old_deliveries_get_their_keys_when_they_are_needed(shop, deliver, ask):
    parked = deliver(shop, "customers/update", body={"id": 900, "email": EMAIL}, state="PARKED")
    unreadable = deliver(shop, "customers/update", body=b"{", state="PARKED")
    ask(customer_id=900)
    for delivery in (parked, unreadable):
        delivery.refresh_from_db()
    assert (bytes(parked.body), parked.state, parked.error) == (b"", "IGNORED", "erased on a privacy request")
    assert (bytes(unreadable.body), unreadable.state, unreadable.subject_keys) == (b"{", "PARKED", [])


def test_uninstalled_means_erased_in_30_days_and_shop_redact_means_now(shop, drained):
    Connection.objects.create(shop_id=shop.pk, provider_app_id=1, domain=shop.domain, base_url="https://x")
    drained("app/uninstalled", {"id": 1, "domain": shop.domain})
    [request] = PrivacyRequest.objects.all()
    assert (request.kind, request.origin, request.held) == ("SHOP_REDACT", "system", False)
    assert timedelta(days=29) < request.not_before - timezone.now() < timedelta(days=31)
    assert work.due() == []
    drained("shop/redact", {"shop_domain": shop.domain})
    [request] = PrivacyRequest.objects.all()
    assert (request.origin, request.held) == ("shopify", False) and request.not_before <= timezone.now()
    assert work.due() == [(shop.pk, request.pk)]


def test_a_shop_that_is_installed_is_not_erased_by_a_message(shop, drained):
    drained("shop/redact", {"shop_domain": shop.domain})
    [request] = PrivacyRequest.objects.all()
    assert request.held and "confirm" in request.note
    assert work.all_due() == 0
    requests.decline(request, "Installed again.", actor_id="1")
    drained("shop/redact", {"shop_domain": shop.domain}, key="again")
    assert PrivacyRequest.objects.filter(held=True).count() == 1
    assert Shop.objects.filter(pk=shop.pk).exists()


def test_an_erasure_that_was_planned_is_off_when_the_app_comes_back(shop):
    request = requests.erase_shop_on(
        Shop(pk=shop.pk, status="UNINSTALLED"), timezone.now(), origin=requests.Origin.SYSTEM
    )
    assert work.all_due() == 1
    enter_shop(shop.pk)
    request.refresh_from_db()
    assert request.status == "DONE" and "installed again" in request.note
    assert Shop.objects.filter(pk=shop.pk).exists()


def test_a_second_uninstalling_begins_the_30_days_anew(shop):
    gone = Shop(pk=shop.pk, status="UNINSTALLED")
    first, second = timezone.now() + timedelta(days=1), timezone.now() + timedelta(days=30)
    requests.erase_shop_on(gone, first, origin=requests.Origin.SYSTEM)  # and installed again since
    for when in (second, first):  # a repeated delivery of the first comes late
        assert requests.erase_shop_on(gone, when, origin=requests.Origin.SYSTEM).not_before == second
    assert requests.erase_shop_on(gone, first, origin=requests.Origin.SHOPIFY).not_before == first
