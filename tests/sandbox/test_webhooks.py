"""Deliveries of the shop: who is told what, how it is signed, and every way it may travel."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sayso.sandbox.testing import CLIENT_SECRET, DOMAIN, Delivery, Sandbox, SandboxError

NOWHERE = "http://127.0.0.1:9/x"
KEYS = json.loads(Path(__file__).with_name("payload_keys.json").read_text())
TOPICS = [
    "CUSTOMERS_CREATE",
    "CUSTOMERS_UPDATE",
    "CUSTOMERS_DELETE",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE",
    "CUSTOMERS_WHATS_APP_MARKETING_CONSENT_UPDATE",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE",
    "CUSTOMER_TAGS_ADDED",
    "CUSTOMER_TAGS_REMOVED",
    "CUSTOMERS_PURCHASING_SUMMARY",
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_FULFILLED",
    "PRODUCTS_CREATE",
    "PRODUCTS_UPDATE",
    "PRODUCTS_DELETE",
    "VARIANTS_IN_STOCK",
    "VARIANTS_OUT_OF_STOCK",
    "INVENTORY_LEVELS_UPDATE",
    "INVENTORY_LEVELS_CONNECT",
    "INVENTORY_LEVELS_DISCONNECT",
    "COLLECTIONS_CREATE",
    "COLLECTIONS_UPDATE",
    "COLLECTIONS_DELETE",
    "ORDERS_PARTIALLY_FULFILLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "CHECKOUTS_CREATE",
    "CHECKOUTS_UPDATE",
    "CHECKOUTS_DELETE",
    "SHOP_UPDATE",
    "APP_UNINSTALLED",
]


@pytest.fixture
def held(box: Sandbox, person: dict) -> Sandbox:
    """Subscribed to everything, with a customer, delivering nothing."""
    box.hold()
    for topic in TOPICS:
        box.subscribe(topic, NOWHERE)
    box.post(f"shops/{DOMAIN}", compliance_url=NOWHERE)
    box.clear()
    return box


def topics(box: Sandbox) -> list[str]:
    found = [one.topic for one in box.deliveries(kind="shopify")]
    box.clear()
    return found


def test_each_act_tells_its_topics(held: Sandbox) -> None:
    one = held.action(
        "create_customer",
        first="Ana",
        email="ana.w@example.com",
        phone="+34611000001",
        tags=["vip"],
        consents={"whatsapp": "SUBSCRIBED"},
    )
    key = one["id"]
    assert topics(held) == ["customers/create", "customer.tags_added", "customers_whats_app_marketing_consent/update"]
    held.action("edit_customer", customer=key, note="hello")
    assert topics(held) == ["customers/update"]
    held.action("add_tags", customer=key, tags=["vip", "new"])
    (_, added) = held.deliveries()
    assert added.topic == "customer.tags_added" and added.json["tags"] == ["new"]
    held.clear()
    held.action("remove_tags", customer=key, tags=["VIP"])
    assert topics(held) == ["customers/update", "customer.tags_removed"]
    held.action("remove_tags", customer=key, tags=["absent"])
    assert topics(held) == []
    for channel, topic in (
        ("sms", "customers_marketing_consent/update"),
        ("email", "customers_email_marketing_consent/update"),
    ):
        held.action("set_consent", customer=key, channel=channel, state="SUBSCRIBED")
        assert topics(held) == ["customers/update", topic]
    order = held.action("place_order", customer=key)
    assert topics(held) == ["orders/create", "customers/update", "customers/purchasing_summary"]
    held.action("fulfil_order", order=order["id"])
    assert topics(held) == ["orders/fulfilled", "orders/updated"]
    held.action("cancel_order", order=order["id"])
    assert topics(held) == ["orders/cancelled", "orders/updated"]
    held.action("request_data", customer=key)
    held.action("redact_customer", customer=key)
    assert topics(held) == ["customers/data_request", "customers/redact"]
    held.action("delete_customer", customer=key)
    assert topics(held) == ["customers/delete"]
    held.action("update_shop", name="Renamed")
    assert topics(held) == ["shop/update"]


def test_guest_order_has_no_customer(held: Sandbox) -> None:
    held.action(
        "place_order", email="guest@example.com", first="Gus", shipping_phone="(212) 555-0100", accepts_marketing=True
    )
    (delivery,) = held.deliveries()
    assert delivery.topic == "orders/create"
    body = delivery.json
    assert body["customer"] is None and body["phone"] is None and body["buyer_accepts_marketing"] is True
    assert body["shipping_address"]["phone"] == "(212) 555-0100"


def test_a_new_phone_has_no_consent(held: Sandbox, person: dict) -> None:
    held.action("set_consent", customer=person["id"], channel="whatsapp", state="SUBSCRIBED")
    held.clear()
    held.action("edit_customer", customer=person["id"], phone="+4915299999999")
    assert "customers_whats_app_marketing_consent/update" in [one.topic for one in held.deliveries()]
    held.action("edit_customer", customer=person["id"], phone=person["phone"])


def test_uninstall_ends_tokens_and_subscriptions(box: Sandbox) -> None:
    domain = "leaving-store.myshopify.com"
    box.post("shops", domain=domain, client_secret=CLIENT_SECRET)
    box.hold()
    token = box.access_token(domain)
    url = f"{box.shopify_url(domain)}/admin/api/2026-10/graphql.json"
    subscribe = (
        "mutation($u: String!) { webhookSubscriptionCreate(topic: APP_UNINSTALLED, webhookSubscription: {uri: $u}) "
        "{ userErrors { message } } }"
    )
    ask = {"query": subscribe, "variables": {"u": NOWHERE}}
    box.http.post(url, json=ask, headers={"X-Shopify-Access-Token": token})
    box.action("uninstall", shop=domain)
    assert [one.topic for one in box.deliveries()] == ["app/uninstalled"]
    assert box.http.post(url, json=ask, headers={"X-Shopify-Access-Token": token}).status_code == 401


def paths(value: Any, at: str = "") -> set[str]:
    if isinstance(value, dict):
        return {f"{at}.{key}" for key in value} | {
            path for key, one in value.items() for path in paths(one, f"{at}.{key}")
        }
    if isinstance(value, list):
        return {path for one in value for path in paths(one, f"{at}[]")}
    return set()


def edit_both_ways(box: Sandbox, order: dict) -> None:
    """A line more and a line less, so that the body shows both."""
    line, variant, *_ = order["lines"][0]
    box.action("edit_order_lines", order=order["id"], add=[variant], remove=[line])


def test_bodies_have_the_keys_of_the_reference(held: Sandbox) -> None:
    """payload_keys.json lists every key, also nested ones, of Shopify's published examples."""
    # who sold an item is said only where staff did
    optional = {".line_items[].attributed_staffs[].id", ".line_items[].attributed_staffs[].quantity"}
    # the sandbox taxes nothing
    optional |= {f".{key}" for key in KEYS["checkouts/create"] if "tax_lines[]" in key}
    one = held.action(
        "create_customer",
        first="Kay",
        last="Keys",
        email="kay@example.com",
        phone="+34611000077",
        country="ES",
        tags=["a"],
        consents={"sms": "SUBSCRIBED", "whatsapp": "SUBSCRIBED", "email": "SUBSCRIBED"},
    )
    order = held.action("place_order", customer=one["id"])
    edit_both_ways(held, order)
    held.action("delete_order", order=order["id"])
    for number in range(2):
        begun = held.action("start_checkout", customer=one["id"], billing_phone="+34611000078")
        held.action("update_checkout", token=begun["token"], accepts_sms=bool(number))
        held.action("delete_checkout", token=begun["token"])
    held.action("request_data", customer=one["id"])
    held.action("delete_customer", customer=one["id"])
    held.action("update_shop", name="Keys")
    held.action("redact_shop")
    other = held.action("create_customer", first="Red", email="red@example.com")
    held.action("redact_customer", customer=other["id"])
    product = held.action("create_product", title="Keys", variants=["S", "M"])
    variant = product["variants"][0]["id"]
    for available in (3, 0):
        held.action("set_stock", variant=variant, available=available)
    held.action("connect_location", variant=variant, location=11)
    held.action("disconnect_location", variant=variant, location=11)
    held.action("delete_product", product=product["id"])
    bodies: dict[str, Any] = {}
    for delivery in held.deliveries():
        bodies.setdefault(delivery.topic, delivery.json)
    same = {"app/uninstalled": "shop/update"}
    checked = 0
    for topic, keys in KEYS.items():
        body = bodies.get(same.get(topic, topic))
        if body is None:
            continue
        checked += 1
        wanted = {"." + key for key in keys}
        assert wanted - paths(body) <= optional, topic
        assert set(body) == {key for key in keys if "." not in key and "[" not in key}, topic
    assert checked >= 24


