"""Groups through the API: finding them, and who is in one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sayso.audience import assign, upkeep
from sayso.audience.facts import GoneFact, MemberFact, SegmentFact
from sayso.audience.models import Group
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.tenancy import enter_shop

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def people(shop):
    made = apply(
        ContactChange(
            source=Source.SHOPIFY,
            at=AT,
            shopify_customer_id=number,
            tags=tags,
            profile=Profile(first_name=f"P{number}"),
        )
        for number, tags in ((1, ["VIP"]), (2, ["vip"]), (3, []))
    )
    assign.segments([SegmentFact(9007199254740993, AT, "Big spenders", "amount_spent > 1", AT)])
    assign.said(MemberFact(9007199254740993, number, joined=True, at=AT) for number in (1, 3))
    upkeep.run(shop.pk)
    enter_shop(shop.pk)
    return [one.contact_id for one in made]


def test_finding_groups(api, people):
    answer = api.get("/groups").json()
    assert [(one["kind"], one["name"], one["members_count"]) for one in answer["items"]] == [
        ("SHOPIFY_SEGMENT", "Big spenders", 2), ("SHOPIFY_GUESTS", "Shopify - Guests", 0), ("SHOPIFY_TAG", "VIP", 2),
    ]  # fmt: skip
    assert answer["items"][0]["external_id"] == "9007199254740993" and answer["items"][0]["gone_at"] is None
    assert [one["name"] for one in api.get("/groups", kind="SHOPIFY_TAG").json()["items"]] == ["VIP"]
    assert [one["name"] for one in api.get("/groups", search="spend").json()["items"]] == ["Big spenders"]
    assert api.get("/groups", kindd="x").status_code == 422
    first = api.get("/groups", limit=2).json()
    second = api.get("/groups", limit=2, cursor=first["next_cursor"]).json()
    assert len(first["items"]) == 2 and len(second["items"]) == 1 and second["next_cursor"] is None


def test_one_group(api, people):
    group = Group.objects.get(source_type="segment")
    assert api.get(f"/groups/{group.pk}").json()["query"] == "amount_spent > 1"
    assign.segments_gone([GoneFact(9007199254740993, AT)])
    assert api.get(f"/groups/{group.pk}").json()["gone_at"] is not None
    assert api.get("/groups/999999").status_code == 404
    assert api.get("/groups/999999/contacts").status_code == 404


def test_who_is_in_a_group(api, people):
    segment, tag = (Group.objects.get(source_type=one) for one in ("segment", "tag"))
    found = api.get(f"/groups/{segment.pk}/contacts").json()
    assert [one["id"] for one in found["items"]] == [people[2], people[0]] and found["items"][0]["consents"]
    first = api.get(f"/groups/{tag.pk}/contacts", limit=1).json()
    assert [one["id"] for one in first["items"]] == [people[1]]
    second = api.get(f"/groups/{tag.pk}/contacts", limit=1, cursor=first["next_cursor"]).json()
    assert [one["id"] for one in second["items"]] == [people[0]] and second["next_cursor"] is None


def test_groups_of_another_shop_are_not_there(api, people, make_shop, make_caller):
    ours = Group.objects.first().pk
    theirs = make_caller(make_shop())
    assert theirs.get("/groups").json()["items"] == []
    assert theirs.get(f"/groups/{ours}/contacts").status_code == 404
