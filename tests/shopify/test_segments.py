"""Segments of the store as groups: told by deliveries, read by pages, compared every night."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from sayso.audience import pictures
from sayso.audience.models import Group, GroupMember
from sayso.audience.settings import set_sync_groups
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.sandbox.testing import DOMAIN
from sayso.shopify import segments, segments_due
from sayso.shopify.connection.client import GraphQL, ShopifyError
from sayso.shopify.connection.tokens import open_store
from sayso.shopify.importing import imports
from sayso.shopify.models import Connection, SyncRun
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def never_throttled(box):
    box.post(f"shops/{DOMAIN}", bucket=1_000_000, restore=1_000_000)


@pytest.fixture
def segment(listening, tell):
    """A segment for whoever is tagged with a tag of this test's own; deleted again, for the sandbox outlives the test."""
    made = tell("create_segment", name="Mine", query=f"customer_tags CONTAINS 't{next(NUMBERS)}'")
    yield made
    if str(made["id"]) in {str(one["id"]) for one in held_there(listening)}:
        listening.action("delete_segment", segment=made["id"])


def held_there(box) -> list[dict]:
    answer = box.graphql("{ segments(first: 250) { nodes { id name query } } }")
    return [node | {"id": node["id"].rpartition("/")[2]} for node in answer["data"]["segments"]["nodes"]]


def tag(segment) -> str:
    return segment["query"].split("'")[1]


def read(shop: Shop, watch: segments.Watch | None = None) -> int:
    with open_store(shop.pk) as store:
        return segments.read_new(store, watch)


def compare(shop: Shop, **watch) -> None:
    with open_store(shop.pk) as store:
        segments.compare_all(store, anew=True, watch=segments.Watch(**watch))


def group(shop, segment) -> Group:
    with shop_context(shop.pk):
        return Group.objects.get(source_type="segment", external_id=str(segment["id"]))


def members(shop, segment) -> set[int]:
    """The customers in it."""
    with shop_context(shop.pk):
        one = Group.objects.get(source_type="segment", external_id=str(segment["id"]))
        found = GroupMember.objects.filter(group_id=one.pk, member=True, contact_id__isnull=False)
        contacts = Contact.objects.filter(pk__in=found.values("contact_id"), deleted_at=None)
        return set(contacts.values_list("shopify_customer_id", flat=True))


def there(box, segment) -> set[int]:
    """The customers in it, as the store says."""
    gid = f"gid://shopify/Segment/{segment['id']}"
    found, after = set(), None
    while True:
        page = box.graphql(
            "query($id: ID!, $after: String) { customerSegmentMembers(segmentId: $id, first: 250, after: $after) {"
            " pageInfo { hasNextPage endCursor } edges { node { id } } } }",
            {"id": gid, "after": after},
        )["data"]["customerSegmentMembers"]
        found |= {int(edge["node"]["id"].rpartition("/")[2]) for edge in page["edges"]}
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def test_a_segment_of_the_store_lives_here(connected, listening, tell, segment):
    made = group(connected, segment)
    assert (made.name, made.query, made.kind) == ("Mine", segment["query"], "SHOPIFY_SEGMENT")
    assert made.named_at is not None and made.read_due_at is not None
    with connection.cursor() as cursor:  # its members are to be read soon
        cursor.execute("select count(*) from procrastinate_jobs where task_name = %s", [segments.JOB])
        assert cursor.fetchone() == (1,)
    tell("edit_segment", segment=segment["id"], name="Ours")
    assert group(connected, segment).name == "Ours"
    tell("delete_segment", segment=segment["id"])
    assert group(connected, segment).gone


def test_joining_and_leaving(connected, listening, tell, segment):
    ada = int(tell("create_customer", first="Ada")["id"])
    tell("add_tags", customer=ada, tags=[tag(segment)])
    assert members(connected, segment) == {ada} == there(listening, segment)
    tell("remove_tags", customer=ada, tags=[tag(segment)])
    assert members(connected, segment) == set()
    tell("pick_for_segment", segment=segment["id"], add=[ada])
    assert members(connected, segment) == {ada}
    tell("delete_customer", customer=ada)
    assert members(connected, segment) == set()
    with shop_context(connected.pk):
        mine = str(group(connected, segment).pk)
        told = Event.objects.filter(kind__startswith="segment.", data__group=mine).order_by("id")
        assert list(told.values_list("kind", flat=True)) == ["segment.entered", "segment.left", "segment.entered"]


