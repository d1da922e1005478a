"""Bulk operations: what may run, how it ends, and what the file looks like."""

import json

import pytest

from sayso.sandbox.testing import DOMAIN, Sandbox

RUN = """mutation($q: String!, $g: Boolean! = false) { bulkOperationRunQuery(query: $q, groupObjects: $g) {
  bulkOperation { id status type objectCount rootObjectCount url fileSize } userErrors { field message code } } }"""
POLL = """query($id: ID!) { bulkOperation(id: $id) {
  status errorCode objectCount rootObjectCount fileSize url partialDataUrl } }"""
CUSTOMERS = """{ customers { edges { node { id firstName lastName tags numberOfOrders amountSpent { amount }
  defaultPhoneNumber { phoneNumber smsMarketingConsent { state } whatsAppMarketingConsent { state optInLevel } }
  defaultEmailAddress { emailAddress marketingState } defaultAddress { city phone } lastOrder { name }
  orders { edges { node { id name lineItems { edges { node { id title quantity product { id } } } } } } } } } } }"""


def run(box: Sandbox, query: str, grouped: bool = False) -> tuple[dict | None, list[dict]]:
    payload = box.graphql(RUN, {"q": query, "g": grouped})["data"]["bulkOperationRunQuery"]
    return payload["bulkOperation"], payload["userErrors"]


def lines(box: Sandbox, query: str, grouped: bool = False) -> list[dict]:
    started, errors = run(box, query, grouped)
    assert not errors
    assert (started["status"], started["objectCount"], started["url"]) == ("CREATED", "0", None)
    box.settle()
    done = box.graphql(POLL, {"id": started["id"]})["data"]["bulkOperation"]
    assert done["status"] == "COMPLETED" and done["errorCode"] is None and done["partialDataUrl"] is None
    reply = box.http.get(done["url"])
    assert len(reply.content) == int(done["fileSize"])
    found = [json.loads(line) for line in reply.text.splitlines()]
    assert len(found) == int(done["objectCount"])
    assert sum("__parentId" not in one for one in found) == int(done["rootObjectCount"])
    return found


@pytest.mark.parametrize("grouped", [False, True])
def test_parents_come_before_their_children(box: Sandbox, grouped: bool) -> None:
    seen: set[str] = set()
    for row in lines(box, CUSTOMERS, grouped):
        assert row.get("__parentId") is None or row["__parentId"] in seen
        seen.add(row["id"])
    assert any("/LineItem/" in one for one in seen)


def test_rows_equal_what_a_page_says(box: Sandbox) -> None:
    selection = CUSTOMERS.partition("node {")[2].partition("orders {")[0]
    paged = {}
    after = None
    while True:
        page = box.graphql(
            "query($after: String) { customers(first: 100, after: $after) { nodes { "
            + selection
            + " } pageInfo { hasNextPage endCursor } } }",
            {"after": after},
        )["data"]["customers"]
        paged |= {one["id"]: one for one in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    rows = {row["id"]: row for row in lines(box, CUSTOMERS) if "__parentId" not in row}
    assert rows == paged


def test_orders_name_their_buyer_or_nobody(box: Sandbox) -> None:
    rows = lines(box, "{ orders { edges { node { id email customer { id legacyResourceId } } } } }")
    ask = "{ orders(first: 250, sortKey: ID) { nodes { id email customer { id legacyResourceId } } } }"
    paged = {one["id"]: one for one in box.graphql(ask)["data"]["orders"]["nodes"]}
    assert {row["id"]: row for row in rows if row["id"] in paged} == paged
    assert {row["customer"] is None for row in rows} == {True, False}


def test_range_resumes_a_download(box: Sandbox) -> None:
    started, _ = run(box, "{ orders { edges { node { id name } } } }")
    box.settle()
    url = box.graphql(POLL, {"id": started["id"]})["data"]["bulkOperation"]["url"]
    whole = box.http.get(url).content
    part = box.http.get(url, headers={"Range": "bytes=100-"})
    assert part.status_code == 206 and part.content == whole[100:]


def test_query_argument_narrows(box: Sandbox) -> None:
    box.action("create_customer", first="Only", tags=["narrow"])
    rows = lines(box, '{ customers(query: "tag:narrow") { edges { node { id tags } } } }')
    assert rows and all(row["tags"] == ["narrow"] for row in rows)


def test_empty_result_has_no_url(box: Sandbox) -> None:
    started, _ = run(box, '{ customers(query: "tag:nobody-has-this") { edges { node { id } } } }')
    box.settle()
    done = box.graphql(POLL, {"id": started["id"]})["data"]["bulkOperation"]
    assert (done["status"], done["url"], done["objectCount"]) == ("COMPLETED", None, "0")


def nested(depth: int) -> str:
    return {
        1: "orders { edges { node { id } } }",
        2: "orders { edges { node { id lineItems { edges { node { id } } } } } }",
    }[depth]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ customers { nodes { id } } }", "nodes"),
        ("{ customers { edges { node { firstName " + nested(1) + " } } } }", "id"),
        ("{ shop { name } }", "at least one connection"),
        ('{ node(id: "gid://shopify/Customer/1") { id } }', "top level"),
        ("{ customers { edges { node { id nonsense } } } }", "Cannot query field"),
        ("{ customers { edges { node {", "Invalid bulk query"),
        ("mutation { tagsAdd(id: 1, tags: []) { node { id } } }", "query operation"),
        (
            "{ customers { edges { node { id " + " ".join(f"a{n}: " + nested(1) for n in range(5)) + " } } } }",
            "more than 5",
        ),
    ],
)
def test_refused_queries(box: Sandbox, query: str, words: str) -> None:
    made, errors = run(box, query)
    assert made is None
    assert words in errors[0]["message"] and errors[0]["code"] == "INVALID"


def test_sixth_at_once_is_refused(box: Sandbox) -> None:
    box.post("bulk", hold=True)
    for _ in range(5):
        assert run(box, "{ orders { edges { node { id } } } }")[1] == []
    made, (error,) = run(box, "{ orders { edges { node { id } } } }")
    assert made is None and error["code"] == "OPERATION_IN_PROGRESS"
    assert "is already in progress: gid://shopify/BulkOperation/" in error["message"]
    running = box.graphql('{ bulkOperations(first: 10, query: "status:running") { nodes { status } } }')["data"][
        "bulkOperations"
    ]["nodes"]
    assert [one["status"] for one in running] == ["RUNNING"] * 5
    box.post("bulk", hold=False)
    box.settle()
    assert run(box, "{ orders { edges { node { id } } } }")[1] == []
    box.settle()


def test_failure_and_the_finish_webhook(box: Sandbox) -> None:
    box.hold("shopify")
    box.subscribe("BULK_OPERATIONS_FINISH", "http://127.0.0.1:9/x")
    box.post("bulk", fail="TIMEOUT")
    started, _ = run(box, "{ orders { edges { node { id } } } }")
    box.settle()
    done = box.graphql(POLL, {"id": started["id"]})["data"]["bulkOperation"]
    assert (done["status"], done["errorCode"], done["url"]) == ("FAILED", "TIMEOUT", None)
    (delivery,) = box.deliveries()
    assert delivery.topic == "bulk_operations/finish" and delivery.headers["X-Shopify-Shop-Domain"] == DOMAIN
    assert (delivery.json["admin_graphql_api_id"], delivery.json["error_code"]) == (started["id"], "timeout")
