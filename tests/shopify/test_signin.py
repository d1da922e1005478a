from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from sayso.channels.base_url import ForbiddenAddress
from sayso.shopify.connection import signature
from sayso.shopify.connection.signin import (
    SignInError,
    Token,
    authorize_url,
    callback_code,
    client_credentials,
    exchange_code,
    refreshed,
    shop_domain,
)

STORE = "https://ada.myshopify.com"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
APP = {"client_id": "id-1", "client_secret": "s3cret"}


def ask(grant, handler, **more) -> Token:
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        return grant(http, **{"base_url": STORE, "now": lambda: NOW} | APP | more)


def answering(status: int = 200, **answer):
    return lambda request: httpx.Response(status, **answer)


GRANTED = {"access_token": "shpat_1", "scope": "read_customers,write_customers", "expires_in": 86399}


def test_client_credentials():
    def handler(request):
        assert str(request.url) == "https://ada.myshopify.com/admin/oauth/access_token"
        form = dict(parse_qsl(request.content.decode()))
        assert form == {"grant_type": "client_credentials"} | APP
        return httpx.Response(200, json=GRANTED)

    token = ask(client_credentials, handler)
    assert token == Token("shpat_1", NOW + timedelta(seconds=86399), ("read_customers", "write_customers"))
    assert token.usable(NOW + timedelta(hours=23))
    assert not token.usable(NOW + timedelta(hours=24))
    assert "shpat_1" not in repr(token)


def test_the_code_of_a_callback():
    def handler(request):
        assert dict(parse_qsl(request.content.decode())) == {"code": "c0de", "expiring": "1"} | APP
        return httpx.Response(200, json={"access_token": "shpat_2", "scope": ""})

    token = ask(exchange_code, handler, code="c0de")
    assert token == Token("shpat_2", None, ())
    assert token.usable(NOW + timedelta(days=9999))


def test_a_pair_that_is_renewed():
    def handler(request):
        form = dict(parse_qsl(request.content.decode()))
        assert form == {"grant_type": "refresh_token", "refresh_token": "shprt_1"} | APP
        given = {"access_token": "shpat_3", "scope": "read_orders", "expires_in": 3600}
        return httpx.Response(200, json=given | {"refresh_token": "shprt_2", "refresh_token_expires_in": 7_776_000})

    token = ask(refreshed, handler, refresh_token="shprt_1")
    assert token == Token("shpat_3", NOW + timedelta(hours=1), ("read_orders",), "shprt_2", NOW + timedelta(days=90))
    assert "shprt" not in repr(token)


@pytest.mark.parametrize(
    ("handler", "code", "status"),
    [
        (
            answering(400, json={"error": "application_cannot_be_found", "error_description": "no app"}),
            "application_cannot_be_found",
            400,
        ),
        (answering(400, text="<html>"), "NO_TOKEN", 400),
        (answering(200, json={"scope": "x"}), "NO_TOKEN", 200),
        (answering(200, json=[1]), "NO_TOKEN", 200),
        (answering(503, text="<html>"), "UNREACHABLE", 503),
        (answering(429, json={}), "UNREACHABLE", 429),
        (answering(302, headers={"Location": "https://elsewhere.example"}), "NO_TOKEN", 302),
    ],
)
def test_no_token(handler, code, status):
    with pytest.raises(SignInError) as refused:
        ask(client_credentials, handler)
    assert (refused.value.code, refused.value.http_status) == (code, status)
    assert "s3cret" not in str(refused.value)


def test_an_unreachable_store():
    def handler(request):
        raise httpx.ConnectError("no")

    with pytest.raises(SignInError) as refused:
        ask(client_credentials, handler)
    assert refused.value.code == "UNREACHABLE"


def test_secrets_go_to_the_right_kind_of_host_only():
    with pytest.raises(ForbiddenAddress):
        ask(client_credentials, answering(json=GRANTED), base_url="http://127.0.0.1:9000")
    with pytest.raises(ForbiddenAddress):
        ask(client_credentials, answering(json=GRANTED), sandbox=True)
    ask(client_credentials, answering(json=GRANTED), base_url="http://127.0.0.1:9000", sandbox=True)


@pytest.mark.parametrize("given", ["ada.myshopify.com", " https://Ada.MyShopify.com/ ", "a-1.myshopify.com"])
def test_domains(given):
    assert shop_domain(given) in {"ada.myshopify.com", "a-1.myshopify.com"}


@pytest.mark.parametrize(
    "given",
    ["", "ada", "ada.example.com", "-a.myshopify.com", "ada.myshopify.com.evil.example", "a.b.myshopify.com",
     "evil.example/ada.myshopify.com", "ada.myshopify.com\n.evil.example", "ada.myshopify.com/x", "ädä.myshopify.com"],
)  # fmt: skip
def test_strangers(given):
    with pytest.raises(SignInError, match="BAD_DOMAIN"):
        shop_domain(given)


def test_where_the_merchant_goes():
    url = authorize_url(
        base_url=STORE,
        client_id="id-1",
        scopes=["read_customers", "read_orders"],
        redirect_uri="https://x.example/cb",
        state="n0nce",
    )
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("ada.myshopify.com", "/admin/oauth/authorize")
    assert parse_qs(parts.query) == {
        "client_id": ["id-1"],
        "scope": ["read_customers,read_orders"],
        "redirect_uri": ["https://x.example/cb"],
        "state": ["n0nce"],
    }


def callback(**changes) -> dict[str, str]:
    query = {
        "code": "c0de",
        "shop": "ada.myshopify.com",
        "state": "n0nce",
        "timestamp": "1762000000",
        "host": "YWJj",
    } | changes
    return query | {"hmac": signature.sign_query(query, "s3cret")}


def test_a_genuine_callback():
    assert callback_code(callback(), secrets=["new", "s3cret"], state="n0nce") == ("ada.myshopify.com", "c0de")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (callback(state="other"), "BAD_STATE"),
        (callback() | {"code": "other"}, "BAD_SIGNATURE"),
        (callback() | {"hmac": "ü"}, "BAD_SIGNATURE"),
        (callback(shop="evil.example"), "BAD_DOMAIN"),
        (callback(code=""), "NO_CODE"),
        (callback(code="", error="access_denied"), "access_denied"),
        ({}, "BAD_STATE"),
    ],
)
def test_other_callbacks(query, code):
    with pytest.raises(SignInError) as refused:
        callback_code(query, secrets=["s3cret"], state="n0nce")
    assert refused.value.code == code


def test_without_a_state_nothing_is_genuine():
    with pytest.raises(SignInError, match="BAD_STATE"):
        callback_code(callback(state=""), secrets=["s3cret"], state="")
