"""Segments of the sandbox: who is in them, who is told what, and what is not there."""

from __future__ import annotations

import pytest

from sayso.sandbox.shopify.segment_rules import BadQuery, where
from sayso.sandbox.testing import Sandbox, SandboxError

NOWHERE = "http://127.0.0.1:9/x"
TOPICS = ("SEGMENTS_CREATE", "SEGMENTS_UPDATE", "SEGMENTS_DELETE", "CUSTOMER_JOINED_SEGMENT", "CUSTOMER_LEFT_SEGMENT")
MEMBERS = """query($id: ID!, $first: Int!, $after: String) { customerSegmentMembers(segmentId: $id, first: $first, after: $after) {
    totalCount statistics { attributeStatistics(attributeName: "orders_count") { average sum } }
    pageInfo { hasNextPage endCursor } edges { cursor node { id displayName numberOfOrders amountSpent { amount } } } } }"""


@pytest.fixture
def held(box: Sandbox) -> Sandbox:
    box.hold()
    for topic in TOPICS:
        box.subscribe(topic, NOWHERE)
    return box


def told(box: Sandbox) -> list[tuple[str, dict]]:
    found = [(one.topic, one.json) for one in box.deliveries(kind="shopify")]
    box.clear()
    return found


def ask(box: Sandbox, segment: int, first: int = 250, after: str | None = None) -> dict:
    variables = {"id": f"gid://shopify/Segment/{segment}", "first": first, "after": after}
    return box.graphql(MEMBERS, variables)


def members(box: Sandbox, segment: int) -> set[int]:
    page = ask(box, segment)["data"]["customerSegmentMembers"]
    return {int(edge["node"]["id"].removeprefix("gid://shopify/CustomerSegmentMember/")) for edge in page["edges"]}


def test_a_shop_begins_with_segments_of_its_people(box: Sandbox) -> None:
    nodes = box.graphql("{ segments(first: 250) { nodes { id name query creationDate lastEditDate } } }")
    listed = nodes["data"]["segments"]["nodes"]
    vip = next(one for one in listed if "vip" in one["query"])
    people = box.customers(limit=1000)
    assert members(box, int(vip["id"].rpartition("/")[2])) == {
        int(one["id"]) for one in people if "vip" in [tag.lower() for tag in one.get("tags", [])]
    }


def test_joining_and_leaving_is_told_of_customers_whose_facts_change(held: Sandbox) -> None:
    made = held.action("create_segment", name="Tea", query="customer_tags CONTAINS 'tea' AND number_of_orders = 0")
    [(topic, body)] = told(held)
    assert topic == "segments/create" and set(body) == {"id", "name", "query", "creationDate", "lastEditDate"}
    one = held.action("create_customer", first="Tess", tags=["TEA"])
    joined = [body for topic, body in told(held) if topic == "customer.joined_segment"]
    assert {
        "shop_id": joined[0]["shop_id"],
        "customer_id": f"gid://shopify/Customer/{one['id']}",
        "segment_id": f"gid://shopify/Segment/{made['id']}",
    } in joined
    assert members(held, made["id"]) == {one["id"]}
    held.action("edit_customer", customer=one["id"], note="nothing that matters to it")
    assert told(held) == []
    held.action("place_order", customer=one["id"])
    assert f"gid://shopify/Segment/{made['id']}" in [
        body["segment_id"] for topic, body in told(held) if topic == "customer.left_segment"
    ]
    held.action("pick_for_segment", segment=made["id"], add=[one["id"]])
    assert [topic for topic, _ in told(held)] == ["customer.joined_segment"]
    held.action("edit_segment", segment=made["id"], query="customer_tags CONTAINS 'coffee'")
    assert [topic for topic, _ in told(held)] == ["segments/update"]  # its members have to be asked for
    held.action("delete_segment", segment=made["id"])
    assert told(held) == [("segments/delete", {"id": made["id"]})]
    answer = ask(held, made["id"])
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND" and not answer.get("data")


def test_members_come_in_pages(box: Sandbox) -> None:
    people = [int(one["id"]) for one in box.customers(limit=7)]
    made = box.action("create_segment", name="Picked", picked=people)
    found, after, pages = [], None, 0
    while True:
        page = ask(box, made["id"], first=3, after=after)["data"]["customerSegmentMembers"]
        assert page["totalCount"] == 7
        found += [int(edge["node"]["id"].rpartition("/")[2]) for edge in page["edges"]]
        pages += 1
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert sorted(found) == sorted(people) and pages == 3
    orders = sum(one.get("orders", 0) for one in box.customers(limit=7))
    assert page["statistics"]["attributeStatistics"] == {"average": orders / 7, "sum": orders}
    too_many = ask(box, made["id"], first=1001)
    assert "between 0 and 1000" in str(too_many["errors"]) or too_many["errors"][0]["extensions"]["code"]
    assert ask(box, made["id"], first=1000)["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    box.action("delete_segment", segment=made["id"])


@pytest.mark.parametrize("query", ["nonsense", "amount_spent MATCHES 3", "customer_tags CONTAINS vip", "colour = 3"])
def test_queries_it_does_not_know_are_refused(box: Sandbox, query: str) -> None:
    with pytest.raises(BadQuery):
        where(query)
    with pytest.raises(SandboxError, match="400"):
        box.action("create_segment", name="No", query=query)


def test_queries_it_knows() -> None:
    sql, values = where("amount_spent >= 12.50 AND customer_tags NOT CONTAINS 'vip' OR number_of_orders != 0")
    assert values == [1250, "vip", 0] and sql.count("AND") >= 1 and " OR " in sql
    assert where("  ") == ("1", [])
