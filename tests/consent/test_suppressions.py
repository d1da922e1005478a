"""Lists of addresses that must not be messaged."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from tests.consenting import PHONE, event, make_contact, state

from sayso.consent import suppressions
from sayso.consent.events import Channel
from sayso.consent.models import LedgerEntry, Suppression
from sayso.consent.record import record
from sayso.consent.suppressions import Address, read
from sayso.contacts.apply import Actor
from sayso.events.models import Event
from sayso.messaging.gate import reach

pytestmark = pytest.mark.usefixtures("shop")

STAFF = Actor("staff", "7")
FILE = """\ufeffphone or e-mail;name
+44 7911 123456;Ada
07911 123456,the same
"Ada@Example.com"

12
nonsense
a@@b
"""


def test_a_file_is_read_whole_and_says_what_it_cannot_read():
    parsed = read(FILE.splitlines(), country="GB")
    assert parsed.good == [Address(True, PHONE), Address(False, "ada@example.com")]
    assert [(bad.line, bad.text) for bad in parsed.bad] == [(6, "12"), (7, "nonsense"), (8, "a@@b")]
    assert all(bad.reason for bad in parsed.bad)


def imported(**more) -> suppressions.Counts:
    parsed = read(FILE.splitlines(), country="GB")
    return suppressions.suppress(parsed.good, kind="OPT_OUT", source="import", reason="old system", actor=STAFF, **more)


def test_who_is_there_is_opted_out_and_who_comes_later_too():
    early = make_contact(1)
    record([event(early, "OPT_IN", channel=c) for c in Channel])
    counts = imported()
    assert (counts.addresses, counts.new, counts.contacts) == (2, 2, 1)
    late = make_contact(2)
    assert {state(who, c) for who in (early, late) for c in Channel} == {"UNSUBSCRIBED"}
    assert LedgerEntry.objects.filter(contact_id=early, event="OPT_OUT", source="import").exists()
    assert imported().new == 0
    assert Event.objects.filter(kind="suppression.opt_out_added", actor_id="7").count() == 2


def test_a_local_block_is_no_opt_out_and_can_be_ended():
    contact = make_contact()
    record([event(contact, "OPT_IN")])
    address = Address(True, PHONE)
    suppressions.suppress([address], kind="LOCAL", source="staff", reason="asked by phone", actor=STAFF)
    assert state(contact) == "SUBSCRIBED"
    found = reach({"all": True}, channel="whatsapp", purpose="MARKETING")
    assert found.left_out == [("CUSTOMER_IS_BLACKLISTED", 1)]
    [held] = suppressions.look_up("07911 123456", country="GB")
    assert (held.kind, held.reason) == ("LOCAL", "asked by phone")
    assert suppressions.release(address, actor=STAFF, reason="a mistake")
    assert not suppressions.release(address, actor=STAFF, reason="again")
    assert reach({"all": True}, channel="whatsapp", purpose="MARKETING").sendable == 1
    assert Suppression.objects.get().ended_at, "the row stays"


def test_nothing_ends_an_opt_out():
    record([event(make_contact(), "OPT_OUT")])
    assert not suppressions.release(Address(True, PHONE), actor=STAFF, reason="please")


@pytest.mark.parametrize("kind", ["REDACTED", "COMPLAINT", "NONE"])
def test_nobody_writes_other_kinds_by_hand(kind):
    with pytest.raises(IntegrityError, match="by hand"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select consent_suppress(array['\\x00'::bytea], %s, now(), 'x', '')", [kind])


def test_exported_are_hashes_alone():
    imported()
    rows = list(suppressions.export())
    assert len(rows) == 2
    assert all(len(row[0]) == 64 and row[1] == "OPT_OUT" and row[4] == "import" for row in rows)
    assert PHONE not in str(rows)


def test_looking_up_nonsense_says_so():
    with pytest.raises(ValueError, match="neither"):
        suppressions.look_up("nonsense", country="GB")
