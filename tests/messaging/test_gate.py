"""Every reason to leave somebody out, and that the reasons add up."""

from __future__ import annotations

import pytest
from tests.making import make_contact

from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Source
from sayso.messaging.gate import reach
from sayso.messaging.models import Message, MessageSkip
from sayso.messaging.send import queue

pytestmark = pytest.mark.usefixtures("shop")


def one(contact: int, purpose: str = "MARKETING") -> str | None:
    found = reach({"all": True}, channel="whatsapp", purpose=purpose)
    assert found.audience == found.sendable + sum(n for _, n in found.left_out)
    return found.left_out[0][0] if found.left_out else None


@pytest.mark.parametrize(
    ("events", "change", "code"),
    [
        (["OPT_IN"], {}, None),
        (["CHAT_START"], {}, None),
        ([], {}, "CUSTOMER_IS_NOT_OPTED_IN"),
        (["OPT_IN_UNCONFIRMED"], {}, "CUSTOMER_IS_NOT_OPTED_IN"),
        (["OPT_IN", "OPT_OUT"], {}, "CUSTOMER_IS_NOT_OPTED_IN"),
        (["OPT_IN", "ADDRESS_INVALID"], {}, "CUSTOMER_IS_INVALID"),
        (["OPT_IN", "REDACT"], {}, "CUSTOMER_IS_REDACTED"),
        (["OPT_IN"], {"excluded": True}, "CUSTOMER_IS_EXCLUDED"),
        ([], {"phone": None}, "CUSTOMER_IS_MISSING_ADDRESS"),
        ([], {"phone": "12"}, "CUSTOMER_IS_INVALID"),
    ],
)
def test_reasons(events, change, code):
    assert one(make_contact(*events, **change)) == code


def test_a_number_without_calling_code(shop):
    shop.country = "ZZ"
    shop.save()
    assert one(make_contact(phone="1512 345678", country="ZZ")) == "CUSTOMER_IS_MISSING_CALLING_CODE"


def test_deleted_people_are_in_no_audience():
    make_contact("OPT_IN", deleted=True)
    assert reach({"all": True}, channel="whatsapp", purpose="MARKETING").audience == 0


def test_the_tag_is_the_audience():
    make_contact("OPT_IN", tags=["vip", "new"])
    make_contact("OPT_IN", tags=["new"])
    assert reach({"tag": "vip"}, channel="whatsapp", purpose="MARKETING").sendable == 1
    assert reach({"tag": "nobody"}, channel="whatsapp", purpose="MARKETING").audience == 0


def test_a_shared_number_is_messaged_once(sender, template):
    first, second = make_contact("OPT_IN", phone="+447911123456"), make_contact("OPT_IN", phone="+447911123456")
    found = reach({"all": True}, channel="whatsapp", purpose="MARKETING")
    assert (found.sendable, found.left_out) == (1, [("CUSTOMER_SHARES_ADDRESS", 1)])
    for _ in range(2):  # again changes nothing
        queue([first, second], origin="CAMPAIGN", origin_id=1, template=template, sender_id=sender.pk)
    assert Message.objects.get().contact_id == first
    assert second in MessageSkip.objects.values_list("contact_id", flat=True)


def test_an_excluded_holder_blocks_the_number():
    make_contact("OPT_IN", phone="+447911123456")
    blocked = make_contact("OPT_IN", phone="+447911123456")
    apply([ContactChange(source=Source.STAFF, contact_id=blocked, excluded=True)])
    assert reach({"all": True}, channel="whatsapp", purpose="MARKETING").sendable == 0


def test_reach_is_what_is_then_queued(sender, template):
    contacts = [make_contact(*events) for events in ([], ["OPT_IN"], ["OPT_OUT"], ["OPT_IN"]) for _ in range(5)]
    found = reach({"all": True}, channel="whatsapp", purpose="MARKETING")
    done = queue(contacts, origin="CAMPAIGN", origin_id=1, template=template, sender_id=sender.pk)
    assert (found.sendable, sum(n for _, n in found.left_out)) == (done.queued, done.skipped) == (10, 10)
