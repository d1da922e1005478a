"""Opt-ins that must be confirmed: by the shop's settings, and always where somebody had the address redacted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.consenting import decide, event, make_contact, state

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, Evidence, LedgerEntry, Suppression
from sayso.consent.record import record
from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

NOW = datetime.now(UTC).replace(microsecond=0)


def just_now(contact: int, name: str, channel: Channel = Channel.WHATSAPP, hours: float = 0, **more) -> ConsentEvent:
    said = event(contact, name, 0, channel, **more)
    said.occurred_at = NOW + timedelta(hours=hours)
    return said


def asked() -> list[Event]:
    return list(Event.objects.filter(kind="consent.confirmation_requested").order_by("pk"))


def test_double_is_a_decision_of_the_shop_and_channel(shop):
    decide(opt_in_confirmation={"whatsapp": "DOUBLE", "sms": "NOTICE"})
    contact = make_contact()
    outcomes = record([just_now(contact, "OPT_IN", c, language="de") for c in Channel])
    assert [o.event for o in outcomes] == ["OPT_IN_UNCONFIRMED", "OPT_IN", "OPT_IN"]
    assert [state(contact, c) for c in Channel] == ["PENDING", "SUBSCRIBED", "SUBSCRIBED"]
    [request] = asked()
    assert request.contact_id == contact
    assert request.data["channel"] == "whatsapp"
    assert request.data["language"] == "de"
    assert request.data["ledger_id"] == outcomes[0].ledger_id


def test_a_confirmation_counts_at_the_time_of_the_opt_in(shop):
    decide(opt_in_confirmation={"whatsapp": "DOUBLE"})
    contact = make_contact()
    record([just_now(contact, "OPT_IN", hours=-5)])
    record([just_now(contact, "CONFIRM", hours=-1)])
    row = ConsentState.objects.get()
    assert (row.whatsapp_state, row.whatsapp_basis) == ("SUBSCRIBED", "DOUBLE_OPT_IN")
    # A STOP between the two wins, though it is heard last.
    record([just_now(contact, "OPT_OUT", hours=-3)])
    assert state(contact) == "UNSUBSCRIBED"


def test_only_the_named_sources_need_one(shop):
    decide(opt_in_confirmation={"email": "DOUBLE"}, double_opt_in_sources=["hosted_form"])
    contact = make_contact()
    record([just_now(contact, "OPT_IN", Channel.EMAIL)])
    assert state(contact, Channel.EMAIL) == "SUBSCRIBED"


def test_what_the_platform_confirmed_needs_none(shop):
    decide(opt_in_confirmation={"whatsapp": "DOUBLE"})
    one, two = make_contact(1), make_contact(2, "+447911123457", None)
    said = {"shop_value": "SUBSCRIBED"}
    record([just_now(one, "SHOP_SUBSCRIBED", basis="DOUBLE_OPT_IN", **said), just_now(two, "SHOP_SUBSCRIBED", **said)])
    assert [state(one), state(two)] == ["SUBSCRIBED", "PENDING"]
    # Reading it again asks nobody again.
    record([just_now(two, "SHOP_SUBSCRIBED", **said)])
    assert len(asked()) == 1


def test_coming_back_can_need_one(shop):
    decide(resubscribe_needs_confirmation=True)
    contact = make_contact()
    record([just_now(contact, "OPT_IN", hours=-3)])
    assert state(contact) == "SUBSCRIBED"
    record([just_now(contact, "OPT_OUT", hours=-2)])
    record([just_now(contact, "OPT_IN", hours=-1)])
    assert state(contact) == "PENDING"


def test_an_unconfirmed_one_falls_back_to_what_was_there(shop):
    contact = make_contact()
    record([just_now(contact, "IMPORT_WITH_PROOF", hours=-3), just_now(contact, "OPT_IN_UNCONFIRMED", hours=-2)])
    assert state(contact) == "PENDING"
    record([just_now(contact, "PENDING_EXPIRED")])
    row = ConsentState.objects.get()
    assert (row.whatsapp_state, row.whatsapp_basis) == ("SUBSCRIBED", "IMPORTED")


def test_an_import_asks_nobody(shop):
    decide(opt_in_confirmation={"whatsapp": "DOUBLE"})
    record([just_now(make_contact(), "SHOP_SUBSCRIBED", shop_value="SUBSCRIBED")], bulk=True)
    assert [request.bulk for request in asked()] == [True]


SAYING_YES = ["OPT_IN", "SHOP_SUBSCRIBED", "IMPORT_WITH_PROOF", "API_WITH_PROOF", "CHAT_START", "RESUME"]


def says_yes(contact: int, name: str) -> None:
    record([just_now(contact, name, hours=-1, **({"shop_value": "SUBSCRIBED"} if name[:4] == "SHOP" else {}))])


def redacted() -> None:
    gone = make_contact(1)
    record([just_now(gone, "OPT_IN", c, hours=-9) for c in Channel])
    record([just_now(gone, "REDACT", c) for c in Channel])


@pytest.mark.parametrize("name", SAYING_YES)
def test_what_was_said_before_a_redaction_counts_for_nobody(shop, name):
    redacted()
    assert {one.kind for one in Suppression.objects.all()} == {"REDACTED"}
    back = make_contact(2)
    assert state(back) == "UNSUBSCRIBED"
    says_yes(back, name)
    assert state(back) == "UNSUBSCRIBED"


@pytest.mark.parametrize("name", SAYING_YES)
def test_at_a_redacted_address_only_a_confirmed_opt_in_counts(as_owner, name):
    shop = Shop.objects.create(domain="one.myshopify.com", name="One", address_secret="secret")
    with shop_context(shop.pk):
        redacted()
    as_owner.execute("update suppression set opted_out_at = now() - interval '2 hours'")
    with shop_context(shop.pk):
        back = make_contact(3)
        says_yes(back, name)
        if name not in ("OPT_IN", "SHOP_SUBSCRIBED"):
            assert state(back) != "SUBSCRIBED"
            return
        assert state(back) == "PENDING"
        record([just_now(back, "CONFIRM")])
        assert state(back) == "SUBSCRIBED"
        assert ConsentState.objects.get(contact_id=back).whatsapp_opt_in_basis == "DOUBLE_OPT_IN"


def test_nothing_moves_a_redacted_contact_and_every_attempt_is_kept(shop):
    contact = make_contact()
    record([just_now(contact, "REDACT")])
    names = ["OPT_IN", "CONFIRM", "RESUME", "SHOP_SUBSCRIBED", "API_WITH_PROOF", "OPT_OUT", "EVIDENCE"]
    outcomes = record(
        [
            just_now(
                contact,
                name,
                evidence={"ip": "192.0.2.1"},
                **({"shop_value": "SUBSCRIBED"} if name[:4] == "SHOP" else {}),
            )
            for name in names
        ]
    )
    assert [(o.event, o.refusal_code) for o in outcomes] == [(name, "REDACTED") for name in names]
    assert LedgerEntry.objects.filter(refusal_code="REDACTED").count() == len(names)
    assert not Evidence.objects.exists()
