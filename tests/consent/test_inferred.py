"""The shop's option to infer consent for SMS: features §6.8 and the table of §8.2."""

from __future__ import annotations

import pytest
from tests.consenting import decide, event, make_contact, state

from sayso.consent import inferred
from sayso.consent.events import Channel
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.messaging.gate import reach
from sayso.shops.tenancy import current_shop_id

pytestmark = pytest.mark.usefixtures("shop")

SAID = {
    "NOT_SUBSCRIBED": "SUBSCRIBED",  # the only one that the option moves
    "SUBSCRIBED": "SUBSCRIBED",
    "PENDING": "PENDING",
    "UNSUBSCRIBED": "UNSUBSCRIBED",
}


def customers() -> dict[str, int]:
    """One for each thing the platform may say of the SMS consent."""
    contacts = {}
    for number, value in enumerate(SAID):
        contacts[value] = make_contact(number + 1, f"+44791112340{number}", None)
        at = None if value == "NOT_SUBSCRIBED" else 1
        record([event(contacts[value], f"SHOP_{value}", at, Channel.SMS, shop_value=value)])
    return contacts


def sms(contacts: dict[str, int]) -> dict[str, str]:
    return {value: state(contact, Channel.SMS) for value, contact in contacts.items()}


def sendable() -> int:
    return reach({"all": True}, channel="sms", purpose="MARKETING").sendable


def test_the_option_and_the_way_back(shop):
    contacts = customers()
    of_an_address = make_contact(9, "+447911123499", None)  # a phone, and nothing said about it
    inferred.infer(list(contacts.values()))
    assert sms(contacts) == {value: value for value in SAID}, "explicit is the default"

    decide(consent_option="INFERRED")
    inferred.follow_option(shop.pk)
    assert sms(contacts) == SAID
    assert state(contacts["NOT_SUBSCRIBED"]) == "UNKNOWN", "SMS alone"
    assert state(of_an_address, Channel.SMS) == "UNKNOWN"
    assert ConsentState.objects.get(contact_id=contacts["NOT_SUBSCRIBED"]).sms_basis == "INFERRED"
    assert sendable() == 2
    written = LedgerEntry.objects.count()
    inferred.follow_option(shop.pk)
    assert LedgerEntry.objects.count() == written, "doing it again says nothing new"

    # Back: the gate refuses at once, the withdrawal follows.
    decide(consent_option="EXPLICIT")
    assert sendable() == 1
    inferred.follow_option(shop.pk)
    assert sms(contacts) == {value: value for value in SAID}


def test_a_proof_outlives_the_inference(shop):
    decide(consent_option="INFERRED")
    contacts = customers()
    inferred.follow_option(current_shop_id())
    inferred_one = contacts["NOT_SUBSCRIBED"]
    record([event(inferred_one, "IMPORT_WITH_PROOF", 5, Channel.SMS)])
    assert ConsentState.objects.get(contact_id=inferred_one).sms_basis == "IMPORTED"
    decide(consent_option="EXPLICIT")
    inferred.follow_option(current_shop_id())
    assert state(inferred_one, Channel.SMS) == "SUBSCRIBED"


def test_it_never_lifts_an_opt_out():
    decide(consent_option="INFERRED")
    contact = customers()["NOT_SUBSCRIBED"]
    record([event(contact, "OPT_OUT", 9)])
    inferred.infer([contact])
    assert state(contact, Channel.SMS) == "UNSUBSCRIBED"
    [refused] = record([event(contact, "INFERRED", 60, Channel.SMS)])
    assert refused.refusal_code == "OPT_OUT_STANDS"