def test_goods_tell_what_happens_to_them(held: Sandbox) -> None:
    product = held.action("create_product", title="Tea", variants=[f"No. {n}" for n in range(103)])
    (created,) = held.deliveries()
    assert (created.topic, len(created.json["variants"])) == ("products/create", 100)
    assert len(created.json["variant_gids"]) == 103
    variant = product["variants"][0]["id"]
    held.clear()
    for available in (-1, 4, 5, 0):
        held.action("set_stock", variant=variant, available=available)
    topics = [delivery.topic for delivery in held.deliveries()]
    assert topics.count("products/update") == topics.count("inventory_levels/update") == 4
    assert (topics.count("variants/in_stock"), topics.count("variants/out_of_stock")) == (1, 1)
    held.clear()
    collection = held.action("create_collection", title="Hot Drinks", products=[product["id"]])
    held.action("edit_collection", collection=collection["id"], remove=[product["id"]])
    held.action("delete_collection", collection=collection["id"])
    assert [delivery.topic for delivery in held.deliveries()] == [
        "collections/create",
        "collections/update",
        "collections/delete",
    ]
    order = held.action("place_order", email="tea@example.com", variants=[variant])
    assert order["lines"][0][4:6] == [product["id"], "Tea"]


def test_headers_and_signature(held: Sandbox, person: dict) -> None:
    held.action("edit_customer", customer=person["id"], note="Grüße – こんにちは")
    (delivery,) = held.deliveries()
    headers = delivery.headers
    expected = base64.b64encode(hmac.new(CLIENT_SECRET.encode(), delivery.body, hashlib.sha256).digest()).decode()
    assert headers["X-Shopify-Hmac-Sha256"] == expected
    assert headers["X-Shopify-Topic"] == "customers/update" and headers["X-Shopify-API-Version"] == "2026-10"
    assert headers["X-Shopify-Shop-Domain"] == DOMAIN
    assert delivery.json["id"] == person["id"] and "こんにちは".encode() in delivery.body


