"""What the checkout adds to an opt-in: the order, the wording of the day and, where the shop says so, WhatsApp."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.consenting import decide

from sayso.commerce.changes import OrderChange
from sayso.consent import wordings
from sayso.consent.events import Channel, State
from sayso.consent.models import ConsentState, Evidence, LedgerEntry
from sayso.consent.telling import tell
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shopify.consent_values import ConsentReading
from sayso.shopify.customers import apply_readings
from sayso.shopify.orders import apply_orders

pytestmark = pytest.mark.usefixtures("shop")

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PHONE = "+447911123456"


def subscribe(minutes: float = 0, value: State = State.SUBSCRIBED, locale: str = "de-AT") -> None:
    at = T0 + timedelta(minutes=minutes)
    profile = Profile(phone=PHONE, locale=locale, country="GB")
    change = ContactChange(source=Source.SHOPIFY, at=at, shopify_customer_id=7, profile=profile)
    apply_readings([(change, [ConsentReading(Channel.SMS, value, at, "SINGLE_OPT_IN", "SHOPIFY", PHONE)])])


def buy(minutes: float = 0, number: int = 1) -> None:
    at = T0 + timedelta(minutes=minutes)
    apply_orders(
        [
            OrderChange(
                shopify_order_id=number, at=at, name=f"#{number}", placed_at=at, status="INITIALIZED",
                total=Decimal("10.00"), currency="EUR", shopify_customer_id=7, lines=[],
            )
        ]
    )  # fmt: skip


def later_evidence() -> list[tuple[LedgerEntry, dict]]:
    entries = LedgerEntry.objects.filter(event="EVIDENCE").order_by("pk")
    return [(entry, json.loads(Evidence.objects.get(ledger_id=entry.pk).data)) for entry in entries]


@pytest.mark.parametrize("order", ["consent first", "order first"])
def test_the_order_is_added_whichever_comes_first(order):
    old = wordings.add("checkout", "sms", "de", "Alt", valid_from=T0 - timedelta(days=9))
    wordings.add("checkout", "sms", "de", "Neu", valid_from=T0 + timedelta(days=9))
    for step in (subscribe, lambda: buy(4)) if order == "consent first" else (lambda: buy(4), subscribe):
        step()
    [(entry, said)] = later_evidence()
    cause = LedgerEntry.objects.get(pk=entry.caused_by)
    assert (cause.event, cause.source, entry.source) == ("SHOP_SUBSCRIBED", "shopify", "shopify_checkout")
    assert said == {"order": "#1", "reference": "1", "wording": "Alt"}
    assert (entry.wording_version, entry.language) == (old.name, "de")
    # The same order again, and another one, add nothing.
    buy(5)
    buy(6, number=2)
    assert len(later_evidence()) == 1


def test_the_past_does_not_know_the_evidence_of_later():
    subscribe()
    buy(4)
    [(entry, _)] = later_evidence()
    entries = list(LedgerEntry.objects.filter(event="SHOP_SUBSCRIBED"))
    [now], [then] = tell(entries), tell(entries, entry.recorded_at - timedelta(microseconds=1))
    assert (now.source, len(now.later)) == ("shopify_checkout", 1)
    assert (then.source, then.later) == ("shopify", [])


def test_an_order_of_another_time_shows_nothing():
    subscribe()
    buy(11)
    assert later_evidence() == []


def test_without_a_stored_wording_the_order_alone_is_added():
    subscribe()
    buy(-3)
    [(entry, said)] = later_evidence()
    assert said == {"order": "#1", "reference": "1"}
    assert entry.wording_version is None


def states() -> tuple[str, str]:
    row = ConsentState.objects.get()
    return row.sms_state, row.whatsapp_state


def test_a_phone_consent_is_for_its_channel_alone():
    wordings.add("checkout", "whatsapp", "de", "SMS und WhatsApp", valid_from=T0)
    subscribe(5)
    assert states() == ("SUBSCRIBED", "UNKNOWN")


def test_a_shop_whose_box_names_whatsapp():
    decide(phone_consent_covers_whatsapp=True)
    named = wordings.add("checkout", "whatsapp", "de", "SMS und WhatsApp", valid_from=T0)
    subscribe(-5)
    assert states() == ("SUBSCRIBED", "UNKNOWN"), "older than the wording"
    subscribe(5)
    assert states() == ("SUBSCRIBED", "SUBSCRIBED")
    entries = LedgerEntry.objects.filter(event="SHOP_SUBSCRIBED", wording_version=named.name)
    assert {entry.channel for entry in entries} == {"sms", "whatsapp"}
    written = LedgerEntry.objects.count()
    subscribe(5)
    assert LedgerEntry.objects.count() == written, "reading it again says nothing new"
    # Switching it off stops new ones; what was recorded stands.
    decide(phone_consent_covers_whatsapp=False)
    subscribe(6)
    assert states() == ("SUBSCRIBED", "SUBSCRIBED")


def test_it_covers_no_refusal():
    decide(phone_consent_covers_whatsapp=True)
    wordings.add("checkout", "whatsapp", "de", "SMS und WhatsApp", valid_from=T0)
    subscribe(5, State.NOT_SUBSCRIBED)
    assert states() == ("NOT_SUBSCRIBED", "UNKNOWN")
