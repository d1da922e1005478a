"""What arrives from WhatsApp, as Meta delivers it, and what it leaves behind."""

from __future__ import annotations

import itertools
import json

import pytest
from tests.making import T0

from sayso.consent.models import ConsentState
from sayso.contacts.models import Contact
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.messaging.models import Sender
from sayso.messaging.webhooks import describe
from sayso.shops.tenancy import enter_shop, shop_context

NUMBER = "106540352242922"
AT = int(T0.timestamp()) + 3600
IDS = itertools.count(1)


@pytest.fixture
def shop(make_shop):
    """A shop whose transaction the drain may take over, as it would."""
    made = make_shop()
    with shop_context(made.pk):
        Sender.objects.create(
            shop_id=made.pk, channel="whatsapp", phone_number_id=NUMBER, token="t", base_url="http://127.0.0.1:9"
        )
        yield made


@pytest.fixture
def arrive(shop):
    """Deliver as Meta does, through the drain."""

    def deliver(field: str = "messages", **value: object) -> None:
        change = {"field": field, "value": {"metadata": {"phone_number_id": NUMBER}} | value}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "w", "changes": [change]}]}).encode()
        told = describe({}, body)
        Delivery.objects.create(provider="whatsapp", key=told.key, topic=told.topic, lane=told.lane, body=body)
        drain_all()
        assert not Delivery.objects.exclude(state="DONE").values_list("topic", "error")
        enter_shop(shop.pk)

    return deliver


def digits(contact_id: int) -> str:
    return Contact.objects.get(pk=contact_id).phone.lstrip("+")


def said(contact_id: int | None = None, *, wa_id: str | None = None, bsuid: str | None = None, **content) -> dict:
    sent = {"id": f"wamid.{next(IDS)}", "timestamp": str(AT)} | content
    if contact_id is not None:
        wa_id = digits(contact_id)
    return sent | ({"from": wa_id} if wa_id else {}) | ({"from_user_id": bsuid} if bsuid else {})


def text(body: str) -> dict:
    return {"type": "text", "text": {"body": body}}


def button(label: str, payload: str | None = None, context: str | None = None) -> dict:
    tapped = {"type": "button", "button": {"text": label, "payload": payload or label}}
    return tapped | ({"context": {"id": context}} if context else {})


OUT = ("UNSUBSCRIBED", "UNSUBSCRIBED")
"""Of WhatsApp and SMS, after an opt-out in either."""


def states(contact_id: int) -> tuple[str, str]:
    return ConsentState.objects.values_list("whatsapp_state", "sms_state").get(contact_id=contact_id)


def failed(contact_id: int, code: int, **more: object) -> dict:
    """A status that says why a message did not arrive."""
    return {
        "id": f"wamid.{next(IDS)}", "status": "failed", "timestamp": str(AT), "recipient_id": digits(contact_id),
        "errors": [{"code": code, "title": "failed"}],
    } | more  # fmt: skip


def preference(contact_id: int, value: str, at: int = AT) -> dict:
    wish = {"wa_id": digits(contact_id), "value": value, "category": "marketing_messages", "timestamp": at}
    return {"user_preferences": [wish], "contacts": [{"wa_id": digits(contact_id)}]}
