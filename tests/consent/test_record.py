"""The door of consent: every cell of the table, opt-outs that spread, and the chain."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.consenting import PHONE, T0, event, make_contact, state

from sayso.consent.events import PHONE_CHANNELS, Channel, State
from sayso.consent.models import ConsentState, Evidence, LedgerEntry, Suppression
from sayso.consent.record import record
from sayso.consent.transitions import Cell, cells
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source

pytestmark = pytest.mark.usefixtures("shop")

ROADS = {
    State.UNKNOWN: [],
    State.NOT_SUBSCRIBED: [("SHOP_NOT_SUBSCRIBED", None, {"shop_value": "NOT_SUBSCRIBED"})],
    State.PENDING: [("OPT_IN_UNCONFIRMED", 0, {})],
    State.SUBSCRIBED: [("OPT_IN", 0, {})],
    State.UNSUBSCRIBED: [("OPT_OUT", 0, {})],
    State.INVALID: [("ADDRESS_INVALID", 0, {})],
    State.REDACTED: [("REDACT", 0, {})],
}
"""How a contact gets into a state, to try the cell from there."""


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: f"{cell.event}-{cell.from_state}")
def test_every_cell_of_the_table(cell: Cell):
    """An event that comes later than what made the state meets the cell's first verdict, guarded or not."""
    contact = make_contact()
    for name, minutes, more in ROADS[State(cell.from_state)]:
        record([event(contact, name, minutes, **more)])
    assert state(contact) == cell.from_state
    said = {"shop_value": cell.event.removeprefix("SHOP_")} if cell.event.startswith("SHOP_") else {}
    if cell.effect == "topic":
        said = {"topic": "news"}
    if cell.effect == "merge":
        said = {"merged": make_contact(2, "+447911123457", "other@example.com")}
    [outcome, *_] = [o for o in record([event(contact, cell.event, 10, **said)]) if o.event == cell.event]
    guard_fails = (cell.guard == "weak" and cell.from_state == "SUBSCRIBED") or cell.guard in ("inferred", "unexpired")
    expected = cell.else_outcome if guard_fails else cell.outcome
    if cell.event == "CONFIRM" and cell.from_state == "PENDING":
        expected = "REFUSED" if datetime.now(UTC) - T0 > timedelta(days=7) else "ACCEPTED"
    if (
        cell.event in ("RESUME", "ADDRESS_CHANGED", "MERGE", "PENDING_EXPIRED", "ADDRESS_PROVEN", "CHAT_START")
        and expected == "ACCEPTED"
    ):
        # →F: the fold decides whether anything moved.
        assert outcome.outcome in ("ACCEPTED", "NO_CHANGE")
    else:
        assert outcome.outcome == expected
        assert outcome.refusal_code == (cell.else_code if guard_fails or expected != cell.outcome else cell.code)
    if outcome.outcome != "ACCEPTED":
        assert state(contact) == cell.from_state
    elif cell.to_state:
        assert state(contact) == cell.to_state


def test_an_unknown_event_is_refused_before_anything_is_written():
    contact = make_contact()
    with pytest.raises(ValueError, match="WISHFUL"):
        record([event(contact, "OPT_IN"), event(contact, "WISHFUL")])
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("channel", PHONE_CHANNELS)
def test_an_opt_out_in_one_phone_channel_is_one_in_both(channel):
    contact = make_contact()
    record([event(contact, "OPT_IN", channel=c) for c in Channel])
    record([event(contact, "OPT_OUT", 1, channel)])
    assert [state(contact, c) for c in Channel] == ["UNSUBSCRIBED", "UNSUBSCRIBED", "SUBSCRIBED"]
    assert LedgerEntry.objects.exclude(caused_by=None).count() == 1


def test_an_opt_out_reaches_everybody_with_the_number():
    one, two = make_contact(1), make_contact(2, email="other@example.com")
    record([event(who, "OPT_IN", channel=c) for who in (one, two) for c in PHONE_CHANNELS])
    outcomes = record([event(one, "OPT_OUT", 1)])
    assert {(o.contact_id, o.channel) for o in outcomes} == {(who, c) for who in (one, two) for c in PHONE_CHANNELS}
    assert {state(who, c) for who in (one, two) for c in PHONE_CHANNELS} == {"UNSUBSCRIBED"}
    cause = LedgerEntry.objects.get(caused_by=None, event="OPT_OUT")
    assert set(LedgerEntry.objects.exclude(caused_by=None).values_list("caused_by", flat=True)) == {cause.pk}


