"""A shop that does not take contacts from its store: none is made or changed, and yet nobody is messaged who refused."""

import itertools

import pytest

from sayso.commerce.models import Order
from sayso.consent.models import ConsentState
from sayso.contacts.models import Contact
from sayso.shopify import options
from sayso.shopify.importing import imports
from sayso.shopify.models import Refetch, SyncRun
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture
def known(listening, drain, connected):
    """A customer who is a contact already; from then on the shop takes none."""
    number = next(NUMBERS)
    made = listening.action(
        "create_customer", first="Ada", email=f"sync{number}@example.org", phone=f"+4915115{number:06}",
        consents={"email": "SUBSCRIBED", "sms": "SUBSCRIBED"},
    )  # fmt: skip
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    listening.clear()
    with shop_context(connected.pk):
        options.choose(connected, actor_id="1", sync_contacts=False)
    return int(made["id"])


def of(shop, customer):
    with shop_context(shop.pk):
        contact = Contact.objects.get(shopify_customer_id=customer)
        return contact, ConsentState.objects.get(contact_id=contact.pk)


def test_nobody_is_made_and_nobody_changed(listening, drain, connected, known):
    listening.action("create_customer", first="New", email="new.one@example.org", consents={"email": "SUBSCRIBED"})
    listening.action("edit_customer", customer=known, first="Eve")
    listening.action("add_tags", customer=known, tags=["vip"])
    listening.action("set_consent", customer=known, channel="whatsapp", state="SUBSCRIBED")
    listening.action("place_order", customer=known)
    listening.action("place_order", first="Guest", email="guest.one@example.org")
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    contact, state = of(connected, known)
    assert (contact.first_name, contact.tags, state.whatsapp_state) == ("Ada", [], "NOT_SUBSCRIBED")
    with shop_context(connected.pk):
        assert Contact.objects.count() == 1
        assert not Refetch.objects.exists()
        assert Order.objects.count() == 2
        assert Order.objects.get(contact_id=contact.pk).shopify_customer_id == known


def test_an_opt_out_and_a_deletion_are_obeyed(listening, drain, connected, known):
    listening.action("set_consent", customer=known, channel="email", state="UNSUBSCRIBED")
    drain(listening.deliveries())
    assert of(connected, known)[1].email_state == "UNSUBSCRIBED"
    listening.clear()
    listening.action("delete_customer", customer=known)
    drain(listening.deliveries())
    assert of(connected, known)[0].deleted_at is not None


def test_an_erasure_is_obeyed(listening, drain, connected, known):
    listening.post(f"shops/{connected.domain}", compliance_url="http://127.0.0.1:9")
    listening.action("redact_customer", customer=known)
    drain([one for one in listening.deliveries() if one.topic == "customers/redact"])
    from sayso.privacy.models import PrivacyRequest

    with shop_context(connected.pk):
        assert PrivacyRequest.objects.get().kind == "REDACT"


def test_customers_are_not_imported(connected, known):
    imports.start(connected.pk)
    with shop_context(connected.pk):
        assert "customers" not in SyncRun.objects.values_list("kind", flat=True)
