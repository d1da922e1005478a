"""The choices made at connection, on the page that connects and afterwards; and what the store was told."""

from __future__ import annotations

import pytest
from tests.consenting import event, make_contact

from sayso.consent import settings
from sayso.consent.inferred import LAWFUL
from sayso.consent.record import record
from sayso.events.models import Event
from sayso.sandbox.testing import CLIENT_ID, CLIENT_SECRET, DOMAIN
from sayso.shopify.models import Connection, SyncRun, WriteBack
from sayso.shops.models import Membership, Shop, User
from sayso.shops.tenancy import shop_context

CHOICES = "/settings/shopify/choices"


def chosen(shop) -> tuple[bool, str, bool]:
    held = settings.of(Shop.objects.get(pk=shop.pk))
    return held.sync_contacts, held.consent_option, held.write_back_consent


@pytest.fixture
def joined(shop):
    Connection.objects.create(shop_id=shop.pk, provider_app_id=1, domain=shop.domain, base_url="http://127.0.0.1:9")
    return shop


def test_both_choices_can_be_changed(owner_client, joined):
    page = owner_client.get(CHOICES).content.decode()
    assert "Sync my contacts from Shopify" in page
    done = owner_client.post(CHOICES, {"consent_option": "EXPLICIT"}, follow=True).content.decode()
    assert "Contacts are no longer synced" in done
    assert "no longer written back" in done
    assert chosen(joined) == (False, "EXPLICIT", False)
    owner_client.post(CHOICES, {"consent_option": "EXPLICIT", "sync_contacts": "on", "write_back_consent": "on"})
    assert chosen(joined) == (True, "EXPLICIT", True)
    assert list(SyncRun.objects.values_list("kind", flat=True)) == ["customers"]
    assert Event.objects.filter(kind="settings.changed").count() == 2


def test_inferring_takes_the_owners_word(owner_client, joined):
    given = {"consent_option": "INFERRED", "sync_contacts": "on", "write_back_consent": "on"}
    refused = owner_client.post(CHOICES, given)
    assert refused.status_code == 422
    assert "Confirm it, or stay with explicit consent." in refused.content.decode()
    owner_client.post(CHOICES, given | {"lawful": "on"})
    assert chosen(joined)[1] == "INFERRED"
    assert Event.objects.get(kind="consent.inferred_confirmed").data == {"confirmed": LAWFUL}
    Membership.objects.update(role="admin")
    owner_client.post(CHOICES, given | {"consent_option": "EXPLICIT"})
    assert chosen(joined)[1] == "EXPLICIT"
    assert "Only an owner" in owner_client.post(CHOICES, given | {"lawful": "on"}).content.decode()
    Membership.objects.update(role="viewer")
    assert owner_client.post(CHOICES, given).status_code == 403
    assert owner_client.get(CHOICES).status_code == 200


def test_a_refusal_is_seen_and_tried_again(owner_client, joined):
    contact = make_contact()
    record([event(contact, "OPT_OUT", 1)])
    WriteBack.objects.create(
        shop_id=joined.pk, contact_id=contact, channel="sms", state="FAILED", error="Shopify refused: so it is."
    )
    WriteBack.objects.create(
        shop_id=joined.pk, contact_id=contact, channel="whatsapp", error="Tried again by itself: x."
    )
    page = owner_client.get(CHOICES).content.decode()
    assert "Shopify refused: so it is." in page
    profile = owner_client.get(f"/audience/contacts/{contact}").content.decode()
    assert "SMS: not written to Shopify" in profile
    assert "WhatsApp: waits to be written to Shopify" in profile
    owner_client.post(f"/audience/contacts/{contact}/write-back")
    assert set(WriteBack.objects.values_list("state", flat=True)) == {"WAITING"}
    WriteBack.objects.update(state="FAILED")
    assert "2 refused entries wait" in owner_client.post(CHOICES + "/try-again", follow=True).content.decode()


def test_a_missing_permission_is_named(owner_client, joined):
    Connection.objects.update(scopes=["read_customers"])
    assert "lacks the permission write_customers" in owner_client.get(CHOICES).content.decode()


@pytest.mark.parametrize("option", ["EXPLICIT", "INFERRED"])
def test_the_choices_are_made_when_a_store_is_connected(box, client, db, monkeypatch, settings, option):
    settings.SHOPIFY_URL = box.shopify_url()
    user = User.objects.create_user("o@example.com", "a long password", name="O", is_platform_owner=True)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    monkeypatch.setattr("sayso.shopify.connection.connect.check_base_url", lambda url, sandbox: url)
    monkeypatch.setattr("sayso.shopify.connection.client.check_base_url", lambda url, sandbox: url)
    monkeypatch.setattr("sayso.shopify.connection.signin.check_base_url", lambda url, sandbox: url)
    page = client.get("/connect").content.decode()
    assert "Sync my contacts from Shopify" in page
    given = {"domain": DOMAIN, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "consent_option": option}
    if option == "INFERRED":
        assert "Confirm it" in client.post("/connect", given).content.decode()
        given["lawful"] = "on"
    client.post("/connect", given)
    shop = Shop.objects.get(domain=DOMAIN)
    assert chosen(shop)[:2] == (False, option)
    with shop_context(shop.pk):
        assert "customers" not in SyncRun.objects.values_list("kind", flat=True)
    client.post("/connect", given | {"sync_contacts": "on", "consent_option": "EXPLICIT"})
    assert chosen(shop)[:2] == (False, option), "a store that was imported keeps its choices"
