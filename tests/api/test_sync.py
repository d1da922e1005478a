"""The sync over the REST API."""

from __future__ import annotations

from sayso.events.models import Event
from sayso.intake.models import Delivery
from sayso.shopify.models import SyncChunk, SyncRun
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context


def deliveries(shop_id, number, **more):
    return [
        Delivery.objects.create(
            provider="shopify", key=f"{shop_id}-{n}", shop_id=shop_id, body=b'{"email": "ada@example.com"}',
            **{"topic": "orders/create", "state": "PARKED", "error": "A"} | more,
        ).pk
        for n in range(number)
    ]  # fmt: skip


def call(api, method, path, body=None, status=200):
    answer = api.post(path, body) if method == "POST" else api.get(path)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_runs_come_in_pages_and_a_report_whole(shop, api):
    with shop_context(shop.pk):
        ids = [SyncRun.objects.create(shop_id=shop.pk, kind="customers", trigger="manual").pk for _ in range(3)]
        SyncRun.objects.filter(pk=ids[0]).update(seen=9, created=2, updated=1, failed=1, status="COMPLETE")
        SyncChunk.objects.create(
            shop_id=shop.pk, run_id=ids[0], problems=[["UNREADABLE", "5", None, "cut"]] * 7,
            consent=[["sms", "UNKNOWN", "SUBSCRIBED", "ACCEPTED", "", 4]],
        )  # fmt: skip
    first = call(api, "GET", "/sync/runs?limit=2")
    assert [run["id"] for run in first["items"]] == ids[:0:-1]
    assert [run["id"] for run in call(api, "GET", f"/sync/runs?cursor={first['next_cursor']}")["items"]] == ids[:1]
    assert call(api, "GET", "/sync/runs?trigger=live")["items"] == []
    report = call(api, "GET", f"/sync/runs/{ids[0]}")
    assert (report["unchanged"], report["problems"][0]["count"], len(report["problems"][0]["samples"])) == (5, 7, 5)
    assert report["consent"][0] == {
        "channel": "sms", "from_state": "UNKNOWN", "to_state": "SUBSCRIBED", "outcome": "ACCEPTED", "refusal_code": "",
        "count": 4,
    }  # fmt: skip
    assert call(api, "GET", f"/sync/runs/{ids[-1] + 1000}", status=404)["status"] == 404


def test_parked_deliveries_are_listed_without_what_they_say_and_tried_again(shop, api):
    ids = deliveries(shop.pk, 3)
    other = Shop.objects.create(domain="other.myshopify.com", name="other", address_secret="s" * 64)
    theirs = deliveries(other.pk, 1)
    page = call(api, "GET", "/sync/deliveries?state=parked&limit=2")
    assert {one["id"] for one in page["items"]} <= set(ids)
    assert "ada@" not in str(page)
    rest = call(api, "GET", f"/sync/deliveries?state=parked&limit=2&cursor={page['next_cursor']}")
    assert {one["id"] for one in [*page["items"], *rest["items"]]} == set(ids)
    assert call(api, "POST", "/sync/deliveries/replay", {"topic": "orders/create"}, status=422)["invalid_fields"]
    assert call(api, "POST", "/sync/deliveries/replay", {"delivery_ids": [ids[0], theirs[0]]}) == {"count": 1}
    asked = {"provider": "shopify", "topic": "orders/create"}
    assert call(api, "POST", "/sync/deliveries/replay", asked) == {"count": 2}
    assert call(api, "POST", "/sync/deliveries/replay", {}) == {"count": 0}
    assert Delivery.objects.get(pk=theirs[0]).state == "PARKED"
    with shop_context(shop.pk):
        assert Event.objects.filter(kind="delivery.replayed").count() == 2