def test_an_opt_out_by_mail_reaches_everybody_with_the_address():
    other = "+447911123457"
    one, two = make_contact(1), make_contact(2, phone=other)
    three = make_contact(3, phone=other, email="eve@example.com")
    record([event(who, "OPT_IN", channel=c) for who in (one, two, three) for c in Channel])
    outcomes = record([event(one, "OPT_OUT", 1, Channel.EMAIL)])
    assert {(o.contact_id, o.channel) for o in outcomes} == {(one, Channel.EMAIL), (two, Channel.EMAIL)}
    assert [state(who, Channel.EMAIL) for who in (one, two, three)] == ["UNSUBSCRIBED", "UNSUBSCRIBED", "SUBSCRIBED"]
    assert {state(who, c) for who in (one, two, three) for c in PHONE_CHANNELS} == {"SUBSCRIBED"}


def test_one_opt_out_of_everything_reaches_the_holders_of_both_addresses():
    one, both = make_contact(1), make_contact(2)
    by_phone, by_mail = make_contact(3, email="eve@example.com"), make_contact(4, phone="+447911123457")
    everybody = (one, both, by_phone, by_mail)
    record([event(who, "OPT_IN", channel=c) for who in everybody for c in Channel])
    record([event(one, "OPT_OUT", 1, c) for c in Channel])
    assert [[state(who, c) for c in Channel].count("UNSUBSCRIBED") for who in everybody] == [3, 3, 2, 1]
    causes = dict(LedgerEntry.objects.filter(caused_by=None, event="OPT_OUT").values_list("pk", "channel"))
    for entry in LedgerEntry.objects.exclude(caused_by=None):
        assert (causes[entry.caused_by] == Channel.EMAIL) == (entry.channel == Channel.EMAIL)


def test_a_later_contact_with_an_opted_out_number_starts_unsubscribed():
    record([event(make_contact(1), "OPT_OUT", 1)])
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=1, deleted=True)])
    late = make_contact(2, email=None)
    assert [state(late, c) for c in PHONE_CHANNELS] == ["UNSUBSCRIBED"] * 2
    record([event(late, "IMPORT_WITH_PROOF", 30)])
    assert state(late) == "UNSUBSCRIBED"
    record([event(late, "SHOP_SUBSCRIBED", 2, shop_value="SUBSCRIBED")])
    assert state(late) == "SUBSCRIBED"


@pytest.mark.parametrize("name", ["IMPORT_WITH_PROOF", "STAFF_WITH_PROOF", "API_WITH_PROOF", "INFERRED", "CHAT_START"])
def test_nothing_but_the_person_lifts_an_opt_out(name):
    contact = make_contact()
    record([event(contact, "OPT_OUT", 0)])
    [outcome] = record([event(contact, name, 60)])
    assert outcome.outcome == "REFUSED"
    assert state(contact) == "UNSUBSCRIBED"


def test_the_state_does_not_depend_on_the_order_of_arrival():
    history = [
        ("SHOP_SUBSCRIBED", 1),
        ("OPT_OUT", 2),
        ("OPT_IN_UNCONFIRMED", 3),
        ("OPT_IN", 4),
        ("SHOP_UNSUBSCRIBED", 5),
        ("OPT_IN", 6),
    ]
    for length in range(1, len(history) + 1):
        expected = None
        for order in (
            itertools.permutations(history[:length]) if length < 5 else [history[:length], history[:length][::-1]]
        ):
            ConsentState.objects.using("owner")
            contact = make_contact(
                number := abs(hash(order := tuple(order))) % 10**9 + 1, phone=None, email=f"{number}@example.com"
            )
            for name, minutes in order:
                record([event(contact, name, minutes, Channel.EMAIL)])
            expected = expected or state(contact, Channel.EMAIL)
            assert state(contact, Channel.EMAIL) == expected, order


def test_a_tie_goes_to_the_opt_out():
    for order in (["OPT_IN", "OPT_OUT"], ["OPT_OUT", "OPT_IN"]):
        contact = make_contact(len(order[0]), phone=None, email=f"{order[0]}@example.com")
        for name in order:
            record([event(contact, name, 1, Channel.EMAIL)])
        assert state(contact, Channel.EMAIL) == "UNSUBSCRIBED"


def test_times():
    contact = make_contact()
    ahead = datetime.now(UTC) + timedelta(hours=1)
    opt_in = event(contact, "OPT_IN")
    opt_in.occurred_at = ahead
    [refused] = record([opt_in])
    assert refused.refusal_code == "FUTURE_TIME"
    opt_out = event(contact, "OPT_OUT")
    opt_out.occurred_at = ahead
    record([opt_out])
    entry = LedgerEntry.objects.filter(event="OPT_OUT", caused_by=None).get()
    assert entry.occurred_at == entry.recorded_at
    record([event(make_contact(2, "+447911123457", None), "OPT_IN", None)])
    assert LedgerEntry.objects.filter(occurred_at=None).count() == 1


def test_reading_the_same_again_is_no_event():
    contact = make_contact()
    reading = event(contact, "SHOP_SUBSCRIBED", 1, shop_value="SUBSCRIBED")
    assert len(record([reading])) == 1
    assert record([reading]) == []
    assert LedgerEntry.objects.count() == 1