def test_a_member_who_comes_before_their_customer(connected, listening, tell, segment, drain):
    ada = int(tell("create_customer", topics=(), first="Ada", tags=[tag(segment)])["id"])
    sent = {one.topic: one for one in listening.deliveries()}
    drain([sent["customer.joined_segment"]])
    assert members(connected, segment) == set()
    drain([sent["customers/create"]])
    assert members(connected, segment) == {ada}


def test_a_segment_that_is_known_by_its_number_is_given_its_name(connected, listening, tell):
    made = tell("create_segment", topics=(), name="Unheard of", query=f"customer_tags CONTAINS 't{next(NUMBERS)}'")
    ada = int(tell("create_customer", first="Ada")["id"])
    tell("add_tags", customer=ada, tags=[tag(made)])
    assert group(connected, made).name == f"Segment {made['id']}"
    read(connected)
    assert group(connected, made).name == "Unheard of" and members(connected, made) == {ada}
    listening.action("delete_segment", segment=made["id"])


def test_new_segments_are_read_and_those_with_other_conditions_again(connected, listening, tell):
    people = [int(tell("create_customer", first=f"P{n}", tags=[f"even{n % 2}x"])["id"]) for n in range(6)]
    made = tell("create_segment", name="Even", query="customer_tags CONTAINS 'even0x'")
    read(connected)
    assert members(connected, made) == set(people[::2]) == there(listening, made)
    tell("edit_segment", segment=made["id"], query="customer_tags CONTAINS 'even1x'")
    read(connected)
    assert members(connected, made) == set(people[1::2]) == there(listening, made)
    with shop_context(connected.pk):  # nobody acted, so no automation begins
        told = Event.objects.filter(kind__startswith="segment.", data__group=str(group(connected, made).pk))
        assert set(told.values_list("bulk", flat=True)) == {True}
    listening.action("delete_segment", segment=made["id"])


def test_the_import_reads_all_segments_and_their_members(box, connected):
    for run_id in imports.start(connected.pk):
        assert imports.run(connected.pk, run_id) == "COMPLETE"
    listed = held_there(box)
    assert len(listed) >= 4
    for one in listed:
        assert members(connected, one) == there(box, one), one["name"]
    with shop_context(connected.pk):
        run = SyncRun.objects.get(kind="segments")
        found = sum(len(there(box, one)) for one in listed)
        assert (run.seen, run.total, run.created, run.updated) == (found, found, found, 0)
        assert not Group.objects.filter(read_due_at__isnull=False).exists()
        assert set(Event.objects.filter(kind="segment.entered").values_list("bulk", flat=True)) == {True}
    [again] = imports.start(connected.pk, ["segments"])
    assert imports.run(connected.pk, again) == "COMPLETE"
    with shop_context(connected.pk):
        run = SyncRun.objects.get(pk=again)
        assert (run.seen, run.created, run.updated) == (found, 0, 0)


class Died(Exception):
    pass


@pytest.mark.parametrize("at", [1, 3, 6])
@pytest.mark.parametrize("large", [20, 100])
def test_a_reading_that_dies_goes_on_with_its_next_page(box, connected, monkeypatch, at, large):
    monkeypatch.setattr(segments, "SEGMENT_MEMBERS_A_CALL", large)
    customers, *_, last = imports.start(connected.pk)
    assert imports.run(connected.pk, customers) == "COMPLETE"

    def die(number):
        if number == at:
            raise Died

    with pytest.raises(Died):
        imports.run(connected.pk, last, after_chunk=die)
    with shop_context(connected.pk):
        assert SyncRun.objects.get(pk=last).status == "IN_PROGRESS"
        seen = SyncRun.objects.get(pk=last).seen
    assert imports.run(connected.pk, last) == "COMPLETE"
    found = 0
    for one in held_there(box):
        assert members(connected, one) == there(box, one)
        found += len(there(box, one))
    with shop_context(connected.pk):
        assert 0 < seen <= SyncRun.objects.get(pk=last).seen == found


