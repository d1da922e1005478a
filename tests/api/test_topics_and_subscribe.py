"""REST: topics of a contact, and subscribing a person from a form of the shop's own."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.utils import timezone
from tests.making import make_contact

from sayso.choices.topics import create as make_topic
from sayso.consent import settings as consent_settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, TopicChoice
from sayso.consent.record import record
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.shops.tenancy import enter_shop


@pytest.fixture(autouse=True)
def forget(db):
    cache.clear()


def put(api, path, body):
    return api.client.put(f"/api/v1{path}", body, content_type="application/json", headers=api.headers)


def test_topics_are_read_and_chosen(api, shop):
    make_topic("Sale")
    make_topic("News")
    contact = make_contact("OPT_IN")
    first = api.get(f"/contacts/{contact}/topics").json()
    assert {(one["on"], one["chosen"]) for one in first["topics"]} == {(True, False)}
    assert len(first["topics"]) == 6
    enter_shop(shop.pk)
    answer = put(api, f"/contacts/{contact}/topics", {"topics": [{"key": "sale", "on": True, "channel": "whatsapp"}]})
    on = {(one["channel"], one["key"]): one["on"] for one in answer.json()["topics"]}
    assert on["whatsapp", "sale"] and not on["whatsapp", "news"] and on["email", "news"]
    enter_shop(shop.pk)
    put(api, f"/contacts/{contact}/topics", {"topics": [{"key": "news", "on": False}]})
    enter_shop(shop.pk)
    assert TopicChoice.objects.filter(topic="news", wanted=False).count() == 3


def test_what_the_person_switched_off_nobody_else_switches_on(api, shop):
    make_topic("Sale")
    make_topic("News")
    contact = make_contact("OPT_IN")
    now = timezone.now()
    record([ConsentEvent(contact, Channel.WHATSAPP, "TOPIC_OFF", now, "preference_centre", topic="sale")])
    for channel in ("whatsapp", None):
        body = {"topics": [{"key": "news", "on": True}, {"key": "sale", "on": True, "channel": channel}]}
        answer = put(api, f"/contacts/{contact}/topics", body)
        enter_shop(shop.pk)
        assert answer.status_code == 422 and answer.json()["invalid_fields"][0]["name"] == "topics.1.on"
        assert not TopicChoice.objects.filter(wanted=True).exists()
    body = {"topics": [{"key": "sale", "on": True, "channel": "email"}]}
    assert put(api, f"/contacts/{contact}/topics", body).status_code == 200


def test_topics_that_do_not_exist(api, shop):
    contact = make_contact()
    assert put(api, f"/contacts/{contact}/topics", {"topics": [{"key": "x", "on": True}]}).status_code == 422
    assert put(api, "/contacts/999999/topics", {"topics": []}).status_code == 404
    assert api.get("/contacts/999999/topics").status_code == 404


def test_a_new_person_waits_for_confirmation_whatever_the_settings(api, shop):
    make_topic("Sale")
    answer = api.post(
        "/contacts/subscribe",
        {"contact": {"phone": "+4915112345678", "email": "a@example.com", "first_name": "Ada"}, "groups": ["vip"],
         "subscriptions": ["sale"], "form_type": "footer", "wording": "Yes, write to me"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.json()
    assert answer.json()["created"] is True
    enter_shop(shop.pk)
    state, contact = ConsentState.objects.get(), Contact.objects.get()
    assert (state.whatsapp_state, state.email_state, state.sms_state) == ("PENDING", "PENDING", "UNKNOWN")
    assert contact.tags == ["vip"]
    assert TopicChoice.objects.filter(wanted=True).count() == 2
    assert Event.objects.get(kind="subscribeFromAPI").data["form_type"] == "footer"


def test_a_known_person_keeps_channels_and_gets_the_missing_one(api, shop):
    contact = make_contact(phone="+4915112345678")
    Contact.objects.get(pk=contact)
    answer = api.post("/contacts/subscribe", {"contact": {"phone": "+49 1511 2345678", "email": "other@example.com"}})
    assert answer.json()["created"] is False and answer.json()["contact_id"] == contact
    enter_shop(shop.pk)
    known = Contact.objects.get(pk=contact)
    assert known.email.startswith("a") and known.phone == "+4915112345678"
    states = ConsentState.objects.get(contact_id=contact)
    assert states.whatsapp_state == "PENDING"
    assert states.email_state == "UNKNOWN"  # it was another address than the contact has
    assert Event.objects.filter(kind="subscribeUpdateFromAPI").count() == 1


def test_an_opt_out_is_lifted_by_nothing_but_the_confirmation(api, shop):
    consent_settings.change(shop, actor_kind="staff", opt_in_confirmation={"whatsapp": "NONE"})
    contact = make_contact("OPT_IN", "OPT_OUT", phone="+4915112345678")
    api.post("/contacts/subscribe", {"contact": {"phone": "+4915112345678"}})
    enter_shop(shop.pk)
    assert ConsentState.objects.get(contact_id=contact).whatsapp_state == "PENDING"


def test_the_same_request_within_a_minute(api, shop):
    body = {"contact": {"email": "a@example.com"}}
    assert api.post("/contacts/subscribe", body).status_code == 200
    assert api.post("/contacts/subscribe", body).status_code == 409
    assert api.post("/contacts/subscribe", {"contact": {"email": "b@example.com"}}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"contact": {}}, "contact"),
        ({"contact": {"phone": "12"}}, "contact.phone"),
        ({"contact": {"email": "a@example.com"}, "channels": ["sms"]}, "contact.phone"),
        ({"contact": {"phone": "+4915112345678"}, "channels": ["email"]}, "contact.email"),
        ({"contact": {"email": "a@example.com"}, "subscriptions": ["nothing"]}, "subscriptions.0"),
        *(({"contact": {"email": "a@example.com"}, "form_type": f"a{c}b"}, "form_type") for c in "<>;'\"/\\|^?!,`"),
    ],
)
def test_what_is_refused_can_be_sent_again(api, shop, body, field):
    for _ in range(2):  # a refused request is no request: not 409
        answer = api.post("/contacts/subscribe", body)
        assert answer.status_code == 422
        assert answer.json()["invalid_fields"][0]["name"] == field


def test_scopes(shop, make_caller):
    viewer = make_caller(shop, "viewer")
    assert viewer.post("/contacts/subscribe", {"contact": {"email": "a@example.com"}}).status_code == 403
