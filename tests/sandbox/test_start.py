"""The same seed gives the same shop; a killed sandbox goes on where it was."""

from pathlib import Path

import pytest

from sayso.sandbox.testing import Sandbox, SandboxError

PAGE = """{ customers(first: 250) { nodes { id firstName lastName updatedAt tags
  defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }
  defaultPhoneNumber { phoneNumber smsMarketingConsent { state updatedAt }
    whatsAppMarketingConsent { state optInLevel } }
  defaultAddress { phone city } } }
  orders(first: 100) { nodes { id name email totalPriceSet { shopMoney { amount } }
    lineItems(first: 5) { nodes { title quantity } } } } }"""


def test_same_seed_same_shop() -> None:
    with Sandbox(customers=80, orders=100, seed=7) as one, Sandbox(customers=80, orders=100, seed=7) as two:
        assert one.graphql(PAGE)["data"] == two.graphql(PAGE)["data"]


def test_other_seed_other_shop() -> None:
    with Sandbox(customers=20, orders=20, seed=7) as one, Sandbox(customers=20, orders=20, seed=8) as two:
        assert one.graphql(PAGE)["data"] != two.graphql(PAGE)["data"]


def test_kill_keeps_everything_that_was_answered(tmp_path: Path) -> None:
    box = Sandbox(tmp_path, customers=30, orders=30)
    with box:
        made = box.action("create_customer", first="Kept", email="kept@example.com", tags=["vip"])
        subscription = box.subscribe("CUSTOMERS_UPDATE", "http://127.0.0.1:9/x")
        box.hold()
        box.action("edit_customer", customer=made["id"], note="one")
        before = box.graphql(PAGE)["data"]
        box.kill()
        box.start()
        assert box.graphql(PAGE)["data"] == before
        assert [one.topic for one in box.deliveries()] == ["customers/update"]
        found = box.graphql("{ webhookSubscriptions(first: 5) { nodes { id } } }")["data"]["webhookSubscriptions"][
            "nodes"
        ]
        assert found == [{"id": subscription["id"]}]
        after = box.action("create_customer", first="Later")
        assert after["id"] > made["id"]


def test_queued_deliveries_survive_a_kill(tmp_path: Path, receiver) -> None:
    with Sandbox(tmp_path, customers=5, orders=0) as box:
        box.settings(shopify={"delay": 2.0})
        box.subscribe("CUSTOMERS_CREATE", receiver.url)
        box.action("create_customer", first="Queued")
        box.kill()
        assert not receiver.got
        box.start()
        box.settle()
        assert len(receiver.got) == 1


def test_two_shops_have_their_own_people_app_and_tokens(box: Sandbox) -> None:
    other = "second-store.myshopify.com"
    shop = box.post("shops", domain=other, customers=20, orders=20, client_id="other-id", client_secret="other-secret")
    assert shop["client_id"] == "other-id"
    token = box.access_token(other, "other-id", "other-secret")
    url = f"{box.shopify_url(other)}/admin/api/2026-10/graphql.json"
    ask = {"query": "{ shop { myshopifyDomain } customers(first: 250) { nodes { id } } }"}
    reply = box.http.post(url, json=ask, headers={"X-Shopify-Access-Token": token}).json()["data"]
    assert reply["shop"]["myshopifyDomain"] == other
    assert len(reply["customers"]["nodes"]) == 20
    mine = box.graphql("{ customers(first: 250) { nodes { id } } }")["data"]["customers"]["nodes"]
    assert not {one["id"] for one in mine} & {one["id"] for one in reply["customers"]["nodes"]}
    assert box.http.post(url, json=ask, headers={"X-Shopify-Access-Token": box.access_token()}).status_code == 401


def test_one_process_a_directory(tmp_path: Path) -> None:
    with Sandbox(tmp_path, customers=1, orders=0), pytest.raises(SandboxError, match="ended with 1"):
        Sandbox(tmp_path).start()