def test_a_reading_that_is_stopped_goes_on_later(box, connected):
    stops = itertools.count()
    with pytest.raises(segments.Stopped):
        compare(connected, should_stop=lambda: next(stops) == 2)
    read(connected)
    for one in held_there(box):
        with shop_context(connected.pk):
            waiting = Group.objects.get(external_id=one["id"])
            assert GroupMember.objects.filter(group_id=waiting.pk).count() == len(there(box, one))


def test_the_comparison_makes_up_for_lost_deliveries(connected, listening, tell, segment):
    people = [int(tell("create_customer", first=f"P{n}")["id"]) for n in range(4)]
    tell("add_tags", customer=people[0], tags=[tag(segment)])
    tell("add_tags", customer=people[1], tags=[tag(segment)])
    tell("add_tags", topics=(), customer=people[2], tags=[tag(segment)])
    tell("remove_tags", topics=(), customer=people[0], tags=[tag(segment)])
    tell("edit_segment", topics=(), segment=segment["id"], name="Renamed unheard")
    assert members(connected, segment) == {people[0], people[1]}
    compare(connected)
    assert members(connected, segment) == {people[1], people[2]} == there(listening, segment)
    assert group(connected, segment).name == "Renamed unheard"
    tell("delete_segment", topics=(), segment=segment["id"])
    compare(connected)
    assert group(connected, segment).gone
    assert members(connected, segment) == {people[1], people[2]}  # the last ones stay


def test_a_segment_that_is_gone_when_it_is_read(connected, listening, tell, segment):
    listening.action("delete_segment", segment=segment["id"])
    read(connected)
    assert group(connected, segment).gone and group(connected, segment).read_error == ""


def test_one_that_the_store_cannot_answer_for_does_not_hold_up_the_others(connected, listening, segment, monkeypatch):
    real = segments._page

    def refuse(store, reading, size):
        if reading.segment_id == int(segment["id"]):
            raise ShopifyError("INVALID", "this segment cannot be queried")
        return real(store, reading, size)

    monkeypatch.setattr(segments, "_page", refuse)
    compare(connected)
    assert group(connected, segment).read_error == "Shopify: this segment cannot be queried"
    with shop_context(connected.pk):
        assert not pictures.any_due()
        assert Group.objects.filter(kind="SHOPIFY_SEGMENT", read_error="", members_at__isnull=False).count() >= 4


def test_pages_shrink_where_the_store_finds_them_too_dear(connected, box, monkeypatch):
    asked = []
    real = segments._page
    monkeypatch.setattr(
        segments, "_page", lambda store, reading, size: (asked.append(size), real(store, reading, size))[1]
    )
    compare(connected)
    assert asked[:2] == [1000, 500] and set(asked[1:]) == {500}  # learnt once


def test_where_the_shop_keeps_no_groups_nothing_is_made(connected, listening, tell):
    with shop_context(connected.pk):
        set_sync_groups(connected, False, actor_id="1")
    made = tell("create_segment", name="Unwanted", query=f"customer_tags CONTAINS 't{next(NUMBERS)}'")
    tell("create_customer", first="Ada", tags=[tag(made)])
    compare(connected)
    assert read(connected) == 0
    with shop_context(connected.pk):
        assert not Group.objects.filter(kind="SHOPIFY_SEGMENT").exists()
        set_sync_groups(connected, True, actor_id="1")
    compare(connected)
    assert group(connected, made).name == "Unwanted"
    listening.action("delete_segment", segment=made["id"])


SAMPLES = {  # of the shape of Shopify's reference, ids with all digits
    "segments/create": {
        "id": 511462893174,
        "name": "Customers who have one order",
        "query": "number_of_orders = 1",
        "creationDate": "2022-01-01T00:00:00.000Z",
        "lastEditDate": "2022-01-01T00:00:00.000Z",
    },
    "segments/delete": {"id": 511462893174},
    "customer.joined_segment": {
        "shop_id": "gid://shopify/Shop/548380009",
        "customer_id": "gid://shopify/Customer/9123468157234617",
        "segment_id": "gid://shopify/Segment/511462893174",
    },
}
SAMPLES |= {"segments/update": SAMPLES["segments/create"], "customer.left_segment": SAMPLES["customer.joined_segment"]}


