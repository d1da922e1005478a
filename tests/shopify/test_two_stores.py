"""Two stores of one installation, each with an app of its own and customers in common: each is kept for itself."""

import pytest

from sayso.commerce.models import Order
from sayso.consent.models import ConsentState
from sayso.contacts.models import Contact
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.shopify import webhooks
from sayso.shopify.connection import connect, subscriptions
from sayso.shopify.importing import imports
from sayso.shopify.models import Connection
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import shop_context

DOMAIN, CLIENT_ID, SECRET = "second-store.myshopify.com", "other-id", "other-secret"
PHONE = "+4915777000001"


@pytest.fixture(scope="module")
def two_stores(box):
    box.post("shops", domain=DOMAIN, customers=20, orders=20, client_id=CLIENT_ID, client_secret=SECRET)
    return box


@pytest.fixture
def second(two_stores, connected) -> Shop:
    return connect.connect(DOMAIN, CLIENT_ID, SECRET, base_url=two_stores.shopify_url(DOMAIN), sandbox=True)


def take_in(box):
    """Store what both stores would deliver, as the endpoint does it, and drain it."""
    for number, sent in enumerate(box.deliveries()):
        headers = {name.lower().encode(): value.encode() for name, value in sent.headers.items()}
        envelope = webhooks.describe(headers, sent.body)
        Delivery.objects.create(
            provider="shopify", key=f"{envelope.key} {number}", topic=envelope.topic, fold_key=envelope.fold_key,
            shop_id=Shop.objects.get(domain=envelope.shop_domain).pk, headers=envelope.kept_headers, body=sent.body,
            triggered_at=envelope.triggered_at,
        )  # fmt: skip
    drain_all()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"DONE"}


def phone_state(shop):
    with shop_context(shop.pk):
        contact = Contact.objects.get(phone=PHONE)
        return ConsentState.objects.get(contact_id=contact.pk).sms_state


def test_each_has_an_app_and_people_of_its_own(connected, second):
    apps = {}
    for shop in (connected, second):
        for run_id in imports.start(shop.pk):
            assert imports.run(shop.pk, run_id) == "COMPLETE"
        with shop_context(shop.pk):
            apps[shop.pk] = Connection.objects.get().provider_app_id
    assert len(set(apps.values())) == 2
    assert ProviderApp.objects.get(pk=apps[second.pk]).client_id == CLIENT_ID
    with shop_context(second.pk):
        theirs = set(Contact.objects.filter(shopify_customer_id__isnull=False).values_list("pk", flat=True))
        assert (len(theirs), Order.objects.count()) == (20, 20)
    with shop_context(connected.pk):
        assert not Contact.objects.filter(pk__in=theirs).exists()


def test_somebody_who_says_stop_to_one_has_said_nothing_to_the_other(two_stores, connected, second):
    box = two_stores
    box.hold("shopify")
    for shop in (connected, second):
        subscriptions.ensure(shop.pk, "http://127.0.0.1:9")
    made = {
        domain: box.action("create_customer", shop=domain, first="Both", phone=PHONE, consents={"sms": "SUBSCRIBED"})[
            "id"
        ]
        for domain in (connected.domain, DOMAIN)
    }
    take_in(box)
    assert (phone_state(connected), phone_state(second)) == ("SUBSCRIBED", "SUBSCRIBED")
    box.clear()
    box.action("set_consent", shop=DOMAIN, customer=made[DOMAIN], channel="sms", state="UNSUBSCRIBED")
    take_in(box)
    assert (phone_state(connected), phone_state(second)) == ("SUBSCRIBED", "UNSUBSCRIBED")
    box.post("reset")
