"""Campaigns through the API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.messaging.models import Sender, Template

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def template(shop) -> Template:
    Sender.objects.create(
        shop_id=shop.pk, channel="whatsapp", phone_number_id="106", token="t", base_url="https://graph.example.com"
    )
    return Template.objects.create(
        shop_id=shop.pk, channel="whatsapp", name="spring", language="en", category="MARKETING", status="APPROVED",
        components=[{"type": "BODY", "text": "Hello {{1}}"}],
    )  # fmt: skip


@pytest.fixture
def people(shop):
    """Three contacts with numbers; the first two agreed, the second is tagged."""
    made = apply(
        [
            ContactChange(
                source=Source.SHOPIFY, shopify_customer_id=number, at=WHEN, tags=["vip"] if number == 2 else [],
                profile=Profile(first_name=f"P{number}", phone=f"+491511234567{number}"),
            )
            for number in (1, 2, 3)
        ]
    )  # fmt: skip
    record(
        ConsentEvent(
            contact_id=one.contact_id, channel=Channel.WHATSAPP, event="OPT_IN", occurred_at=WHEN, source="keyword"
        )
        for one in made[:2]
    )
    return made


def draft(api, template: Template, **more):
    variables = [{"initialValue": "{{1}}", "selectedValue": "customer.first_name", "fallback": "there"}]
    body = {"name": "Spring", "template_id": template.pk, "variables": variables, "audience": {"all": True}}
    return api.post("/campaigns", body | more)


def test_a_campaign_is_made_counted_and_sent(api, template, people):
    response = draft(api, template)
    assert response.status_code == 201, response.content
    made = response.json()
    assert (made["status"], made["counts"], made["template_category"]) == ("DRAFT", {}, "MARKETING")
    reach = api.get(f"/campaigns/{made['id']}/reach").json()
    assert (reach["audience"], reach["sendable"]) == (3, 2)
    assert [(one["code"], one["count"]) for one in reach["left_out"]] == [("CUSTOMER_IS_NOT_OPTED_IN", 1)]
    assert reach["left_out"][0]["meaning"]
    sent = api.post(f"/campaigns/{made['id']}/send")
    assert (sent.status_code, sent.json()["status"]) == (202, "PENDING")
    assert sent.json()["launched_at"]
    again = api.post(f"/campaigns/{made['id']}/send")
    assert again.status_code == 409 and "draft" in again.json()["detail"]
    stopped = api.post(f"/campaigns/{made['id']}/stop")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "STOPPED")
    assert api.post(f"/campaigns/{made['id']}/stop").status_code == 409


def test_what_blocks_a_launch_is_told_and_it_stays_a_draft(api, template, people):
    made = draft(api, template, audience={"tag": "nobody"}).json()
    blocked = api.post(f"/campaigns/{made['id']}/send")
    assert blocked.status_code == 409 and "Nobody" in blocked.json()["detail"]
    assert api.get(f"/campaigns/{made['id']}").json()["status"] == "DRAFT"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("template_id", 10**9, "invalid_reference"),
        ("sender_id", 10**9, "invalid_reference"),
        ("audience", {"segment": 1}, "invalid_format"),
        ("audience", {"tag": 7}, "invalid_format"),
        ("audience", "all", "type_mismatch"),
        ("name", "", "must_not_be_empty"),
        ("name", "x" * 201, "invalid_length"),
        ("nonsense", 1, "must_be_empty"),
    ],
)
def test_what_is_wrong_with_a_campaign_is_named(api, template, field, value, code):
    response = draft(api, template, **{field: value})
    assert response.status_code == 422
    assert [(one["name"], one["code"]) for one in response.json()["invalid_fields"]] == [(field, code)]


def test_lists(api, template, people):
    made = [draft(api, template, name=f"C{number}").json()["id"] for number in range(3)]
    first = api.get("/campaigns", limit=2).json()
    rest = api.get("/campaigns", limit=2, cursor=first["next_cursor"]).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1] and rest["next_cursor"] is None
    assert [one["name"] for one in api.get("/templates").json()["items"]] == ["spring"]
    assert api.get("/templates", status="PAUSED").json()["items"] == []
    for path in ("/campaigns/999999", "/campaigns/999999/reach"):
        assert api.get(path).status_code == 404
    assert api.post("/campaigns/999999/send").status_code == 404