def test_another_address_ends_the_opt_ins_and_keeps_the_opt_outs():
    contact = make_contact()
    record([event(contact, "OPT_IN", channel=c) for c in Channel])
    change = ContactChange(
        source=Source.SHOPIFY,
        at=T0 + timedelta(1),
        shopify_customer_id=1,
        profile=Profile(phone="+447911123457", email="ada@example.com", country="GB"),
    )
    apply([change])
    assert [state(contact, c) for c in Channel] == ["UNKNOWN", "UNKNOWN", "SUBSCRIBED"]
    record([event(contact, "OPT_OUT", 60)])
    apply(
        [
            ContactChange(
                source=Source.SHOPIFY,
                at=T0 + timedelta(2),
                shopify_customer_id=1,
                profile=Profile(phone=PHONE, email="ada@example.com"),
            )
        ]
    )
    assert state(contact) == "UNSUBSCRIBED"


def test_an_opt_in_for_another_address_does_not_count():
    contact = make_contact()
    [outcome] = record([event(contact, "OPT_IN", address="+447911999999")])
    assert (outcome.outcome, outcome.refusal_code) == ("REFUSED", "OTHER_ADDRESS")
    record([event(contact, "OPT_OUT", 1, address="+447911999999")])
    assert state(contact) == "UNSUBSCRIBED"


def test_resume_gives_back_the_opt_in_on_whatsapp_alone():
    contact = make_contact()
    record([event(contact, "OPT_IN", channel=c) for c in PHONE_CHANNELS])
    record([event(contact, "OPT_OUT", 1)])
    record([event(contact, "RESUME", 2)])
    assert [state(contact, c) for c in PHONE_CHANNELS] == ["SUBSCRIBED", "UNSUBSCRIBED"]


def test_an_import_of_people_who_share_an_opted_out_number():
    """Several new holders of a suppressed number, each with readings of their own, in one batch."""
    record([event(make_contact(99), "OPT_OUT", 1)])
    applied = apply(
        [
            ContactChange(
                source=Source.SHOPIFY, at=T0, shopify_customer_id=n, profile=Profile(phone=PHONE, country="GB")
            )
            for n in range(1, 5)
        ],
        follow=False,
    )
    contacts = [result.contact_id for result in applied]
    record(
        [
            event(contact, f"SHOP_{value}", minutes, channel, shop_value=value)
            for contact in contacts
            for channel, value, minutes in (
                (Channel.WHATSAPP, "UNSUBSCRIBED", 3),
                (Channel.SMS, "SUBSCRIBED", 2),
                (Channel.EMAIL, "NOT_SUBSCRIBED", None),
            )
        ],
        contacts=contacts,
    )
    assert {state(contact, channel) for contact in contacts for channel in PHONE_CHANNELS} == {"UNSUBSCRIBED"}
    heads = {bytes(row.head_hash) for row in ConsentState.objects.filter(contact_id__in=contacts)}
    assert len(heads) == 4


def test_an_impossible_number_is_invalid():
    contact = make_contact(phone="12")
    assert [state(contact, c) for c in Channel] == ["INVALID", "INVALID", "UNKNOWN"]


def test_a_new_number_is_not_invalid_because_none_was():
    """The one phone channel may have been found invalid where the other was not."""
    contact = make_contact(1, phone=None)
    record([event(contact, "ADDRESS_INVALID", channel=Channel.SMS)])
    make_contact(1)
    assert [state(contact, c) for c in PHONE_CHANNELS] == ["UNKNOWN"] * 2


def test_the_chain_holds():
    contact = make_contact()
    for n, name in enumerate(("SHOP_NOT_SUBSCRIBED", "OPT_IN", "OPT_OUT", "STAFF_WITH_PROOF")):
        record([event(contact, name, n, evidence={"reference": f"ref {n}", "ü": "\n"})])
    head = None
    for entry in LedgerEntry.objects.order_by("pk"):
        written = json.loads(entry.entry)
        assert json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == entry.entry
        assert bytes(entry.hash) == hashlib.sha256(entry.entry.encode()).digest()
        assert written["prev"] == (head and head.hex())
        assert (written["event"], written["from"], written["to"]) == (entry.event, entry.from_state, entry.to_state)
        head = bytes(entry.hash)
    assert bytes(ConsentState.objects.get().head_hash) == head
    for kept in Evidence.objects.all():
        entry = LedgerEntry.objects.get(pk=kept.ledger_id)
        assert hashlib.sha256(bytes(kept.salt) + kept.data.encode()).digest() == bytes(entry.evidence_digest)


def test_suppression_is_by_address_and_keeps_the_newest():
    contact = make_contact()
    record([event(contact, "OPT_OUT", 5)])
    record([event(contact, "OPT_OUT", 3)])
    assert Suppression.objects.get().opted_out_at == T0 + timedelta(minutes=5)
