"""Connecting by the owner's approval: a browser's visits, and the real answers of the sandbox."""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from sayso.sandbox import known
from sayso.shopify.connection import authorize, signature, subscriptions, tokens
from sayso.shopify.connection.signin import SignInError
from sayso.shopify.models import Connection, SyncRun
from sayso.shops.models import ProviderApp, Shop, User
from sayso.shops.tenancy import shop_context

GIVEN = {
    "grant": "authorization_code",
    "domain": known.DOMAIN,
    "client_id": known.CLIENT_ID,
    "client_secret": known.CLIENT_SECRET,
    "sync_contacts": "on",
}


@pytest.fixture
def browser(box, db, monkeypatch) -> Client:
    """Signed in; what it connects is the sandbox's store."""
    monkeypatch.setattr(authorize, "begin", partial(authorize.begin, base_url=box.shopify_url(), sandbox=True))
    monkeypatch.setattr(subscriptions, "ensure", lambda shop_id, url: ensured.append(shop_id))
    ensured: list[int] = []
    client = Client(SERVER_NAME="127.0.0.1")
    client.ensured = ensured
    user = User.objects.create_user("platform@example.com", "a long password", is_platform_owner=True)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def ask(browser: Client, **changes: str) -> str:
    """Fill in the form; answers the address behind the link to the store."""
    answer = browser.post("/connect", GIVEN | changes)
    assert answer.headers["Location"] == "/connect/permission", answer.content.decode()
    return browser.get("/connect/permission").context["url"]


def approve(url: str) -> dict[str, str]:
    """The owner says yes at the store; answers the query with which the browser comes back."""
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert (back.hostname, back.path) == ("127.0.0.1", "/shopify/callback")
    return dict(parse_qsl(back.query))


def come_back(browser: Client, query: dict[str, str]) -> str:
    """Bring the answer; answers what the page then says, "" if the store is connected."""
    answer = browser.get(f"/shopify/callback?{urlencode(query)}")
    assert answer.status_code == 302
    if answer.headers["Location"] == "/settings/shopify":
        return ""
    assert answer.headers["Location"] == "/connect"
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def signed(query: dict[str, str], secret: str = known.CLIENT_SECRET, **changes: str) -> dict[str, str]:
    query = query | changes
    return query | {"hmac": signature.sign_query(query, secret)}


def nothing_is_kept() -> bool:
    return not Shop.objects.exists() and not ProviderApp.objects.exists()


def test_the_owner_approves(browser):
    url = ask(browser)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked["redirect_uri"] == "http://127.0.0.1/shopify/callback"
    assert asked["scope"] == ",".join(authorize.SCOPES)
    assert known.CLIENT_SECRET not in url
    assert nothing_is_kept()
    assert come_back(browser, approve(url)) == ""
    shop = Shop.objects.get()
    assert (shop.domain, shop.is_sandbox) == (known.DOMAIN, True)
    assert browser.session["shop_id"] == shop.pk
    assert browser.ensured == [shop.pk]
    with shop_context(shop.pk):
        row = Connection.objects.get()
        assert (row.grant, row.status) == ("authorization_code", "CONNECTED")
        assert row.access_token
        assert row.refresh_token
        assert set(SyncRun.objects.values_list("kind", flat=True)) >= {"customers", "orders"}
    with tokens.open_store(shop.pk) as store:
        assert store.graphql.run("shop")["shop"]["myshopifyDomain"] == known.DOMAIN
    assert "Permission given in Shopify" in browser.get("/settings/shopify").content.decode()


def test_the_secret_is_not_readable_in_the_session(browser):
    ask(browser)
    assert known.CLIENT_SECRET not in repr(dict(browser.session))
    assert known.CLIENT_SECRET not in browser.get("/connect/permission").content.decode()


def test_no_answer_is_taken_that_was_not_signed_with_the_secret(browser):
    query = approve(ask(browser))
    assert "not signed with this app" in come_back(browser, query | {"hmac": "0" * 64})
    assert nothing_is_kept()
    assert "begin again" in come_back(browser, query), "a state is good for one answer"
    assert nothing_is_kept()


def test_a_wrong_secret_shows_at_the_signature(browser):
    query = approve(ask(browser, client_secret="wrong"))
    assert "copy the secret" in come_back(browser, query)
    assert nothing_is_kept()


@pytest.mark.parametrize("state", ["", "made up"])
def test_an_answer_to_another_question_is_refused_and_ours_still_stands(browser, state):
    query = approve(ask(browser))
    assert "not asked for in this browser" in come_back(browser, signed(query, state=state))
    assert nothing_is_kept()
    assert come_back(browser, query) == ""


def test_another_browser_cannot_bring_the_answer(browser):
    query = approve(ask(browser))
    other = Client(SERVER_NAME="127.0.0.1")
    other.force_login(User.objects.get(), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "not asked for in this browser" in come_back(other, query)
    assert nothing_is_kept()


def test_an_answer_is_taken_once(browser):
    query = approve(ask(browser))
    assert come_back(browser, query) == ""
    assert "used already" in come_back(browser, query)
    assert Shop.objects.count() == 1


@pytest.mark.parametrize(
    ("domain", "sentence"),
    [("other-store.myshopify.com", "other-store.myshopify.com answered"), ("evil.example", "permanent domain")],
)
def test_another_store_cannot_answer(browser, domain, sentence):
    query = approve(ask(browser))
    assert sentence in come_back(browser, signed(query, shop=domain))
    assert nothing_is_kept()


def test_a_code_that_the_store_refuses(browser):
    query = approve(ask(browser))
    assert "gave no token" in come_back(browser, signed(query, code="made-up"))
    assert nothing_is_kept()


def test_an_approval_that_took_too_long(browser, monkeypatch):
    query = approve(ask(browser))
    monkeypatch.setattr(authorize, "PATIENCE", -authorize.PATIENCE)
    assert "longer than" in come_back(browser, query)
    assert nothing_is_kept()


def test_who_may_not_connect_comes_back_in_vain(browser):
    query = approve(ask(browser))
    User.objects.update(is_platform_owner=False)
    assert browser.get(f"/shopify/callback?{urlencode(query)}").headers["Location"] == "/connect"
    assert Client().get("/shopify/callback").headers["Location"].startswith("/accounts/login")
    assert nothing_is_kept()


def test_a_store_that_takes_its_approval_back_is_to_be_connected_again(browser):
    assert come_back(browser, approve(ask(browser))) == ""
    shop = Shop.objects.get()
    with shop_context(shop.pk):
        Connection.objects.update(access_token="taken back", refresh_token="", expires_at=None)
    with tokens.open_store(shop.pk) as store, pytest.raises(SignInError, match="connect the store again"):
        store.graphql.run("shop")
    with shop_context(shop.pk):
        row = Connection.objects.get()
        assert row.status == "REFUSED"
        assert row.status_reason == "The store no longer accepts the app's token; connect the store again."
    page = browser.get("/settings/shopify").content.decode()
    assert "connect the store again." in page
    assert 'href="/connect">Connect again' in page
    assert come_back(browser, approve(ask(browser))) == ""
    with shop_context(shop.pk):
        row = Connection.objects.get()
        assert (row.status, row.status_reason) == ("CONNECTED", "")
        assert SyncRun.objects.filter(started_at__lte=timezone.now()).exists()
