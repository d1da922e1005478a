"""Two contacts become one: never more permissive than what was recorded for the address."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from tests.consenting import PHONE, event, make_contact, state

from sayso.consent.events import Channel
from sayso.consent.models import ConsentState, LedgerEntry, TopicChoice
from sayso.consent.record import record

pytestmark = pytest.mark.usefixtures("shop")

OTHER = "+447911123457"


def merge(survivor: int, taken: int) -> None:
    record([event(survivor, "MERGE", 30, merged=taken)])


def test_an_opt_out_on_either_side_wins():
    for side in (0, 1):
        pair = (
            make_contact(10 + side, PHONE[:-1] + str(side), None),
            make_contact(20 + side, OTHER[:-1] + str(side), None),
        )
        record([event(pair[0], "OPT_IN", 1), event(pair[1], "OPT_IN", 1)])
        record([event(pair[side], "OPT_OUT", 2)])
        merge(*pair)
        assert state(pair[0]) == "UNSUBSCRIBED"
        assert LedgerEntry.objects.filter(contact_id=pair[0], event="MERGE").count() == len(Channel)


def test_an_opt_in_follows_its_address_alone():
    survivor, same, another = make_contact(1, PHONE, None), make_contact(2, PHONE, None), make_contact(3, OTHER, None)
    record([event(same, "OPT_IN", 1), event(another, "OPT_IN", 1, Channel.SMS)])
    merge(survivor, another)
    assert [state(survivor, c) for c in Channel] == ["UNKNOWN", "UNKNOWN", "UNKNOWN"]
    merge(survivor, same)
    assert [state(survivor, c) for c in Channel] == ["SUBSCRIBED", "UNKNOWN", "UNKNOWN"]
    assert ConsentState.objects.get(contact_id=survivor).whatsapp_basis == "EXPLICIT"


def test_a_later_opt_in_lifts_what_a_merge_made():
    survivor, taken = make_contact(1, PHONE, None), make_contact(2, OTHER, None)
    record([event(taken, "OPT_OUT", 1)])
    merge(survivor, taken)
    merged_at = LedgerEntry.objects.filter(event="MERGE").first().recorded_at
    opt_in = event(survivor, "OPT_IN")
    opt_in.occurred_at = merged_at
    assert record([opt_in])[0].refusal_code == "STALE", "a tie goes to the opt-out"


def test_a_redacted_contact_is_merged_with_nobody():
    survivor, gone = make_contact(1, PHONE, None), make_contact(2, OTHER, None)
    record([event(gone, "REDACT", 1), event(survivor, "OPT_IN", 1)])
    with pytest.raises(IntegrityError, match="merged with nobody"), transaction.atomic():
        merge(survivor, gone)
    merge(gone, survivor)
    assert [state(survivor), state(gone)] == ["SUBSCRIBED", "REDACTED"]


def test_nobody_is_merged_with_a_stranger_or_twice_at_once():
    contact = make_contact()
    with pytest.raises(IntegrityError, match="no such contact"), transaction.atomic():
        merge(contact, 4711)
    with pytest.raises(ValueError, match="two merges"):
        record([event(contact, "MERGE", merged=1), event(contact, "MERGE", merged=2)])


def test_off_beats_on_in_topics():
    survivor, taken = make_contact(1, PHONE, None), make_contact(2, OTHER, None)
    record([event(survivor, "TOPIC_ON", 1, topic="news"), event(taken, "TOPIC_OFF", 0, topic="news")])
    record([event(survivor, "TOPIC_OFF", 1, topic="sale"), event(taken, "TOPIC_ON", 5, topic="sale")])
    record([event(taken, "TOPIC_ON", 5, topic="gifts")])
    merge(survivor, taken)
    choices = TopicChoice.objects.filter(contact_id=survivor).values_list("topic", "wanted")
    assert dict(choices) == {"news": False, "sale": False, "gifts": True}
