"""Tokens of an hour: renewed in time, by one at a time, the new pair kept before anybody uses it; and the app's secret
replaced while deliveries signed with the old one are on their way."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import httpx
import pytest
from django.db import connections
from django.utils import timezone

from sayso.intake.credentials import Credentials
from sayso.sandbox import known
from sayso.sandbox.testing import Sandbox
from sayso.shopify.connection import connect, tokens
from sayso.shopify.connection.signin import SignInError, Token, exchange_code, refreshed
from sayso.shopify.models import Connection
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import shop_context

BY = {"client_id": known.CLIENT_ID, "client_secret": known.CLIENT_SECRET, "sandbox": True}


@pytest.fixture
def http():
    with httpx.Client(trust_env=False) as client:
        yield client


def pair(box: Sandbox, http: httpx.Client) -> Token:
    """What the store gives after its owner approved."""
    query = {"client_id": known.CLIENT_ID, "redirect_uri": "http://127.0.0.1:9/back", "state": "x"}
    answer = http.get(f"{box.shopify_url()}/admin/oauth/authorize", params=query)
    code = httpx.URL(answer.headers["Location"]).params["code"]
    return exchange_code(http, base_url=box.shopify_url(), code=code, **BY)


def keep(token: Token, box: Sandbox) -> Shop:
    about = {"name": "Sandbox Store", "myshopifyDomain": known.DOMAIN}
    return connect.keep(
        known.DOMAIN, box.shopify_url(), known.CLIENT_ID, known.CLIENT_SECRET, token, about,
        grant=Connection.Grant.AUTHORIZATION_CODE, sandbox=True,
    )  # fmt: skip


def row(shop: Shop) -> Connection:
    with shop_context(shop.pk):
        return Connection.objects.get()


def ends_soon(shop: Shop, **fields) -> None:
    with shop_context(shop.pk):
        Connection.objects.update(expires_at=timezone.now() + timedelta(minutes=5), **fields)


def speaks(shop: Shop) -> bool:
    with tokens.open_store(shop.pk) as store:
        return store.graphql.run("shop")["shop"]["myshopifyDomain"] == known.DOMAIN


def test_a_token_of_an_hour_comes_with_one_that_renews_it(box, db, http):
    token = pair(box, http)
    assert timedelta(minutes=55) < token.expires_at - timezone.now() <= timedelta(hours=1)
    assert timedelta(days=89) < token.refresh_expires_at - timezone.now() <= timedelta(days=90)
    shop = keep(token, box)
    assert speaks(shop)
    assert row(shop).access_token == token.access_token, "it lasts, so it is not renewed"


def test_the_new_pair_is_kept_before_it_is_used(box, db, http, monkeypatch):
    shop = keep(pair(box, http), box)
    ends_soon(shop)
    before = row(shop)
    used = []
    post = httpx.Client.post

    def watching(self, url, **given):
        if "graphql" in str(url):
            used.append((given["headers"]["X-Shopify-Access-Token"], row(shop).access_token))
        return post(self, url, **given)

    monkeypatch.setattr(httpx.Client, "post", watching)
    assert speaks(shop)
    after = row(shop)
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert used == [(after.access_token, after.access_token)]


def test_an_answer_that_got_lost_costs_nothing(box, db, http):
    """We died after the store gave a new pair and before it was kept: the old refresh token is good until the new pair
    is used, and then no more."""
    shop = keep(pair(box, http), box)
    before = row(shop)
    refreshed(http, base_url=box.shopify_url(), refresh_token=before.refresh_token, **BY)
    ends_soon(shop)
    assert speaks(shop)
    with pytest.raises(SignInError, match="active refresh_token"):
        refreshed(http, base_url=box.shopify_url(), refresh_token=before.refresh_token, **BY)


def test_a_refresh_token_that_is_over_asks_for_a_person(box, db, http):
    shop = keep(pair(box, http), box)
    ends_soon(shop, refresh_token="shprt_gone", access_token="stale")
    with pytest.raises(SignInError, match="connect the store again"):
        speaks(shop)
    assert row(shop).status == "REFUSED"
    assert "connect the store again" in row(shop).status_reason


def test_while_the_store_is_away_the_old_token_still_works(box, db, http, monkeypatch):
    shop = keep(pair(box, http), box)
    ends_soon(shop)
    before = row(shop).access_token

    def away(*_, **__):
        raise SignInError("UNREACHABLE", "away")

    monkeypatch.setattr(tokens, "refreshed", away)
    assert speaks(shop)
    assert row(shop).access_token == before


def test_two_that_renew_at_once_ask_once(box, http, committed, django_db_blocker, monkeypatch):
    with django_db_blocker.unblock():
        _two_renew(box, http, monkeypatch)


def _two_renew(box, http, monkeypatch):
    shop = keep(pair(box, http), box)
    ends_soon(shop)
    asked = []
    both = threading.Barrier(2, timeout=20)

    def counted(*args, **given):
        asked.append(given["refresh_token"])
        return refreshed(*args, **given)

    monkeypatch.setattr(tokens, "refreshed", counted)
    found = []

    def renew():
        try:
            with httpx.Client(trust_env=False) as client:
                both.wait()
                found.append(tokens.ConnectionTokens(shop.pk, row(shop).pk, client, sandbox=True).token())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=renew) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(asked) == 1
    assert found == [row(shop).access_token] * 2


def test_a_secret_that_was_replaced_is_accepted_for_a_while(box, db, http):
    shop = connect.connect(known.DOMAIN, known.CLIENT_ID, known.CLIENT_SECRET, base_url=box.shopify_url(), sandbox=True)
    box.post(f"shops/{known.DOMAIN}", client_secret="the new secret", old_secret=known.CLIENT_SECRET)
    try:
        connect.connect(known.DOMAIN, known.CLIENT_ID, "the new secret", base_url=box.shopify_url(), sandbox=True)
    finally:
        box.post(f"shops/{known.DOMAIN}", client_secret=known.CLIENT_SECRET, old_secret=None)
    app = ProviderApp.objects.get(provider="shopify")
    assert (app.secret, app.previous_secret) == ("the new secret", known.CLIENT_SECRET)
    assert timedelta(hours=4) < app.previous_until - timezone.now() <= connect.OVERLAP
    assert shop.pk == Shop.objects.get().pk


def test_and_not_for_ever(committed, django_db_blocker):
    async def secrets():
        credentials = Credentials()
        await credentials.refresh()
        return tuple(credentials.secrets("shopify"))

    with django_db_blocker.unblock():
        ProviderApp.objects.create(
            provider="shopify", client_id="rotated", secret="new", previous_secret="old",
            previous_until=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        assert asyncio.run(secrets()) == ("new", "old")
        ProviderApp.objects.update(previous_until=timezone.now())
        assert asyncio.run(secrets()) == ("new",)
