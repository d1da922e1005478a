"""The confirmation page: a link confirms the one opt-in it was made for, once, for seven days, at its address."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.choices.test_preferences import last_entry, path_of, state
from tests.making import make_contact

from sayso.choices import links, tokens
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, Evidence, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.tenancy import enter_shop


def ask(contact_id: int, ago: timedelta = timedelta(), event: str = "OPT_IN_UNCONFIRMED") -> None:
    record([ConsentEvent(contact_id, Channel.WHATSAPP, event, datetime.now(UTC) - ago, "test")])


@pytest.fixture
def person(ready) -> int:
    made = make_contact()
    ask(made, timedelta(hours=1))
    return made


@pytest.fixture
def url(person) -> str:
    return path_of(links.confirmation_url(person, "whatsapp"))


def test_opening_it_asks_and_pressing_the_button_confirms_once(person, url, ready, visitor):
    assert "Yes, confirm" in visitor.get(url).content.decode()
    assert state(ready, person).whatsapp_state == "PENDING"
    assert "Confirmed" in visitor.post(url).content.decode()
    now = state(ready, person)
    assert (now.whatsapp_state, now.whatsapp_basis) == ("SUBSCRIBED", "DOUBLE_OPT_IN")
    entry = last_entry(ready)
    assert (entry.event, entry.source) == ("CONFIRM", "double_opt_in")
    assert json.loads(Evidence.objects.get(ledger_id=entry.pk).data)["ip"] == "203.0.113.7"
    assert "Already confirmed" in visitor.post(url).content.decode()
    enter_shop(ready.pk)
    assert LedgerEntry.objects.filter(event="CONFIRM").count() == 1
    assert links.confirmation_url(person, "whatsapp") is None


def test_a_used_link_does_not_lift_a_later_opt_out(person, url, ready, visitor):
    visitor.post(url)
    enter_shop(ready.pk)
    ask(person, event="OPT_OUT")
    assert visitor.post(url).status_code == 410
    assert state(ready, person).whatsapp_state == "UNSUBSCRIBED"


def test_an_opt_out_before_the_click_wins(person, url, ready, visitor):
    ask(person, event="OPT_OUT")
    assert "There is nothing to confirm" in visitor.post(url).content.decode()
    assert state(ready, person).whatsapp_state == "UNSUBSCRIBED"


def test_a_newer_request_has_a_newer_link(person, url, ready, visitor):
    ask(person)
    newer = path_of(links.confirmation_url(person, "whatsapp"))
    assert newer != url
    answer = visitor.post(url)
    assert answer.status_code == 410 and "A newer link was sent" in answer.content.decode()
    assert "Confirmed" in visitor.post(newer).content.decode()


def test_after_seven_days_it_has_run_out(ready, visitor):
    person = make_contact()
    ask(person, timedelta(days=7, minutes=1))
    row = ConsentState.objects.get(contact_id=person)
    one = tokens.Confirmation(
        ready.pk, person, Channel.WHATSAPP, row.whatsapp_pending_at, tokens.address_mark(row.whatsapp_address_key)
    )
    url = f"/c/{tokens.write_confirmation(one)}"
    assert "has run out" in visitor.get(url).content.decode()
    assert visitor.post(url).status_code == 410
    assert state(ready, person).whatsapp_state == "PENDING"


def test_another_address_is_not_confirmed(person, url, ready, visitor):
    apply(
        [
            ContactChange(
                source=Source.STAFF,
                contact_id=person,
                profile=Profile(phone="+4915199999998"),
                fields=frozenset({"phone"}),
            )
        ]
    )
    assert visitor.post(url).status_code == 410
    enter_shop(ready.pk)
    ask(person)
    assert visitor.post(url).status_code == 410
    assert state(ready, person).whatsapp_state == "PENDING"


def test_a_deleted_person_gets_a_neutral_page(person, url, ready, visitor):
    apply([ContactChange(source=Source.SHOPIFY, contact_id=person, deleted=True)])
    assert "belongs to nobody" in visitor.get(url).content.decode()