def test_one_act_one_event_id_many_webhook_ids(held: Sandbox, person: dict) -> None:
    held.action("add_tags", customer=person["id"], tags=["x1"])
    one, two = held.deliveries()
    assert one.headers["X-Shopify-Event-Id"] == two.headers["X-Shopify-Event-Id"]
    assert one.headers["X-Shopify-Webhook-Id"] != two.headers["X-Shopify-Webhook-Id"]


def test_old_secret_signs_after_a_rotation(held: Sandbox, person: dict) -> None:
    held.post(f"shops/{DOMAIN}", client_secret="new-secret", old_secret=CLIENT_SECRET)
    try:
        held.action("edit_customer", customer=person["id"], note="rotated")
        (delivery,) = held.deliveries()
        expected = base64.b64encode(hmac.new(CLIENT_SECRET.encode(), delivery.body, hashlib.sha256).digest()).decode()
        assert delivery.headers["X-Shopify-Hmac-Sha256"] == expected
    finally:
        held.post(f"shops/{DOMAIN}", client_secret=CLIENT_SECRET, old_secret=None)


def sent_once(box: Sandbox, url: str) -> dict:
    box.subscribe("CUSTOMERS_CREATE", url)
    return box.action("create_customer", first="Traveller")


def test_delivered_and_repeated_until_2xx(box: Sandbox, receiver) -> None:
    box.settings(retry_base=0.01)
    receiver.statuses = [500, 302, 404, 200]
    sent_once(box, receiver.url)
    got = receiver.wait(4)
    box.settle()
    assert len(receiver.got) == 4
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in got}) == 1 == len({body for _, body in got})


def test_gives_up_after_eight_repeats_and_drops_the_subscription(box: Sandbox, receiver) -> None:
    box.settings(retry_base=0.001)
    receiver.statuses = [500]
    sent_once(box, receiver.url)
    box.settle()
    assert len(receiver.got) == 9
    assert (
        box.graphql("{ webhookSubscriptions(first: 5) { nodes { id } } }")["data"]["webhookSubscriptions"]["nodes"]
        == []
    )


