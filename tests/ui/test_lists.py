"""Audience → Lists: groups, their members, and the switch."""

from __future__ import annotations

import pytest
from django.db import connection
from tests.ui.conftest import sign_in

from sayso.audience import assign, upkeep
from sayso.audience.facts import GoneFact, MemberFact, SegmentFact
from sayso.audience.models import Group
from sayso.shopify.models import Connection, SyncRun
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import enter_shop

AT = "2026-11-01T12:00:00Z"


@pytest.fixture
def people(shop, make_contact):
    from datetime import UTC, datetime

    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    ids = [make_contact(name, tags=tags) for name, tags in (("Ada", ["VIP"]), ("Grace", ["vip", "b2b"]), ("Alan", []))]
    assign.segments([SegmentFact(77, at, "Big <spenders>", "amount_spent > 500", at)])
    assign.said(MemberFact(77, 1001 + place, joined=True, at=at) for place in (0, 2))
    assign.segments([SegmentFact(78, at, "Last summer", "x", at)])
    assign.segments_gone([GoneFact(78, at)])
    upkeep.run(shop.pk)
    enter_shop(shop.pk)
    return ids


@pytest.fixture
def connected(shop):
    app = ProviderApp.objects.create(provider="shopify", client_id="id", secret="secret")
    Connection.objects.create(
        shop_id=shop.pk, provider_app_id=app.pk, domain=shop.domain, base_url=f"https://{shop.domain}"
    )
    return shop


def text(client, path: str, **query) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def group(external_id: str) -> Group:
    return Group.objects.get(external_id=external_id)


def test_an_empty_list_says_what_to_do(owner_client):
    assert "No lists yet" in text(owner_client, "/audience/lists")


def test_groups_by_kind_and_name(owner_client, people):
    page = text(owner_client, "/audience/lists")
    assert "Big &lt;spenders&gt;" in page and "Last summer" in page and "Gone in Shopify" in page
    assert "b2b" in page and page.index("Big &lt;") < page.index("b2b")
    assert "Last summer" not in text(owner_client, "/audience/lists", kind="SHOPIFY_TAG")
    gone = text(owner_client, "/audience/lists", kind="gone")
    assert "Last summer" in gone and "b2b" not in gone
    assert "b2b" in text(owner_client, "/audience/lists", q="B2")
    assert "No list matches" in text(owner_client, "/audience/lists", q="nothing\x00 of it", kind="nonsense", page="0")


def test_members_of_a_segment(owner_client, people):
    page = text(owner_client, f"/audience/lists/{group('77').pk}")
    assert "Ada" in page and "Alan" in page and "Grace" not in page
    assert "read-only here" in page and "amount_spent &gt; 500" in page
    found = text(owner_client, f"/audience/lists/{group('77').pk}", q="ada")
    assert "Ada" in found and "Alan" not in found
    assert "No member matches" in text(owner_client, f"/audience/lists/{group('77').pk}", q="grace")
    part = owner_client.get(f"/audience/lists/{group('77').pk}", {"q": "ada"}, headers={"HX-Request": "true"})
    assert b"<h1" not in part.content and b"Ada" in part.content


def test_members_of_a_tag_in_whatever_case(owner_client, people):
    page = text(owner_client, f"/audience/lists/{group('vip').pk}")
    assert "Ada" in page and "Grace" in page and "Alan" not in page
    assert "Grace" in text(owner_client, f"/audience/lists/{group('vip').pk}", q="grace")
    assert "Written as" in page


def test_one_that_is_gone_says_so(owner_client, people):
    page = text(owner_client, f"/audience/lists/{group('78').pk}")
    assert "deleted in Shopify" in page and "last members" in page


def test_pages_of_members(owner_client, shop, make_contact, people):
    for _ in range(60):
        make_contact("Many", tags=["many"])
    upkeep.run(shop.pk)
    enter_shop(shop.pk)
    many = f"/audience/lists/{group('many').pk}"
    first = text(owner_client, many)
    assert first.count("data-id=") == 50 and "Older" in first
    oldest = min(int(part.split('"')[0]) for part in first.split('data-id="')[1:])
    assert text(owner_client, many, before=oldest).count("data-id=") == 10
    monkey = Group.objects.get(external_id="many")
    Group.objects.filter(pk=monkey.pk).update(members_count=1_000_000)  # so many that they are walked
    assert text(owner_client, many, before=oldest).count("data-id=") == 10


def test_the_groups_of_a_contact_on_its_profile(owner_client, people):
    page = text(owner_client, f"/audience/contacts/{people[0]}")
    assert "Lists and groups" in page and "Big &lt;spenders&gt;" in page and "Shopify tag" in page
    assert "In no list or group." in text(owner_client, f"/audience/contacts/{people[2]}") or "Big" in text(
        owner_client, f"/audience/contacts/{people[2]}"
    )
    activity = text(owner_client, f"/audience/contacts/{people[0]}", tab="activity", period="all")
    assert "Joined the segment “Big &lt;spenders&gt;”" in activity


def test_unknown_lists_and_lists_of_others_are_not_found(owner_client, shop, make_shop):
    other = make_shop()
    enter_shop(other.pk)
    theirs = Group.objects.create(shop_id=other.pk, kind="SHOPIFY_TAG", source_type="tag", external_id="x", name="x")
    enter_shop(shop.pk)
    assert owner_client.get(f"/audience/lists/{theirs.pk}").status_code == 404
    assert owner_client.get("/audience/lists/999999999").status_code == 404


def jobs(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where task_name = %s", [name])
        return cursor.fetchone()[0]


def test_the_switch(owner_client, connected, people):
    owner_client.post("/audience/lists/keep", {"on": "no"})
    enter_shop(connected.pk)
    assert Shop.objects.get(pk=connected.pk).settings["sync_groups"] is False
    page = text(owner_client, "/audience/lists")
    assert "Switch on" in page and "switched off" in page and "Compare with Shopify" not in page
    before = jobs("shopify.import")
    owner_client.post("/audience/lists/compare")
    assert jobs("shopify.import") == before
    owner_client.post("/audience/lists/keep", {"on": "yes"})
    enter_shop(connected.pk)
    assert Shop.objects.get(pk=connected.pk).settings["sync_groups"] is True
    assert jobs("shopify.import") == before + 1 and SyncRun.objects.get().kind == "segments"
    assert "Switch off" in text(owner_client, "/audience/lists")


def test_comparing_on_demand(owner_client, shop, connected):
    assert "Compare with Shopify" in text(owner_client, "/audience/lists")
    owner_client.post("/audience/lists/compare")
    enter_shop(shop.pk)
    assert SyncRun.objects.get().kind == "segments"
    Connection.objects.update(status="DISCONNECTED")
    assert "Compare with Shopify" not in text(owner_client, "/audience/lists")


def test_a_viewer_looks_and_changes_nothing(shop, people, connected):
    viewer = sign_in(shop, "viewer")
    page = text(viewer, "/audience/lists")
    assert "Switch off" not in page and "Compare with Shopify" not in page
    assert viewer.post("/audience/lists/keep", {"on": "no"}).status_code == 403
    assert viewer.post("/audience/lists/compare").status_code == 403
