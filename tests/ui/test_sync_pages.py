"""Sync: runs with their reports and lists, deliveries, parked ones, and the line on top of every page."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from tests.ui.conftest import sign_in

from sayso.events.models import Event
from sayso.intake.models import Delivery
from sayso.shopify.models import Connection, SyncChunk, SyncRun
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context


@pytest.fixture
def owner(shop: Shop) -> Client:
    return sign_in(shop, "owner")


def delivery(shop_id: int, number: int, state: str = "DONE", **more: object) -> int:
    values = {
        "provider": "shopify",
        "topic": "customers/update",
        "body": b'{"id": 7, "email": "ada@example.com"}',
    } | more
    return Delivery.objects.create(shop_id=shop_id, key=f"key-{number}", state=state, **values).pk


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def run_of(shop: Shop, **more: object) -> SyncRun:
    with shop_context(shop.pk):
        return SyncRun.objects.create(shop_id=shop.pk, kind="customers", **more)


def test_a_report_shows_its_counts_its_problems_and_its_lists(shop, owner, make_contact):
    ids = [make_contact(first_name="=cmd"), make_contact()]
    run = run_of(shop, status="COMPLETE", seen=10, created=1, updated=1, invalid=1, failed=1)
    with shop_context(shop.pk):
        SyncChunk.objects.create(
            shop_id=shop.pk, run_id=run.pk, created_ids=ids[:1], updated_ids=ids[1:],
            problems=[["UNREADABLE", "77", None, "Expected `str`"], ["NO_ADDRESS", "78", ids[1], ""],
                      ["CONSENT_REFUSED", "", ids[0], "sms: STALE"]],
            consent=[["email", "UNKNOWN", "SUBSCRIBED", "ACCEPTED", "", 1], ["sms", "UNSUBSCRIBED", "UNSUBSCRIBED", "REFUSED", "STALE", 3]],
        )  # fmt: skip
    page = read(owner, f"/sync/runs/{run.pk}")
    for text in (
        "The line could not be read",
        "SMS: An opt-out newer than this opt-in stands.",
        "Expected `str`",
        "Unchanged",
        "<dd>7</dd>",
        f"Contact {ids[1]}",
        "Refused",
    ):
        assert text in page, text
    rows = {
        which: list(csv.DictReader(io.StringIO(b"".join(owner.get(f"/sync/runs/{run.pk}/{which}.csv")).decode())))
        for which in ("new", "updated", "invalid")
    }
    assert [row["first_name"] for row in rows["new"]] == ["'=cmd"]
    assert rows["new"][0]["phone"].startswith("+49")
    assert [row["contact"] for row in rows["updated"]] == [str(ids[1])]
    assert [(row["problem"], row["what_became_of_it"]) for row in rows["invalid"]] == [
        ("UNREADABLE", "failed"), ("NO_ADDRESS", "invalid"), ("CONSENT_REFUSED", "noted"),
    ]  # fmt: skip
    with shop_context(shop.pk):
        assert Event.objects.filter(kind="export.created", origin="sync").count() == 3
    assert owner.get(f"/sync/runs/{run.pk}/else.csv").status_code == 404


def test_who_may_only_look_starts_nothing_and_takes_no_list(shop, viewer_client):
    run = run_of(shop, status="ERROR", error="Broken.")
    page = read(viewer_client, f"/sync/runs/{run.pk}")
    assert "Resume" not in page
    assert ".csv" not in page
    for path in ("/sync/import", f"/sync/runs/{run.pk}/resume", "/sync/parked/replay"):
        assert viewer_client.post(path).status_code == 403
    assert viewer_client.get(f"/sync/runs/{run.pk}/new.csv").status_code == 403
    one = delivery(shop.pk, 1)
    assert "does not include" in read(viewer_client, f"/sync/deliveries/{one}")
    assert viewer_client.post(f"/sync/deliveries/{one}").status_code == 403


def test_an_import_that_stopped_is_resumed_and_a_newer_one_takes_its_place(shop, owner):
    run = run_of(shop, status="ERROR", error="Broken.", seen=5, position=500, operation_id="gid://x")
    assert "Resume" in read(owner, f"/sync/runs/{run.pk}")
    assert owner.post(f"/sync/runs/{run.pk}/resume").headers["Location"] == f"/sync/runs/{run.pk}"
    with shop_context(shop.pk):
        run.refresh_from_db()
        assert (run.status, run.position, run.seen, run.error) == ("NOT_STARTED", 500, 5, "")
        SyncRun.objects.filter(pk=run.pk).update(status="ERROR")
    run_of(shop, status="COMPLETE")
    owner.post(f"/sync/runs/{run.pk}/resume")
    assert "newer import" in read(owner, "/sync")


def test_deliveries_are_found_by_topic_state_id_address_and_contact(shop, owner, make_contact):
    contact = make_contact(email="ada@example.com")
    from sayso.contacts import addresses

    with shop_context(shop.pk):
        key = addresses.email_key(addresses.shop_secret(shop.pk), "ada@example.com").hex()
    plain = delivery(shop.pk, 1, fold_key="customer:4242", topic="customers/create")
    named = delivery(shop.pk, 2, subject_keys=[f"email:{key}"], topic="orders/create")
    parked = delivery(shop.pk, 3, state="PARKED", error="ValueError: no JSON")
    found = {
        query: [pk for pk in (plain, named, parked) if f"/sync/deliveries/{pk}\"" in read(owner, f"/sync/deliveries?{query}")]
        for query in (
            "", "q=4242", "q=gid://shopify/Customer/4242", f"q={named}", "q=key-3", "q=Ada@example.com", "state=PARKED",
            "topic=shopify:orders/create", f"contact={contact}", "q=nobody@example.com", "before=rubbish~x",
        )
    }  # fmt: skip
    assert found == {
        "": [plain, named, parked], "q=4242": [plain], "q=gid://shopify/Customer/4242": [plain], f"q={named}": [named],
        "q=key-3": [parked], "q=Ada@example.com": [named], "state=PARKED": [parked],
        "topic=shopify:orders/create": [named], f"contact={contact}": [named], "q=nobody@example.com": [],
        "before=rubbish~x": [plain, named, parked],
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/sync/deliveries?q=%00",
        "/sync/deliveries?topic=%00:%00",
        "/sync/deliveries?contact=%C2%B2",
        "/sync/deliveries?before=2026-01-01~1",
        "/sync/deliveries?before=2026-01-01T00:00:00Z~%C2%B2",
        "/sync?before=%C2%B2",
    ],
)
def test_rubbish_in_an_address_finds_what_no_filter_finds(shop, owner, path):
    pk = delivery(shop.pk, 1)
    page = read(owner, path)
    assert f'/sync/deliveries/{pk}"' in page or path.startswith("/sync?")


def test_rubbish_is_not_replayed(shop, owner):
    delivery(shop.pk, 1, state="PARKED")
    for form in ({"delivery": "²"}, {"topic": "\x00", "provider": "\x00", "error": "\x00"}):
        assert owner.post("/sync/parked/replay", form).status_code == 302
    assert Delivery.objects.get().state == "PARKED"


def test_what_a_delivery_is_about_is_named(shop, owner):
    delivery(shop.pk, 1, fold_key="orders:4242")
    delivery(shop.pk, 2, fold_key="106540352242922:971502889988", provider="whatsapp", topic="messages")
    page = read(owner, "/sync/deliveries")
    assert "Order 4242" in page and "106540352242922:971502889988" in page


def test_what_a_delivery_says_is_shown_on_request_and_that_is_an_event(shop, owner):
    one = delivery(shop.pk, 1, headers={"webhook-id": "key-1"})
    assert "ada@example.com" not in read(owner, f"/sync/deliveries/{one}")
    page = owner.post(f"/sync/deliveries/{one}").content.decode()
    assert "ada@example.com" in page
    with shop_context(shop.pk):
        assert Event.objects.get(kind="delivery.opened").data == {"delivery": one, "topic": "customers/update"}


def test_another_shops_deliveries_and_runs_do_not_exist(shop, owner):
    other = Shop.objects.create(domain="other.myshopify.com", name="other", address_secret="s" * 64)
    theirs = delivery(other.pk, 1, state="PARKED", error="ValueError")
    run = run_of(other)
    assert owner.get(f"/sync/deliveries/{theirs}").status_code == 404
    assert owner.post(f"/sync/deliveries/{theirs}").status_code == 404
    assert owner.get(f"/sync/runs/{run.pk}").status_code == 404
    assert owner.get(f"/sync/runs/{run.pk}/new.csv").status_code == 404
    for query in ("", f"q={theirs}", "q=key-1", "state=PARKED"):
        assert f"/sync/deliveries/{theirs}" not in read(owner, f"/sync/deliveries?{query}")
    assert "Nothing is parked" in read(owner, "/sync/parked")
    for asked in (
        {"delivery": theirs},
        {"all": "1"},
        {"provider": "shopify", "topic": "customers/update", "error": ""},
    ):
        owner.post("/sync/parked/replay", asked)
    assert Delivery.objects.get(pk=theirs).state == "PARKED"


def test_parked_ones_are_tried_again_one_by_one_or_all_of_a_kind(shop, owner):
    ids = [
        delivery(shop.pk, number, state="PARKED", topic=topic, error=error, attempts=12)
        for number, (topic, error) in enumerate(
            [("orders/create", "A"), ("orders/create", "A"), ("orders/create", "B"), ("products/update", "A")]
        )
    ]
    page = read(owner, "/sync/parked")
    assert page.count('name="error"') == 3

    def parked() -> set[int]:
        return set(Delivery.objects.filter(state="PARKED").values_list("pk", flat=True))

    owner.post("/sync/parked/replay", {"delivery": ids[3]})
    assert parked() == set(ids[:3])
    owner.post("/sync/parked/replay", {"provider": "shopify", "topic": "orders/create", "error": "A"})
    assert parked() == {ids[2]}
    owner.post("/sync/parked/replay", {})
    assert parked() == {ids[2]}
    owner.post("/sync/parked/replay", {"all": "1"})
    assert parked() == set()
    with shop_context(shop.pk):
        assert [event.data["count"] for event in Event.objects.filter(kind="delivery.replayed").order_by("pk")] == [
            1,
            2,
            1,
        ]


def test_every_page_says_when_the_store_falls_behind(shop, owner):
    assert "falls behind" not in read(owner, "/audience/contacts")
    delivery(shop.pk, 1, state="PARKED", error="x")
    Delivery.objects.filter(pk=delivery(shop.pk, 2, state="NEW")).update(
        received_at=timezone.now() - timedelta(minutes=30)
    )
    with shop_context(shop.pk):
        Connection.objects.create(
            shop_id=shop.pk,
            provider_app_id=1,
            domain=shop.domain,
            base_url="",
            status="REFUSED",
            status_reason="No token.",
        )
    run_of(shop, status="ERROR")
    page = read(owner, "/audience/contacts")
    for text in (
        "falls behind",
        "refuses us",
        "wait for 30 minutes",
        "1 delivery failed",
        "import of customers stopped",
    ):
        assert text in page, text


def test_the_freshness_is_drawn(shop, owner):
    from sayso.intake import freshness

    now = timezone.now()
    for number in range(5):
        one = delivery(
            shop.pk, number, received_at=now - timedelta(minutes=20), drained_at=now - timedelta(minutes=19.99)
        )
        Delivery.objects.filter(pk=one).update(drained_at=now - timedelta(minutes=20) + timedelta(seconds=0.4))
    with shop_context(shop.pk):
        freshness.count(shop.pk)
    for period in ("3h", "2d", "30d", "1y"):
        page = read(owner, f"/sync/freshness?period={period}")
        assert "5 changes" in page, period
        assert "<svg" in page
    assert "Runs" in read(owner, "/sync?trigger=live")