def test_duplicated_lost_and_held(box: Sandbox, receiver) -> None:
    box.settings(shopify={"duplicate": 1.0})
    sent_once(box, receiver.url)
    box.settle()
    assert len(receiver.got) == 2
    box.settings(shopify={"duplicate": 0.0, "lose": 1.0})
    box.action("create_customer", first="Lost")
    box.settle()
    assert len(receiver.got) == 2 and len(box.deliveries("lost")) == 1
    box.settings(shopify={"lose": 0.0, "hold": True})
    box.action("create_customer", first="Held")
    box.settle()
    assert len(receiver.got) == 2
    assert box.release("shopify") == 1
    receiver.wait(3)


def test_shuffled_deliveries_all_arrive(box: Sandbox, receiver) -> None:
    box.settings(shopify={"shuffle": 0.3})
    box.subscribe("CUSTOMERS_CREATE", receiver.url)
    made = [box.action("create_customer", first=f"Shuffle {n}")["id"] for n in range(25)]
    box.settle()
    arrived = [json.loads(body)["id"] for _, body in receiver.got]
    assert sorted(arrived) == made and arrived != made


@pytest.fixture
def delivery(held: Sandbox, person: dict) -> Delivery:
    held.action("edit_customer", customer=person["id"], note="Ünïcødé")
    return held.deliveries()[0]


@pytest.mark.oracle
def test_signature_as_shopifys_python_library_checks_it(delivery: Delivery) -> None:
    library = pytest.importorskip("shopify_app", reason="PyPI shopifyapp is not installed")
    app = library.ShopifyApp(client_id="sandbox-client-id", client_secret=CLIENT_SECRET)
    request = {
        "method": "POST",
        "headers": {key.lower(): value for key, value in delivery.headers.items()},
        "url": "https://app.example/hook",
        "body": delivery.body.decode(),
    }
    assert app.verify_webhook_req(request).ok


@pytest.mark.oracle
def test_signature_as_shopifys_node_library_checks_it(delivery: Delivery, tmp_path: Path) -> None:
    modules = Path(os.environ.get("SAYSO_NODE_MODULES") or Path(__file__).parents[2] / "node_modules")
    if not (modules / "@shopify/shopify-api").is_dir():
        pytest.skip("npm @shopify/shopify-api is not installed")
    script = tmp_path / "check.mjs"
    script.write_text(
        'import { createRequire } from "node:module"; import fs from "node:fs";\n'
        f"const need = createRequire({json.dumps(str(modules) + '/x.js')});\n"
        'need("@shopify/shopify-api/adapters/node");\n'
        'const { getHmac } = need("@shopify/shopify-api/test-helpers");\n'
        "console.log(await getHmac(fs.readFileSync(process.argv[2], 'utf8'), process.argv[3]));\n"
    )
    body = tmp_path / "body.json"
    body.write_bytes(delivery.body)
    done = subprocess.run(["node", script, body, CLIENT_SECRET], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == delivery.headers["X-Shopify-Hmac-Sha256"]


def test_a_merge_is_told_and_the_orders_follow(held: Sandbox) -> None:
    held.subscribe("CUSTOMERS_MERGE", NOWHERE)
    kept = held.action("create_customer", first="Kept", email="kept.m@example.com", tags=["a"])["id"]
    gone = held.action("create_customer", last="Gone", phone="+34611000777", tags=["b"])["id"]
    held.action("set_consent", customer=gone, channel="sms", state="SUBSCRIBED")
    order = held.action("place_order", customer=gone)["id"]
    held.clear()
    one = held.action("merge_customers", kept=kept, deleted=gone)
    assert (one["first"], one["last"], one["phone"], one["tags"]) == ("Kept", "Gone", "+34611000777", ["a", "b"])
    assert one["sms"][0] == "SUBSCRIBED", "the consent of the address that it ends up with"
    assert topics(held) == ["customers/merge", "customers/update"]
    found = held.graphql(
        "query($o: ID!, $c: ID!) { order(id: $o) { customer { id } } customer(id: $c) { id } }",
        {"o": f"gid://shopify/Order/{order}", "c": f"gid://shopify/Customer/{gone}"},
    )["data"]
    assert found == {"order": {"customer": {"id": f"gid://shopify/Customer/{kept}"}}, "customer": None}
    with pytest.raises(SandboxError, match="with itself"):
        held.action("merge_customers", kept=kept, deleted=kept)