def deliver(shop: Shop, topic: str, body: bytes) -> Delivery:
    made = Delivery.objects.create(
        provider="shopify", key=f"sample {next(NUMBERS)}", shop_id=shop.pk, topic=topic, body=body,
        triggered_at=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip
    drain_all()
    made.refresh_from_db()
    return made


@pytest.mark.parametrize("topic", SAMPLES)
def test_payloads_of_the_documented_shape_are_accepted(connected, topic):
    import json

    assert deliver(connected, topic, json.dumps(SAMPLES[topic]).encode()).state == "DONE"
    with shop_context(connected.pk):
        assert Group.objects.get(source_type="segment").external_id == "511462893174"


@pytest.mark.parametrize(
    ("topic", "body"), [("segments/update", b"{}"), ("customer.joined_segment", b'{"segment_id": 1}')]
)
def test_payloads_that_name_nothing_are_kept_for_another_try(connected, topic, body):
    refused = deliver(connected, topic, body)
    assert refused.state == "NEW" and refused.attempts == 1 and "without" in refused.error


def test_the_night_comes_once_a_day_by_the_shops_clock(connected):
    zone = "Asia/Kathmandu"  # UTC + 5:45
    Shop.objects.filter(pk=connected.pk).update(time_zone=zone)
    shop = Shop.objects.get(pk=connected.pk)
    due = partial(segments_due.start_if_due, shop)
    night = datetime(2036, 3, 10, 21, 45, tzinfo=UTC)  # 03:30 there
    assert segments_due.latest(night, zone) == night
    assert segments_due.latest(night - timedelta(minutes=1), zone) == night - timedelta(days=1)
    assert not due(night)  # the customers were never imported
    with shop_context(connected.pk):
        SyncRun.objects.create(shop_id=shop.pk, kind="customers", status="COMPLETE")
        Connection.objects.update(scopes=["read_orders"])
    assert not due(night)  # it would end with an error every night
    with shop_context(connected.pk):
        Connection.objects.update(scopes=["read_customers"])
    assert due(night)
    with shop_context(connected.pk):
        SyncRun.objects.filter(kind="segments").update(status="COMPLETE", started_at=night + timedelta(seconds=3))
    assert not due(night + timedelta(hours=5))
    assert due(night + timedelta(days=1))
    with shop_context(connected.pk), transaction.atomic():
        SyncRun.objects.filter(kind="segments").update(status="COMPLETE")
        set_sync_groups(shop, False, actor_id="1")
    assert not segments_due.start_if_due(Shop.objects.get(pk=shop.pk), night + timedelta(days=3))


def test_a_store_that_cannot_tell_us_is_asked(connected, listening, tell):
    made = tell("create_segment", topics=(), name="Asked for", query=f"customer_tags CONTAINS 't{next(NUMBERS)}'")
    ada = int(tell("create_customer", first="Ada", tags=[tag(made)])["id"])
    assert segments.look(connected.pk) >= 1
    assert group(connected, made).name == "Asked for" and members(connected, made) == {ada}
    assert segments.look(connected.pk) == 0
    listening.action("delete_segment", segment=made["id"])
    segments.look(connected.pk)
    assert group(connected, made).gone


@pytest.mark.parametrize("half", [None, {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}])
def test_half_an_answer_empties_no_segment(listening, connected, tell, segment, monkeypatch, half):
    made = tell("create_customer", first="Half", email=f"half{segment['id']}@example.org", tags=[tag(segment)])
    compare(connected)
    assert members(connected, segment) == {int(made["id"])}
    run = GraphQL.run

    def halving(self, document, variables=None):
        if document == "segment_members":
            return {"customerSegmentMembers": half}
        return run(self, document, variables)

    monkeypatch.setattr(GraphQL, "run", halving)
    compare(connected)
    assert members(connected, segment) == {int(made["id"])}
    assert "whole page" in group(connected, segment).read_error


def test_a_list_that_did_not_come_makes_no_segment_gone(listening, connected, segment, monkeypatch):
    compare(connected)
    run = GraphQL.run

    def silent(self, document, variables=None):
        return {"segments": None} if document == "segments" else run(self, document, variables)

    monkeypatch.setattr(GraphQL, "run", silent)
    with pytest.raises(ShopifyError, match="BAD_ANSWER"):
        compare(connected)
    assert group(connected, segment).gone_at is None
