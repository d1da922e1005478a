"""Webhooks over real HTTP. Signatures are made here, not by the code under test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from django.db import connection
from tests.serving import META_SECRET, OLD_SHOPIFY_SECRET, SHOPIFY_SECRET

from sayso.events.listen import connection_parameters
from sayso.intake import batcher, providers
from sayso.intake.endpoint import LARGEST_BODY
from sayso.intake.models import Delivery
from sayso.intake.providers import Envelope, Provider
from sayso.shopify.models import Connection
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import shop_context


def shopify(body: bytes, secret: str = SHOPIFY_SECRET, **headers: str) -> dict[str, str]:
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {
        "X-Shopify-Topic": "customers/update",
        "X-Shopify-Shop-Domain": "Committed.myshopify.com",
        "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Triggered-At": "2026-10-01T12:00:00.123456789Z",
        "X-Shopify-Hmac-Sha256": signature,
    } | {name.replace("_", "-"): value for name, value in headers.items()}


def whatsapp(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(META_SECRET.encode(), body, hashlib.sha256).hexdigest()}


def post(server: str, provider: str, body: bytes, headers: dict) -> httpx.Response:
    return httpx.post(f"{server}/webhooks/{provider}", content=body, headers=headers)


def until(server: str, status: int, body: bytes, headers: dict, provider: str = "shopify") -> httpx.Response:
    """Deliver again and again, as providers do, until the answer has the status."""
    deadline = time.monotonic() + 10
    while (answer := post(server, provider, body, headers)).status_code != status:
        assert time.monotonic() < deadline, answer.status_code
    return answer


def test_a_signed_delivery_is_stored_before_the_answer(server: str, committed_shop: Shop):
    body = b'{"id": 6940095564, "email": "bob@example.com"}'
    answer = post(server, "shopify", body, shopify(body))
    assert answer.status_code == 200
    delivery = Delivery.objects.get()
    assert (delivery.provider, delivery.key, delivery.topic) == ("shopify", "w-1", "customers/update")
    assert (delivery.shop_id, delivery.state, bytes(delivery.body)) == (committed_shop.pk, "NEW", body)
    assert (delivery.lane, delivery.fold_key) == (1, "customer:6940095564")
    assert delivery.triggered_at.isoformat() == "2026-10-01T12:00:00.123456+00:00"
    assert delivery.headers["shop-domain"] == "Committed.myshopify.com"
    assert not any("hmac" in name for name in delivery.headers)


def test_the_same_delivery_twice_is_stored_once(server: str):
    body = b"{}"
    assert [post(server, "shopify", body, shopify(body)).status_code for _ in range(2)] == [200, 200]
    assert Delivery.objects.count() == 1


def test_a_delivery_without_an_id_is_known_by_its_body(server: str):
    for body in (b"{}", b"{}", b'{"a": 1}'):
        headers = shopify(body)
        del headers["X-Shopify-Webhook-Id"]
        assert post(server, "shopify", body, headers).status_code == 200
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize("signature", [None, "", "bogus", "ü", "a" * 44, b"\xff\xfe"])
@pytest.mark.parametrize(
    ("provider", "header"), [("shopify", "X-Shopify-Hmac-Sha256"), ("whatsapp", "X-Hub-Signature-256")]
)
def test_without_a_good_signature_nothing_is_stored(server: str, provider: str, header: str, signature: str | None):
    headers: list[tuple[bytes, bytes]] = [(b"X-Shopify-Topic", b"customers/update")]
    if signature is not None:
        headers.append((header.encode(), signature if isinstance(signature, bytes) else signature.encode()))
    answer = post(server, provider, b"{}", headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert Delivery.objects.count() == 0


def test_the_signature_covers_every_byte(server: str):
    assert post(server, "shopify", b'{"a":1} ', shopify(b'{"a":1}')).status_code == 401


def test_the_previous_secret_is_good_after_a_rotation(server: str):
    assert post(server, "shopify", b"{}", shopify(b"{}", OLD_SHOPIFY_SECRET)).status_code == 200


def test_a_new_secret_is_known_at_once(server: str):
    ProviderApp.objects.create(provider="shopify", client_id="new", secret="brand new")
    until(server, 200, b"{}", shopify(b"{}", "brand new"))
    ProviderApp.objects.filter(client_id="new").delete()
    until(server, 401, b"{}", shopify(b"{}", "brand new"))


@pytest.fixture
def connected(server: str, committed_shop: Shop) -> Iterator[Connection]:
    """The shop is connected through the app whose secret ``shopify`` signs with."""
    with shop_context(committed_shop.pk):
        app = ProviderApp.objects.get(provider="shopify")
        made = Connection.objects.create(
            shop_id=committed_shop.pk, provider_app_id=app.pk, domain=committed_shop.domain, base_url="https://x"
        )
    yield made
    with shop_context(committed_shop.pk):
        Connection.objects.all().delete()


def test_the_secret_of_another_app_is_worth_nothing_for_a_shop(server: str, connected: Connection):
    other = ProviderApp.objects.create(provider="shopify", client_id="other", secret="of another merchant")
    nobody = {"X_Shopify_Shop_Domain": "nobody.myshopify.com", "X_Shopify_Webhook_Id": "w-2"}
    until(server, 200, b"{}", shopify(b"{}", "of another merchant", **nobody))  # from now on it is known
    assert post(server, "shopify", b"{}", shopify(b"{}", "of another merchant")).status_code == 401
    assert post(server, "shopify", b"{}", shopify(b"{}")).status_code == 200
    [stored] = Delivery.objects.exclude(state="IGNORED")
    assert stored.signed_by == [connected.provider_app_id]
    # Connected through the other app from now on, it is the other way round.
    with shop_context(connected.shop_id):
        Connection.objects.update(provider_app_id=other.pk)
    until(server, 200, b'{"a": 1}', shopify(b'{"a": 1}', "of another merchant"))
    assert post(server, "shopify", b"{}", shopify(b"{}")).status_code == 401


def test_an_unknown_shop_is_acknowledged_and_kept(server: str):
    headers = shopify(b"{}", X_Shopify_Shop_Domain="unknown.myshopify.com")
    assert post(server, "shopify", b"{}", headers).status_code == 200
    assert list(Delivery.objects.values_list("state", "shop_id", "error")) == [("IGNORED", None, "unknown shop")]


def test_a_shop_installed_a_moment_ago_is_known(server: str):
    shop = Shop.objects.create(domain="fresh.myshopify.com", name="Fresh", address_secret="x")
    assert post(server, "shopify", b"{}", shopify(b"{}", X_Shopify_Shop_Domain=shop.domain)).status_code == 200
    assert Delivery.objects.get().shop_id == shop.pk


@pytest.mark.parametrize(("key", "lane"), [("messages", 0), ("user_preferences", 0), ("statuses", 1)])
def test_words_and_wishes_of_people_go_first(server: str, key: str, lane: int):
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": {key: []}}]}]}).encode()
    assert post(server, "whatsapp", body, whatsapp(body)).status_code == 200
    delivery = Delivery.objects.get()
    assert (delivery.lane, delivery.state, delivery.shop_id) == (lane, "NEW", None)
    assert delivery.key == hashlib.sha256(body).hexdigest()


def test_a_large_body_is_refused_before_it_is_sent(server: str):
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=5) as client:
        client.sendall(b"POST /webhooks/shopify HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
        answer = b""
        while piece := client.recv(4096):  # the server closes
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unknown_length_is_refused_where_it_grows_too_large(server: str):
    def endless() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 65_536 + 2):
            yield b"x" * 65_536

    try:
        assert httpx.post(f"{server}/webhooks/shopify", content=endless()).status_code == 413
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        pass  # the server has answered and hung up while we were sending
    assert Delivery.objects.count() == 0


def test_a_body_as_large_as_allowed_is_stored(server: str):
    body = b'{"note": "' + b"x" * (LARGEST_BODY - 12) + b'"}'
    assert len(body) == LARGEST_BODY
    assert post(server, "shopify", body, shopify(body)).status_code == 200


def test_the_handshake(server: str):
    query = {"hub.mode": "subscribe", "hub.verify_token": "token", "hub.challenge": "1158201444"}
    answer = httpx.get(f"{server}/webhooks/whatsapp", params=query)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    for wrong in ({"hub.verify_token": "other"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
        assert httpx.get(f"{server}/webhooks/whatsapp", params=query | wrong).status_code == 403


def test_other_methods_and_providers_are_refused(server: str):
    assert httpx.get(f"{server}/webhooks/shopify").headers["allow"] == "POST"
    assert httpx.put(f"{server}/webhooks/whatsapp").status_code == 405
    assert httpx.post(f"{server}/webhooks/nobody").status_code == 404


def test_one_that_cannot_be_stored_does_not_fail_the_others(server: str, monkeypatch: pytest.MonkeyPatch):
    provider = Provider(
        "plain", lambda *_: True, lambda headers, body: Envelope(key=body.decode(), topic=body.decode(), lane=1)
    )
    monkeypatch.setitem(providers._providers, "plain", provider)
    ProviderApp.objects.create(provider="plain", client_id="plain", secret="nothing is signed")
    until(server, 200, b"known", {}, "plain")
    bodies = [b"good-%d" % number for number in range(30)]
    bodies[7] = b"x" * 100  # longer than a topic may be
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda body: post(server, "plain", body, {}).status_code, bodies))
    assert statuses == [500 if number == 7 else 200 for number in range(30)]
    assert Delivery.objects.count() == 1 + 29


def test_a_full_queue_asks_to_come_again(server: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batcher, "CAPACITY", 0)
    answer = post(server, "shopify", b"{}", shopify(b"{}"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert post(server, "shopify", b"{}", shopify(b"{}")).status_code == 200


def test_a_lost_connection_is_made_again_without_losing_a_delivery(server: str):
    assert post(server, "shopify", b"{}", shopify(b"{}")).status_code == 200
    with psycopg.connect(**connection_parameters(), autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and usename = current_user and pid not in (pg_backend_pid(), %s)",
            [connection.connection.info.backend_pid],
        )
    assert post(server, "shopify", b"{}", shopify(b"{}", X_Shopify_Webhook_Id="w-2")).status_code == 200
    assert Delivery.objects.count() == 2


def test_while_the_database_is_away_providers_are_asked_to_come_again(server: str, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(batcher, "connection_parameters", lambda: {"host": "/nowhere", "dbname": "x"})
        answer = post(server, "shopify", b"{}", shopify(b"{}"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert Delivery.objects.count() == 0
    until(server, 200, b"{}", shopify(b"{}"))
    assert Delivery.objects.count() == 1
