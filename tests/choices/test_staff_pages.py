"""Setting the public pages up: forms, topics, wordings, settings, checklist; and a contact's topics."""

from __future__ import annotations

import pytest
from tests.choices.test_hosted import address
from tests.making import make_contact, make_template
from tests.ui.conftest import sign_in

from sayso.choices import checklist
from sayso.choices.models import Form
from sayso.choices.topics import create as make_topic
from sayso.choices.topics import delete as delete_topic
from sayso.consent import settings as consent_settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import LedgerEntry, Topic, TopicChoice, Wording
from sayso.consent.record import record
from sayso.events.models import Event
from sayso.shops.tenancy import enter_shop

PAGES = (
    "/audience/forms", "/audience/opt-out-reasons", "/settings/topics", "/settings/consent/wordings",
    "/settings/consent/wordings?purpose=hosted_form", "/settings/consent/public-pages", "/settings/consent/set-up",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_everybody_in_the_team_may_look(shop, path):
    assert sign_in(shop, "viewer").get(path).status_code == 200


def test_a_viewer_changes_nothing(shop, make_form):
    form, topic, client = make_form(), make_topic("Sale"), sign_in(shop, "viewer")
    contact = make_contact()
    for path in (
        "/audience/forms/new", f"/audience/forms/{form.pk}", f"/audience/forms/{form.pk}/status", "/settings/topics",
        f"/settings/topics/{topic.pk}", f"/settings/topics/{topic.pk}/delete", "/settings/consent/wordings/new",
        "/settings/consent/public-pages", f"/audience/contacts/{contact}/topics", f"/audience/forms/{form.pk}/wordings",
    ):  # fmt: skip
        assert client.post(path).status_code == 403, path


def test_from_nothing_to_a_published_form(owner_client, shop, visitor):
    answer = owner_client.post(
        "/audience/forms/new",
        {
            "kind": "HOSTED",
            "title": "News",
            "channels": ["email"],
            "languages": ["en"],
            "origins": "shop.example\nhttps://x.example/a",
        },
    )
    form = Form.objects.get()
    assert answer["Location"] == f"/audience/forms/{form.pk}"
    assert form.origins == ["https://shop.example", "https://x.example"]
    page = owner_client.get(answer["Location"]).content.decode()
    assert "The address of the terms is missing" in page and "There is no wording for E-mail in English" in page
    refused = owner_client.post(f"/audience/forms/{form.pk}/status", {"status": "PUBLISHED"}, follow=True)
    assert "Not published" in refused.content.decode()
    owner_client.post(
        "/settings/consent/public-pages",
        {"privacy_policy_url": "https://a.example/p", "terms_url": "https://a.example/t", "brand_colour": "#FFD400",
         "unsubscribe_mode": "TWO_CLICKS"},
    )  # fmt: skip
    shop.refresh_from_db()
    assert consent_settings.of(shop).unsubscribe_mode == "TWO_CLICKS"
    owner_client.post(f"/audience/forms/{form.pk}/wordings")
    assert "from " + shop.name in Wording.objects.get().text
    owner_client.post(f"/audience/forms/{form.pk}/status", {"status": "PUBLISHED"})
    preview = owner_client.get(f"/audience/forms/{form.pk}/preview").content.decode()
    assert "disabled" in preview and "/brand/ffd400.css" in preview
    assert visitor.get(address(form)).status_code == 200
    enter_shop(shop.pk)
    owner_client.post(f"/audience/forms/{form.pk}", {"title": "News!", "channels": ["email"], "languages": ["en"]})
    form.refresh_from_db()
    assert (form.version, form.origins) == (2, [])
    kinds = list(Event.objects.filter(origin="form").order_by("id").values_list("kind", "actor_kind"))
    assert kinds == [("form.changed", "staff"), ("form.published", "staff"), ("form.changed", "staff")]


@pytest.mark.parametrize(
    "origin", ["http://shop.example", "https://a b", "ftp://x.example", "https://*.example", "'self'", "[]"]
)
def test_what_may_not_frame(owner_client, shop, origin):
    data = {"kind": "HOSTED", "title": "News", "channels": ["email"], "languages": ["en"], "origins": origin}
    answer = owner_client.post("/audience/forms/new", data)
    if origin == "https://a b":
        assert answer.status_code in (302, 422)
    else:
        assert answer.status_code == 422
        assert not Form.objects.exists()


def test_heading_and_introduction_in_each_language(owner_client, make_form, visitor):
    form = make_form()
    said = {"title_de": "Neues", "intro_de": "Zweimal im Monat"}
    owner_client.post(
        f"/audience/forms/{form.pk}", {"title": "News", "channels": ["email"], "languages": ["en", "de"]} | said
    )
    form.refresh_from_db()
    assert (form.version, form.translations) == (2, {"de": {"title": "Neues", "intro": "Zweimal im Monat"}})
    german, english = (visitor.get(f"{address(form)}?lang={tag}").content.decode() for tag in ("de", "en"))
    assert "Neues" in german and "Zweimal" in german
    assert "<h1>News</h1>" in english and "Zweimal" not in english


def test_topics_are_made_renamed_and_deleted_and_keys_are_not_given_out_again(owner_client, shop):
    owner_client.post("/settings/topics", {"title": "  New   arrivals ", "description": "On Fridays"})
    topic = Topic.objects.get()
    assert (topic.key, topic.title) == ("new-arrivals", "New arrivals")
    owner_client.post(f"/settings/topics/{topic.pk}", {"title": "Fresh", "description": ""})
    topic.refresh_from_db()
    assert (topic.key, topic.title) == ("new-arrivals", "Fresh")
    contact = make_contact()
    owner_client.post(f"/audience/contacts/{contact}/topics", {"channel": "email", "topics": []})
    assert TopicChoice.objects.get().wanted is False
    owner_client.post(f"/settings/topics/{topic.pk}/delete")
    assert not Topic.objects.exists() and TopicChoice.objects.exists()
    assert make_topic("New arrivals").key == "new-arrivals-2"
    assert make_topic("新着").key and make_topic("!").key


def test_staff_records_choices_but_does_not_undo_the_persons_own(owner_client, shop):
    contact = make_contact("OPT_IN")
    one, two = make_topic("One"), make_topic("Two")
    event = ConsentEvent(
        contact, Channel.EMAIL, "TOPIC_OFF", LedgerEntry.objects.first().occurred_at, "preference_centre", topic=one.key
    )
    record([event])
    page = owner_client.get(f"/audience/contacts/{contact}").content.decode()
    assert "switched off by the person" in page
    answer = owner_client.post(
        f"/audience/contacts/{contact}/topics", {"channel": "email", "topics": [one.key, two.key]}, follow=True
    )
    assert "only they can switch it on again" in answer.content.decode()
    choices = dict(TopicChoice.objects.filter(channel="email").values_list("topic", "wanted"))
    assert choices == {one.key: False, two.key: True}
    delete_topic(one)
    assert owner_client.get(f"/audience/contacts/{contact}").status_code == 200


def test_wordings_are_versions_with_dates(owner_client, shop):
    data = {
        "purpose": "checkout",
        "channel": "sms",
        "language": "PT_br",
        "text": "Quero",
        "valid_from": "2026-01-01T00:00",
    }
    assert owner_client.post("/settings/consent/wordings/new", data).status_code == 302
    assert Wording.objects.get().name == "checkout/sms/pt-BR/1"
    again = owner_client.get(
        "/settings/consent/wordings/new?purpose=checkout&channel=sms&language=pt-BR"
    ).content.decode()
    assert "Quero" in again
    bad = owner_client.post("/settings/consent/wordings/new", data | {"purpose": "hosted_form"})
    assert "leave this empty" in bad.content.decode()
    assert owner_client.post("/settings/consent/wordings/new", data | {"language": "12"}).status_code == 422
    assert "Quero" in owner_client.get("/settings/consent/wordings").content.decode()


def test_the_checklist_tells_what_is_so(shop, owner_client):
    def states() -> dict[str, str]:
        shop.refresh_from_db()
        return {item.key: item.state for item in checklist.items(shop)}

    first = states()
    assert (first["public_pages"], first["option"], first["resubscribe"], first["phone_consent"]) == (
        "TODO", "ADVICE", "ADVICE", "ADVICE",
    )  # fmt: skip
    contact = make_contact()
    shop_says = ConsentEvent(contact, Channel.SMS, "SHOP_SUBSCRIBED", None, "shopify", "shop", shop_value="SUBSCRIBED")
    record([shop_says])
    make_template(shop, name="bare")
    make_template(
        shop, components=[{"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop promotions"}]}]
    )
    assert (states()["checkout_wording"], states()["stop_button"]) == ("TODO", "ADVICE")
    assert "bare" in owner_client.get("/settings/consent/set-up").content.decode()
    assert "People agreed in Shopify" in owner_client.get("/settings/consent/wordings").content.decode()
    consent_settings.change(
        shop, actor_kind="staff", consent_option="INFERRED", resubscribe_needs_confirmation=True,
        phone_consent_covers_whatsapp=True, opt_in_confirmation={"whatsapp": "DOUBLE"},
        privacy_policy_url="https://a.example/p", terms_url="https://a.example/t",
    )  # fmt: skip
    owner_client.post(
        "/settings/consent/wordings/new", {"purpose": "checkout", "channel": "sms", "language": "en", "text": "Yes"}
    )
    last = states()
    assert (last["public_pages"], last["resubscribe"], last["phone_consent"], last["checkout_wording"]) == ("DONE",) * 4
    assert last["confirmation_template"] == "TODO"
    assert checklist.open_items(shop)
    assert all(item.url for item in checklist.items(shop) if item.state == "TODO")
