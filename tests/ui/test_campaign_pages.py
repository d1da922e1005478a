"""The composer, the reach it shows, and a campaign's own pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from sayso.campaigns import build, compose
from sayso.campaigns.models import Campaign
from sayso.messaging.models import Sender, Template
from sayso.shops.models import Shop

from .conftest import say

COMPONENTS = [
    {"type": "HEADER", "format": "TEXT", "text": "News from {{1}}"},
    {"type": "BODY", "text": "Hi {{1}}, <see> {{2}}"},
    {"type": "FOOTER", "text": "Reply STOP to opt out"},
    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop promotions"}]},
]


@pytest.fixture
def template(shop: Shop) -> Template:
    return Template.objects.create(
        shop_id=shop.pk, channel="whatsapp", name="news", language="en", category="MARKETING", status="APPROVED",
        components=COMPONENTS,
    )  # fmt: skip


@pytest.fixture
def sender(shop: Shop) -> Sender:
    return Sender.objects.create(
        shop_id=shop.pk, channel="whatsapp", phone_number_id="1", display_number="+1 555", token="t",
        base_url="https://graph.facebook.com",
    )  # fmt: skip


@pytest.fixture
def form(template: Template, sender: Sender) -> dict[str, str]:
    return {
        "name": "Ember week",
        "template": str(template.pk),
        "sender": str(sender.pk),
        "audience": "all",
        "source_1": "customer.first_name",
        "fallback_1": "there",
        "source_2": "static",
        "fallback_2": "our shop",
        "action": "draft",
    }


def test_placeholders_are_found_once_and_in_order(template: Template) -> None:
    assert compose.placeholders(template) == ["1", "2"]


def test_the_preview_escapes_and_marks(template: Template) -> None:
    chosen = compose.variables(template, {"source_2": "static", "fallback_2": "<b>"})
    body = compose.preview(template, chosen, "Shop")["body"]
    assert body == "Hi <mark>Anna</mark>, &lt;see&gt; <mark>&lt;b&gt;</mark>"


def test_the_reach_adds_up_with_reasons(
    owner_client: Client, make_contact: Callable[..., int], template: Template, sender: Sender
) -> None:
    for _ in range(3):
        say(make_contact("Yes"), "OPT_IN")
    say(make_contact("No"), "OPT_OUT")
    make_contact("Silent")
    say(make_contact("Excluded", excluded=True), "OPT_IN")
    page = owner_client.get(f"/campaigns/new/reach?template={template.pk}&audience=all").content.decode()
    assert "<strong>3</strong> of 6 contacts" in page
    numbers = [int(number) for number in re.findall(r'<td class="num">(\d+)</td>', page)]
    assert numbers[0] == 3
    assert sum(numbers) == 6
    assert "Send now to 3" in page


def test_a_tag_narrows_the_audience(owner_client: Client, make_contact: Callable[..., int], template: Template) -> None:
    say(make_contact("Vip", tags=["vip"]), "OPT_IN")
    say(make_contact("Other"), "OPT_IN")
    page = owner_client.get(f"/campaigns/new/reach?template={template.pk}&audience=tag&tag=vip").content.decode()
    assert "<strong>1</strong> of 1 contact get" in page
    asked = owner_client.get(f"/campaigns/new/reach?template={template.pk}&audience=tag&tag=").content.decode()
    assert "Name a tag" in asked


def test_saving_a_draft(owner_client: Client, form: dict[str, str]) -> None:
    answer = owner_client.post("/campaigns/new", form)
    campaign = Campaign.objects.get()
    assert answer.headers["Location"] == f"/campaigns/{campaign.pk}"
    assert campaign.status == "DRAFT"
    assert campaign.audience == {"all": True}
    assert campaign.variables == [
        {"initialValue": "{{1}}", "selectedValue": "customer.first_name", "fallback": "there"},
        {"initialValue": "{{2}}", "selectedValue": "static", "fallback": "our shop"},
    ]
    assert b"Holiday" not in owner_client.get(f"/campaigns/{campaign.pk}").content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"template": "999"}, "not approved any more"),
        ({"template": ""}, "Choose a template"),
        ({"sender": "999"}, "not connected any more"),
        ({"audience": "tag", "tag": " "}, "Name the tag"),
        ({"fallback_2": ""}, "Write the fixed text for {{2}}"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_saved(
    owner_client: Client, form: dict[str, str], change: dict[str, str], words: str
) -> None:
    answer = owner_client.post("/campaigns/new", form | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_launch_that_is_blocked_says_why_and_stays_a_draft(owner_client: Client, form: dict[str, str]) -> None:
    answer = owner_client.post("/campaigns/new", form | {"action": "send"}, follow=True)
    assert b"Not sent." in answer.content
    assert Campaign.objects.get().status == "DRAFT"


def test_sending_now_and_stopping(owner_client: Client, make_contact: Callable[..., int], form: dict[str, str]) -> None:
    say(make_contact(), "OPT_IN")
    owner_client.post("/campaigns/new", form | {"action": "send"})
    campaign = Campaign.objects.get()
    assert campaign.status == "PENDING"
    page = owner_client.get(f"/campaigns/{campaign.pk}").content.decode()
    assert 'data-live="campaign"' in page
    owner_client.post(f"/campaigns/{campaign.pk}/stop")
    campaign.refresh_from_db()
    assert campaign.status == "STOPPED"
    again = owner_client.post(f"/campaigns/{campaign.pk}/stop", follow=True)
    assert b"nothing to stop" in again.content


def test_recipients_and_reasons(
    owner_client: Client, shop: Shop, make_contact: Callable[..., int], form: dict[str, str]
) -> None:
    say(make_contact("Reached"), "OPT_IN")
    say(make_contact("Missed", excluded=True), "OPT_IN")
    owner_client.post("/campaigns/new", form | {"action": "send"})
    campaign = Campaign.objects.get()
    while not Campaign.objects.get().built_at:
        build.advance(shop.pk, campaign.pk)
    everybody = owner_client.get(f"/campaigns/{campaign.pk}/recipients").content.decode()
    assert "Reached" in everybody
    assert "Missed" not in everybody
    left_out = owner_client.get(f"/campaigns/{campaign.pk}/recipients?list=left_out&code=CUSTOMER_IS_EXCLUDED")
    assert b"Missed" in left_out.content
    assert b"Is excluded from messaging" in left_out.content
    assert b"Nobody here" in owner_client.get(f"/campaigns/{campaign.pk}/recipients?list=failed").content
    assert b"Is excluded from messaging" in owner_client.get(f"/campaigns/{campaign.pk}").content


def test_the_list_shows_every_campaign_in_few_queries(
    owner_client: Client, form: dict[str, str], django_assert_max_num_queries: Callable
) -> None:
    for _ in range(5):
        owner_client.post("/campaigns/new", form)
    with django_assert_max_num_queries(12):
        page = owner_client.get("/campaigns").content.decode()
    assert page.count('class="cover"') == 5


def test_nothing_to_choose_from_says_what_to_do(owner_client: Client) -> None:
    assert b"No approved template" in owner_client.get("/campaigns/new").content
    assert b"No campaigns yet" in owner_client.get("/campaigns").content
    assert owner_client.get("/campaigns/999").status_code == 404
