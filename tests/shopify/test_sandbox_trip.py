"""The whole way over real HTTP: sign in, run a bulk operation, read its file, and find the same by pages and by ids."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from sayso.sandbox.testing import CLIENT_ID, CLIENT_SECRET, DOMAIN, Sandbox
from sayso.shopify import documents, types, wire, wire_orders
from sayso.shopify.connection.client import GraphQL, ShopifyError, payload
from sayso.shopify.connection.signin import client_credentials
from sayso.shopify.importing import bulk

CUSTOMERS, ORDERS = 130, 40


class Tokens:
    """The first token is stale, as after a night."""

    def __init__(self, http: httpx.Client, root: str) -> None:
        self.http, self.root = http, root

    def token(self) -> str:
        return "stale"

    def refresh(self) -> str:
        given = {"base_url": self.root, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return client_credentials(self.http, sandbox=True, **given).access_token


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def store(http) -> Iterator[GraphQL]:
    with Sandbox(customers=CUSTOMERS, orders=ORDERS) as box:
        root = f"{box.base}/shopify/{DOMAIN}"
        with GraphQL(root, Tokens(http, root), sandbox=True) as client:
            yield client


def roots(store: GraphQL, http: httpx.Client, name: str, decode) -> Iterator[bulk.Root]:
    variables = {"query": documents.inline(name), "groupObjects": name == "orders_bulk"}
    started = payload(store.run("bulk_run", variables), "bulkOperationRunQuery")["bulkOperation"]
    for _ in range(1000):
        operation = store.run("bulk_poll", {"id": started["id"]})["bulkOperation"]
        if operation["status"] not in {"CREATED", "RUNNING"}:
            break
    assert operation["status"] == "COMPLETED"
    reached = 0
    for end, root in bulk.objects(bulk.lines(http, operation["url"], sandbox=True), decode, types.decode_line_item):
        assert isinstance(root, bulk.Root)
        reached = end
        yield root
    assert str(reached) == operation["fileSize"]


def test_customers_are_alike_in_a_bulk_file_on_pages_and_by_id(store, http):
    in_bulk = {}
    for root in roots(store, http, "customers_bulk", types.decode_customer):
        change, readings = wire.customer(root.node)
        in_bulk[change.shopify_customer_id] = (change, readings)
    assert len(in_bulk) == CUSTOMERS
    assert {reading.channel for _, readings in in_bulk.values() for reading in readings} == {"whatsapp", "sms", "email"}
    paged, after = {}, None
    while True:
        variables = {
            "first": documents.CUSTOMERS_A_CALL,
            "after": after,
            "query": "updated_at:>='2000-01-01T00:00:00Z'",
        }
        page = store.run("customers_updated", variables)["customers"]
        paged |= {wire.customer(node)[0].shopify_customer_id: wire.customer(node) for node in page["nodes"]}
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert paged == in_bulk
    ids = [f"gid://shopify/Customer/{number}" for number in list(in_bulk)[: documents.CUSTOMERS_A_CALL]]
    for node in store.run("customer_nodes", {"ids": ids})["nodes"]:
        assert wire.customer(node) == in_bulk[int(node["id"].rpartition("/")[2])]


def test_orders_are_alike_in_a_bulk_file_and_by_id(store, http):
    in_bulk = {}
    for root in roots(store, http, "orders_bulk", types.decode_order):
        change = wire_orders.order(root.node, root.children)
        in_bulk[change.shopify_order_id] = change
    assert len(in_bulk) == ORDERS
    assert all(order.lines for order in in_bulk.values())
    ids = [f"gid://shopify/Order/{number}" for number in list(in_bulk)[: documents.ORDERS_A_CALL]]
    for node in store.run("order_nodes", {"ids": ids, "lines": 1})["nodes"]:
        order = msgspec.convert(node, types.Order)
        lines, after = list(order.line_items.nodes), wire_orders.next_lines(order.line_items)
        while after:
            more = store.run("order_lines", {"id": order.id, "first": documents.LINES_A_CALL, "after": after})
            page = msgspec.convert(more["order"]["lineItems"], types.LineItems)
            lines, after = lines + page.nodes, wire_orders.next_lines(page)
        assert wire_orders.order(order, lines) == in_bulk[int(node["id"].rpartition("/")[2])]


def test_subscriptions(store):
    wanted = {"topic": "CUSTOMERS_UPDATE", "uri": "http://127.0.0.1:9/hook"}
    made = payload(store.run("webhook_create", wanted), "webhookSubscriptionCreate")["webhookSubscription"]
    with pytest.raises(ShopifyError, match="already been taken"):
        payload(store.run("webhook_create", wanted), "webhookSubscriptionCreate")
    (listed,) = store.run("webhook_list")["webhookSubscriptions"]["nodes"]
    assert (listed["id"], listed["topic"], listed["uri"]) == (made["id"], wanted["topic"], wanted["uri"])
    payload(store.run("webhook_delete", {"id": made["id"]}), "webhookSubscriptionDelete")
    assert store.run("webhook_list")["webhookSubscriptions"]["nodes"] == []
    assert store.run("shop")["shop"]["myshopifyDomain"] == DOMAIN
