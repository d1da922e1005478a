"""Connecting a store: real HTTP against the sandbox, and nothing half-made."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from sayso.messaging.models import Sender, Template
from sayso.sandbox import known
from sayso.shopify.connection import connect, tokens
from sayso.shopify.models import Connection
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import shop_context


def given(box, **changes):
    arguments = {
        "domain": known.DOMAIN,
        "client_id": known.CLIENT_ID,
        "client_secret": known.CLIENT_SECRET,
        "base_url": box.shopify_url(),
        "sandbox": True,
    }
    return arguments | changes


def test_a_store_says_who_it_is(box, db):
    shop = connect.connect(**given(box))
    assert (shop.domain, shop.is_sandbox, shop.status) == (known.DOMAIN, True, "ACTIVE")
    assert len(shop.currency) == 3
    assert "/" in shop.time_zone or shop.time_zone == "UTC"
    assert len(shop.address_secret) == 64
    with shop_context(shop.pk):
        row = Connection.objects.get()
        assert row.expires_at - timezone.now() > timedelta(hours=23)
        assert "read_customers" in row.scopes
        with connection.cursor() as cursor:
            cursor.execute("select access_token from shopify_connection")
            assert row.access_token not in cursor.fetchone()[0]


def test_connecting_again_mends_and_doubles_nothing(box, db):
    first = connect.connect(**given(box))
    Shop.objects.update(status="UNINSTALLED")
    again = connect.connect(**given(box, name="My shop"))
    assert (again.pk, again.address_secret) == (first.pk, first.address_secret)
    assert (again.status, again.name) == ("ACTIVE", "My shop")
    assert ProviderApp.objects.filter(provider="shopify").count() == 1
    with shop_context(first.pk):
        assert Connection.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"client_secret": "wrong"}, "client id and secret"),
        ({"sandbox": False}, "only a sandbox connection may speak to it"),
        ({"base_url": "https://sandbox-store.myshopify.com"}, "this machine only"),
        ({"base_url": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"domain": "example.com"}, "permanent domain"),
    ],
)
def test_nothing_is_kept_of_a_store_that_cannot_be_connected(box, db, changes, sentence):
    with pytest.raises(connect.ConnectError, match=sentence):
        connect.connect(**given(box, **changes))
    assert not Shop.objects.exists()
    assert not ProviderApp.objects.exists()


def test_the_sandbox_comes_with_a_whatsapp_number_and_templates(box, db):
    shop = connect.connect_sandbox(box.base)
    assert connect.connect_sandbox(box.base).pk == shop.pk
    with shop_context(shop.pk):
        sender = Sender.objects.get()
        assert (sender.phone_number_id, sender.token) == (known.PHONE_NUMBER_ID, known.TOKEN)
        kept = {(row.name, row.language, row.status) for row in Template.objects.all()}
    listed = {(row["name"], row["language"], row["status"]) for row in box.get("meta/templates")[known.WABA_ID]}
    assert kept == listed
    assert kept


def test_a_token_is_renewed_ahead_of_its_end_and_kept_before_use(box, db):
    shop = connect.connect(**given(box))
    with shop_context(shop.pk):
        Connection.objects.update(expires_at=timezone.now() + timedelta(minutes=50))
        before = Connection.objects.get().access_token
    with tokens.open_store(shop.pk) as store:
        assert store.graphql.run("shop")["shop"]["myshopifyDomain"] == known.DOMAIN
    with shop_context(shop.pk):
        after = Connection.objects.get()
    assert after.access_token != before
    assert after.expires_at - timezone.now() > timedelta(hours=23)
    with tokens.open_store(shop.pk) as store:
        store.graphql.run("shop")
    with shop_context(shop.pk):
        assert Connection.objects.get().access_token == after.access_token


def test_a_refused_token_is_replaced(box, db):
    shop = connect.connect(**given(box))
    with shop_context(shop.pk):
        Connection.objects.update(access_token="stale")
    with tokens.open_store(shop.pk) as store:
        store.graphql.run("shop")
    with shop_context(shop.pk):
        assert Connection.objects.get().access_token not in ("", "stale")


def test_the_reason_for_no_token_stands_on_the_connection(box, db):
    shop = connect.connect(**given(box))
    ProviderApp.objects.update(secret="changed at Shopify")
    with shop_context(shop.pk):
        Connection.objects.update(access_token="")
    with tokens.open_store(shop.pk) as store, pytest.raises(connect.SignInError):
        store.graphql.run("shop")
    with shop_context(shop.pk):
        assert Connection.objects.get().status == "REFUSED"


def test_numbers_without_a_calling_code_are_read_as_those_of_the_store(box, db):
    box.action("update_shop", country="DE")
    try:
        assert connect.connect(**given(box)).country == "DE"
    finally:
        box.action("update_shop", country="US")
