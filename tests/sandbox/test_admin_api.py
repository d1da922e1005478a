"""The Admin API besides consent and bulk: tokens, cost, paging, search, subscriptions, own documents."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import graphql
import pytest

from sayso.sandbox.shopify.oauth import query_hmac
from sayso.sandbox.shopify.schema import schema
from sayso.sandbox.testing import CLIENT_ID, CLIENT_SECRET, DOMAIN, Sandbox

DOCUMENTS = Path(__file__).parents[2] / "src/sayso/shopify/documents"
PAGE = """query($first: Int!, $after: String, $query: String) {
  customers(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt tags } pageInfo { hasNextPage endCursor } } }"""


def test_the_programs_own_documents_fit() -> None:
    documents = {path.name: graphql.parse(path.read_text()) for path in DOCUMENTS.glob("*.graphql")}
    if not documents:
        pytest.skip("the program has no documents yet")
    fragments = [
        node
        for one in documents.values()
        for node in one.definitions
        if isinstance(node, graphql.FragmentDefinitionNode)
    ]
    rules = [rule for rule in graphql.specified_rules if rule is not graphql.NoUnusedFragmentsRule]
    for name, one in documents.items():
        if isinstance(one.definitions[0], graphql.FragmentDefinitionNode):
            continue
        whole = graphql.DocumentNode(definitions=(*one.definitions, *fragments))
        found = graphql.validate(schema("2026-10"), whole, rules)
        assert not found, (name, found[0].message)


def test_a_wrong_or_expired_token_is_401(box: Sandbox) -> None:
    url = f"{box.shopify_url()}/admin/api/2026-10/graphql.json"
    for token in ("nonsense", ""):
        reply = box.http.post(url, json={"query": "{ shop { name } }"}, headers={"X-Shopify-Access-Token": token})
        assert reply.status_code == 401 and "Invalid API key" in reply.json()["errors"]
    token = box.access_token()
    assert box.http.post(url, json={"query": "{ shop { name } }"}, headers={"X-Shopify-Access-Token": token}).json()[
        "data"
    ]
    box.post(f"shops/{DOMAIN}", expire_tokens=True)
    assert (
        box.http.post(url, json={"query": "{ shop { name } }"}, headers={"X-Shopify-Access-Token": token}).status_code
        == 401
    )
    box.tokens.clear()


def test_authorization_code_and_refresh(box: Sandbox) -> None:
    reply = box.http.get(
        f"{box.shopify_url()}/admin/oauth/authorize",
        params={
            "client_id": CLIENT_ID,
            "scope": "read_customers",
            "redirect_uri": "http://127.0.0.1:9/back",
            "state": "s1",
        },
    )
    assert reply.status_code == 302
    given = {key: values[0] for key, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}
    assert given["state"] == "s1" and given["shop"] == DOMAIN
    assert given["hmac"] == query_hmac(given, CLIENT_SECRET)
    exchange = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": given["code"], "expiring": "1"}
    pair = box.http.post(f"{box.shopify_url()}/admin/oauth/access_token", json=exchange).json()
    assert pair["expires_in"] == 3600 and pair["access_token"].startswith("shpat_")
    assert box.http.post(f"{box.shopify_url()}/admin/oauth/access_token", json=exchange).status_code == 400
    again = box.http.post(
        f"{box.shopify_url()}/admin/oauth/access_token",
        data={
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "grant_type": "refresh_token",
            "refresh_token": pair["refresh_token"],
        },
    ).json()
    assert again["refresh_token"] != pair["refresh_token"]


@pytest.mark.oracle
def test_oauth_hmac_as_shopifys_library_has_it() -> None:
    library = pytest.importorskip("shopify.session", reason="PyPI ShopifyAPI is not installed")
    params = {"code": "abc", "shop": DOMAIN, "state": "x", "timestamp": "1700000000", "host": "aG9zdA"}
    library.Session.setup(api_key=CLIENT_ID, secret=CLIENT_SECRET)
    assert library.Session.calculate_hmac(params) == query_hmac(params, CLIENT_SECRET)


def test_missing_scope_is_access_denied(box: Sandbox) -> None:
    box.get("shops")
    box.post(f"shops/{DOMAIN}", scopes=["read_orders"])
    try:
        answer = box.graphql("{ customers(first: 1) { nodes { id } } }")
        assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
        handles = box.graphql("{ currentAppInstallation { accessScopes { handle } } }")["data"][
            "currentAppInstallation"
        ]["accessScopes"]
        assert handles == [{"handle": "read_orders"}]
    finally:
        box.post(
            f"shops/{DOMAIN}",
            scopes=["read_customers", "write_customers", "read_orders", "read_all_orders", "read_products"],
        )


def test_throttled_inside_http_200_and_back_after_the_time_it_names(box: Sandbox) -> None:
    box.post(f"shops/{DOMAIN}", bucket=300, restore=1)
    try:
        first = box.graphql(PAGE, {"first": 250})
        status = first["extensions"]["cost"]["throttleStatus"]
        assert status["maximumAvailable"] == 300.0 and status["restoreRate"] == 1.0
        seen = [box.graphql(PAGE, {"first": 250}) for _ in range(3)]
        throttled = seen[-1]
        assert throttled["errors"][0]["extensions"]["code"] == "THROTTLED" and "data" not in throttled
        cost = throttled["extensions"]["cost"]
        assert (
            cost["requestedQueryCost"] > cost["throttleStatus"]["currentlyAvailable"]
            and cost["actualQueryCost"] is None
        )
    finally:
        box.post(f"shops/{DOMAIN}", bucket=2000, restore=100)
    assert "errors" not in box.graphql(PAGE, {"first": 250})


def test_greedy_queries_cost_too_much(box: Sandbox) -> None:
    greedy = "{ " + " ".join(f"a{n}: customers(first: 250) {{ nodes {{ id }} }}" for n in range(4)) + " }"
    assert box.graphql(greedy)["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_paging_meets_everyone_once(box: Sandbox) -> None:
    seen: list[str] = []
    after = None
    while True:
        page = box.graphql(PAGE, {"first": 37, "after": after})["data"]["customers"]
        seen += [one["id"] for one in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert (
        len(seen)
        == len(set(seen))
        == box.get("health")["customers"]
        - sum(
            1
            for shop in box.get("shops")
            if shop["domain"] != DOMAIN
            for _ in box.get("customers", shop=shop["domain"], limit=1000)
        )
    )
    assert "errors" in box.graphql(PAGE, {"first": 251})


def test_updated_at_finds_what_changed_since(box: Sandbox, person: dict) -> None:
    since = person["updated"]
    found = box.graphql(PAGE, {"first": 250, "query": f"updated_at:>='{since}'"})["data"]["customers"]["nodes"]
    assert f"gid://shopify/Customer/{person['id']}" in {one["id"] for one in found}
    assert all(one["updatedAt"] >= since for one in found)
    (only,) = box.graphql(PAGE, {"first": 5, "query": f"id:{person['id']}"})["data"]["customers"]["nodes"]
    assert only["id"].endswith(str(person["id"]))
    odd = box.graphql(PAGE, {"first": 1, "query": "nonsense_field:1"})
    assert odd["extensions"]["search"][0]["warnings"][0]["code"] == "invalid_field"


def test_nodes_keeps_order_and_gaps(box: Sandbox, person: dict) -> None:
    gid = f"gid://shopify/Customer/{person['id']}"
    ask = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { firstName } } }"
    assert box.graphql(ask, {"ids": ["gid://shopify/Customer/1", gid]})["data"]["nodes"] == [
        None,
        {"id": gid, "firstName": "Zoë"},
    ]
    assert "errors" in box.graphql(ask, {"ids": [gid] * 251})


SUBSCRIBE = """mutation($s: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: CUSTOMERS_UPDATE, webhookSubscription: $s) {
  webhookSubscription { id } userErrors { message } } }"""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"uri": "http://shop.example/hook"}, "Address protocol http:// is not supported"),
        ({"uri": "https://x.myshopify.com/hook"}, "Shopify"),
        ({"uri": "https://public.example/hook"}, "loopback only"),
        ({"uri": "http://127.0.0.1:9/name", "name": "not good"}, "Name can only contain"),
    ],
)
def test_refused_subscriptions(box: Sandbox, data: dict, words: str) -> None:
    payload = box.graphql(SUBSCRIBE, {"s": data})["data"]["webhookSubscriptionCreate"]
    assert payload["webhookSubscription"] is None and words in payload["userErrors"][0]["message"]


def test_same_topic_and_address_twice(box: Sandbox) -> None:
    data = {"s": {"uri": "http://127.0.0.1:9/twice", "name": "Twice"}}
    made = box.graphql(SUBSCRIBE, data)["data"]["webhookSubscriptionCreate"]["webhookSubscription"]
    errors = box.graphql(SUBSCRIBE, data)["data"]["webhookSubscriptionCreate"]["userErrors"]
    assert [one["message"] for one in errors] == [
        "Address for this topic has already been taken",
        "Name has already been taken",
    ]
    gone = box.graphql(
        "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) "
        "{ deletedWebhookSubscriptionId userErrors { message } } }",
        {"id": made["id"]},
    )["data"]["webhookSubscriptionDelete"]
    assert gone == {"deletedWebhookSubscriptionId": made["id"], "userErrors": []}
