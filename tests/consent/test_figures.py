"""Figures of consent, from the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from tests.making import make_contact

from sayso.consent import figures, queries
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import LedgerEntry
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Source

pytestmark = pytest.mark.usefixtures("shop")


def say(contact_id: int, event: str, *, at: datetime | None = None, source: str = "form", **more: object) -> None:
    record([ConsentEvent(contact_id, Channel.WHATSAPP, event, at or datetime.now(UTC), source, **more)])


def everything() -> list[figures.Group]:
    return figures.groups(datetime.now(UTC) - timedelta(days=30), "UTC")


def group(day: int, **more: object) -> figures.Group:
    facts = {
        "channel": "whatsapp", "source": "form", "from_state": "UNKNOWN", "to_state": "SUBSCRIBED", "outcome": "ACCEPTED",
        "refusal_code": None, "spoken": True, "here": True, "number": 1,
    }  # fmt: skip
    return figures.Group(datetime(2026, 3, day, tzinfo=UTC).date(), **(facts | more))


def test_the_last_day_is_what_the_states_say_now():
    for events in (["OPT_IN"], ["OPT_IN", "OPT_OUT"], ["OPT_IN_UNCONFIRMED"], []):
        contact = make_contact()
        for event in events:
            say(contact, event)
    today = datetime.now(UTC).date()
    now = queries.counts()
    told = figures.states_by_day(everything(), now, figures.days_back(today, 3))
    assert {state: days[-1] for state, days in told["whatsapp"].items()} == {
        "SUBSCRIBED": 1,
        "PENDING": 1,
        "UNSUBSCRIBED": 1,
    }
    assert {days[0] for days in told["whatsapp"].values()} == {0}
    assert told["sms"]["UNSUBSCRIBED"] == [0, 0, 1]  # the phone channels stop together


def test_days_are_told_backwards_from_now():
    found = [
        group(2, number=5),
        group(3, from_state="SUBSCRIBED", to_state="UNSUBSCRIBED", number=2),
        group(3, from_state="SUBSCRIBED", to_state="SUBSCRIBED", outcome="REFUSED", number=9),
    ]
    days = figures.days_back(datetime(2026, 3, 4, tzinfo=UTC).date(), 4)
    told = figures.states_by_day(found, {"whatsapp": {"SUBSCRIBED": 13, "UNSUBSCRIBED": 2}}, days)
    assert told["whatsapp"]["SUBSCRIBED"] == [10, 15, 13, 13]
    assert told["whatsapp"]["UNSUBSCRIBED"] == [0, 0, 2, 2]


def test_contacts_that_are_gone_are_in_neither_end():
    gone = make_contact()
    say(gone, "OPT_IN")
    apply([ContactChange(source=Source.SHOPIFY, at=datetime.now(UTC), contact_id=gone, deleted=True)])
    told = figures.states_by_day(everything(), queries.counts(), figures.days_back(datetime.now(UTC).date(), 2))
    assert told["whatsapp"]["SUBSCRIBED"] == [0, 0]


def test_opt_ins_and_outs_by_source_count_when_people_spoke():
    old = datetime.now(UTC) - timedelta(days=400)
    say(make_contact(), "OPT_IN", source="form")
    say(make_contact(), "OPT_IN", source="form")
    say(make_contact(), "OPT_IN", source="import", at=old)  # recorded now, said long ago
    stops = make_contact()
    say(stops, "OPT_IN", source="import", at=old)
    say(stops, "OPT_OUT", source="stop_reply")
    flows = {flow.source: (flow.opt_ins, flow.opt_outs) for flow in figures.by_source(everything())}
    assert flows == {"form": (2, 0), "stop_reply": (0, 2)}


def test_refusals_by_reason():
    contact = make_contact()
    say(contact, "OPT_OUT")
    for _ in range(2):
        say(contact, "STAFF_WITH_PROOF", source="staff", actor_kind="staff")
    assert figures.refusals(everything()) == [figures.Refusal("NEEDS_CUSTOMER_OPT_IN", 2)]


def test_a_period_begins_at_its_first_entry():
    contact = make_contact()
    assert queries.first_since(datetime.now(UTC)) == 1  # nothing was ever recorded
    say(contact, "OPT_IN")
    [entry] = LedgerEntry.objects.filter(contact_id=contact)
    assert queries.first_since(entry.recorded_at) == entry.pk
    assert queries.first_since(entry.recorded_at + timedelta(minutes=50)) == entry.pk  # numbered side by side
    assert queries.first_since(entry.recorded_at + timedelta(hours=2)) == entry.pk + 1
    assert queries.first_since(entry.recorded_at - timedelta(days=1)) == entry.pk


def test_suppressed_addresses_by_kind():
    say(make_contact(), "OPT_OUT")
    with connection.cursor() as cursor:
        cursor.execute("select consent_suppress(%s, 'LOCAL', now(), 'staff', 'why not')", [[b"x" * 32]])
    assert [(one.kind, one.number, one.ended) for one in figures.suppressed()] == [("LOCAL", 1, 0), ("OPT_OUT", 1, 0)]
