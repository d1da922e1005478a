from __future__ import annotations

import pytest
from tests.consenting import event, make_contact, state

from sayso.consent.models import LedgerEntry, TopicChoice
from sayso.consent.record import record

pytestmark = pytest.mark.usefixtures("shop")


def wanted(contact: int) -> dict[str, bool]:
    return dict(TopicChoice.objects.filter(contact_id=contact, channel="whatsapp").values_list("topic", "wanted"))


def test_the_newest_choice_counts_in_any_order_and_a_tie_is_off():
    contact = make_contact()
    record([event(contact, "TOPIC_OFF", 3, topic="news"), event(contact, "TOPIC_ON", 1, topic="sale")])
    record([event(contact, "TOPIC_ON", 2, topic="news"), event(contact, "TOPIC_OFF", 1, topic="sale")])
    record([event(contact, "TOPIC_ON", 1, topic="sale")])
    assert wanted(contact) == {"news": False, "sale": False}
    record([event(contact, "TOPIC_ON", 4, topic="news")])
    assert wanted(contact)["news"]
    assert LedgerEntry.objects.filter(topic="news").count() == 3


def test_a_choice_widens_no_consent():
    contact = make_contact()
    record([event(contact, "TOPIC_ON", 1, topic="news")])
    assert state(contact) == "UNKNOWN"


@pytest.mark.parametrize(("name", "more"), [("TOPIC_ON", {}), ("OPT_IN", {"topic": "news"})])
def test_a_topic_goes_with_its_events_alone(name, more):
    with pytest.raises(ValueError, match="do not go together"):
        record([event(make_contact(), name, **more)])
