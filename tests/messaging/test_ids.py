"""Changed WhatsApp ids, as Meta tells of them; through the drain."""

from __future__ import annotations

import itertools
import json

import pytest
from tests.making import T0, make_contact

from sayso.consent.models import ConsentState
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Source
from sayso.contacts.models import Contact, Identity
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.messaging.models import Sender
from sayso.messaging.webhooks import describe
from sayso.shops.tenancy import shop_context

NUMBER, OLD, NEW, NEWEST = "106540352242922", "GB.111", "GB.222", "GB.333"
SECONDS = int(T0.timestamp())
_keys = itertools.count(1)


@pytest.fixture
def shop(make_shop):
    made = make_shop()
    with shop_context(made.pk):
        Sender.objects.create(
            shop_id=made.pk, channel="whatsapp", phone_number_id=NUMBER, token="t", base_url="http://127.0.0.1:9"
        )
    return made


def arrive(*values: dict, field: str = "messages") -> None:
    """One POST of Meta's, stored as the endpoint does, and drained."""
    changes = [
        {"field": field, "value": {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}} | value}
        for value in values
    ]
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "waba", "changes": changes}]}).encode()
    told = describe({}, body)
    Delivery.objects.create(provider="whatsapp", key=told.key, topic=told.topic, lane=told.lane, body=body)
    drain_all()
    assert not Delivery.objects.exclude(state="DONE").values_list("topic", "error")


def update(previous: str | None, current: str, wa_id: str | None = None) -> dict:
    """As the sandbox's ``change_user_id`` tells it."""
    row = {"detail": "User id has been updated.", "user_id": {"previous": previous, "current": current}}
    row |= {"timestamp": str(SECONDS + 60)} | ({"wa_id": wa_id} if wa_id else {})
    person = {"profile": {"name": "Ada"}, "user_id": current} | ({"wa_id": wa_id} if wa_id else {})
    return {"contacts": [person], "user_id_update": [row]}


def message(text: str, *, bsuid: str | None = None, wa_id: str | None = None) -> dict:
    sent = {"id": f"wamid.{next(_keys)}", "timestamp": str(SECONDS + 120), "type": "text", "text": {"body": text}}
    sent |= ({"from": wa_id} if wa_id else {}) | ({"from_user_id": bsuid} if bsuid else {})
    return {"messages": [sent]}


def subscribed(shop) -> tuple[int, str]:
    """A contact who subscribed, and has written under the first id; with the digits of the number."""
    with shop_context(shop.pk):
        contact_id = make_contact("OPT_IN")
        wa_id = Contact.objects.get(pk=contact_id).phone.lstrip("+")
    arrive(message("hello", bsuid=OLD, wa_id=wa_id))
    assert states(shop) == {contact_id: "SUBSCRIBED"}
    return contact_id, wa_id


def states(shop) -> dict[int, str]:
    with shop_context(shop.pk):
        assert ConsentState.objects.count() == Contact.objects.count()
        return dict(ConsentState.objects.values_list("contact_id", "whatsapp_state"))


def ids(shop, contact_id: int) -> dict[str, bool]:
    """Id → whether it is a former one."""
    with shop_context(shop.pk):
        return dict(Identity.objects.filter(contact_id=contact_id).values_list("value", "former"))


def test_a_stop_under_the_new_id_finds_the_contact(shop):
    contact_id, wa_id = subscribed(shop)
    arrive(update(OLD, NEW, wa_id), field="user_id_update")
    assert ids(shop, contact_id) == {wa_id: False, OLD: True, NEW: False}
    arrive(message("STOP", bsuid=NEW))
    assert states(shop) == {contact_id: "UNSUBSCRIBED"}


def test_a_late_message_under_the_previous_id_still_finds_the_contact(shop):
    contact_id, wa_id = subscribed(shop)
    arrive(update(OLD, NEW, wa_id), field="user_id_update")
    arrive(message("STOP", bsuid=OLD))
    assert states(shop) == {contact_id: "UNSUBSCRIBED"}
    assert ids(shop, contact_id) == {wa_id: False, OLD: True, NEW: False}


def test_a_changed_number_comes_with_the_new_id(shop):
    contact_id, wa_id = subscribed(shop)
    arrive(update(OLD, NEW, "447700900123"), field="user_id_update")
    assert ids(shop, contact_id) == {wa_id: True, "447700900123": False, OLD: True, NEW: False}
    arrive(message("STOP", wa_id="447700900123"))
    assert states(shop) == {contact_id: "UNSUBSCRIBED"}


def test_a_stop_that_overtook_the_news_counts_for_the_contact(shop):
    contact_id, wa_id = subscribed(shop)
    arrive(message("STOP", bsuid=NEW))
    [stranger] = set(states(shop)) - {contact_id}
    assert states(shop)[contact_id] == "SUBSCRIBED"
    arrive(update(OLD, NEW, wa_id), field="user_id_update")
    assert states(shop) == {contact_id: "UNSUBSCRIBED", stranger: "UNSUBSCRIBED"}
    assert ids(shop, stranger) == {NEW: True}
    arrive(message("hello again", bsuid=NEW))
    with shop_context(shop.pk):
        assert Contact.objects.count() == 2
        assert Contact.objects.get(pk=contact_id).last_message_received_at.timestamp() == SECONDS + 120


def test_who_is_known_by_number_alone_gets_the_id(shop):
    with shop_context(shop.pk):
        contact_id = make_contact("OPT_IN")
        wa_id = Contact.objects.get().phone.lstrip("+")
    arrive(update(OLD, NEW, wa_id), field="user_id_update")
    assert ids(shop, contact_id) == {wa_id: False, NEW: False}
    arrive(message("STOP", bsuid=NEW))
    assert states(shop) == {contact_id: "UNSUBSCRIBED"}


def test_nobody_is_made_of_news_about_strangers(shop):
    arrive(update(OLD, NEW, "447700900123"), field="user_id_update")
    assert states(shop) == {}


def test_one_delivery_may_tell_of_two_changes(shop):
    contact_id, wa_id = subscribed(shop)
    arrive(update(OLD, NEW, wa_id), update(NEW, NEWEST, wa_id), field="user_id_update")
    assert ids(shop, contact_id) == {wa_id: False, OLD: True, NEW: True, NEWEST: False}


def test_a_notice_in_the_thread_says_the_same(shop):
    contact_id, wa_id = subscribed(shop)
    notice = {
        "id": "wamid.notice",
        "timestamp": str(SECONDS + 60),
        "from": wa_id,
        "from_user_id": OLD,
        "type": "system",
    }
    notice["system"] = {"type": "user_changed_user_id", "user_id": NEW, "wa_id": "447700900123"}
    arrive({"messages": [notice]})
    assert ids(shop, contact_id) == {wa_id: True, "447700900123": False, OLD: True, NEW: False}


def test_other_shops_keep_their_ids(shop, make_shop):
    contact_id, wa_id = subscribed(shop)
    other = make_shop()
    with shop_context(other.pk):
        namesake = make_contact("OPT_IN")
        apply([ContactChange(source=Source.INBOUND, contact_id=namesake, bsuid=OLD, wa_id=wa_id)])
    arrive(update(OLD, NEW, wa_id), field="user_id_update")
    assert ids(shop, contact_id) == {wa_id: False, OLD: True, NEW: False}
    assert ids(other, namesake) == {wa_id: False, OLD: False}
