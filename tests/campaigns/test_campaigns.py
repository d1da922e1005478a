"""From draft to end: checks at launch, chunks with a stored position, counts that add up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.making import make_contact, make_template

from sayso.audience.selection import BadAudience
from sayso.campaigns import actions, build, queries
from sayso.campaigns.models import Campaign
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.events.models import Event
from sayso.messaging.models import Message, MessageSkip, Sender


@pytest.fixture
def sender(shop) -> Sender:
    return Sender.objects.create(
        shop_id=shop.pk, channel="whatsapp", phone_number_id="1", token="t", base_url="http://127.0.0.1:9"
    )


@pytest.fixture
def draft(shop, sender):
    def make(audience=None, template=None) -> Campaign:
        return actions.create(
            name="Autumn",
            template_id=(template or make_template(shop)).pk,
            sender_id=sender.pk,
            variables=[],
            audience=audience or {"all": True},
        )

    return make


def build_all(campaign: Campaign) -> None:
    while Campaign.objects.get(pk=campaign.pk).built_at is None:
        build.advance(campaign.shop_id, campaign.pk)


def test_the_audience_is_frozen_in_chunks_and_the_campaign_ends(draft, monkeypatch):
    monkeypatch.setattr(build, "CHUNK", 3)
    campaign = draft()
    for events in (["OPT_IN"], [], ["OPT_IN"], ["OPT_OUT"], ["OPT_IN"], []):
        make_contact(*events)
    reach = actions.reach(campaign.audience, campaign.template_id)
    actions.launch(campaign.pk, actor="olivia")
    build_all(campaign)
    assert actions.counts(campaign.pk) == {"QUEUED": reach.sendable} == {"QUEUED": 3}
    assert actions.skips(campaign.pk) == reach.left_out == [("CUSTOMER_IS_NOT_OPTED_IN", 3)]
    assert not build.advance(campaign.shop_id, campaign.pk)
    Message.objects.update(status="DELIVERED")
    assert build.advance(campaign.shop_id, campaign.pk)
    assert Campaign.objects.get().status == "SENT"
    assert Event.objects.filter(kind="campaign.launched", actor_id="olivia").exists()


@pytest.mark.parametrize(
    ("results", "end"),
    [(["SENT", "READ"], "SENT"), (["SENT", "FAILED"], "PARTIALLY_SENT"), (["FAILED", "FAILED"], "FAILED"),
     (["SKIPPED", "DELIVERED"], "SENT"), (["UNCONFIRMED", "SENT"], "PARTIALLY_SENT")],
)  # fmt: skip
def test_ends(draft, results, end):
    campaign = draft()
    for _ in results:
        make_contact("OPT_IN")
    actions.launch(campaign.pk, actor="")
    build_all(campaign)
    for message, status in zip(Message.objects.all(), results, strict=True):
        Message.objects.filter(pk=message.pk).update(status=status)
    build.advance(campaign.shop_id, campaign.pk)
    assert Campaign.objects.get().status == end


def test_a_chunk_repeated_after_a_crash_takes_nobody_twice(draft):
    campaign = draft()
    make_contact("OPT_IN"), make_contact()
    actions.launch(campaign.pk, actor="")
    build_all(campaign)
    Campaign.objects.update(position=0, built_at=None)
    build_all(campaign)
    assert (Message.objects.count(), MessageSkip.objects.filter(code="CUSTOMER_IS_NOT_OPTED_IN").count()) == (1, 1)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"status": "PAUSED"}, "PAUSED"),
        ({"category": "UTILITY"}, "choose it again"),
    ],
)
def test_checks_at_launch(shop, draft, spoil, words):
    template = make_template(shop)
    campaign = draft(template=template)
    make_contact("OPT_IN")
    type(template).objects.update(**spoil)
    with pytest.raises(actions.LaunchBlocked, match=words):
        actions.launch(campaign.pk, actor="")
    assert Campaign.objects.get().status == "DRAFT"


def test_nobody_to_send_to_blocks(draft):
    make_contact("OPT_OUT")
    with pytest.raises(actions.LaunchBlocked, match="Nobody"):
        actions.launch(draft().pk, actor="")


def test_not_twice(draft):
    make_contact("OPT_IN")
    campaign = draft()
    actions.launch(campaign.pk, actor="")
    with pytest.raises(actions.LaunchBlocked, match="only a draft"):
        actions.launch(campaign.pk, actor="")


def test_stop_skips_what_is_queued(draft):
    campaign = draft()
    make_contact("OPT_IN"), make_contact("OPT_IN")
    actions.launch(campaign.pk, actor="")
    build_all(campaign)
    Message.objects.filter(pk=Message.objects.first().pk).update(status="SENT")
    actions.stop(campaign.pk, actor="")
    assert actions.counts(campaign.pk) == {"SENT": 1, "SKIPPED": 1}
    assert actions.skips(campaign.pk) == [("CAMPAIGN_IS_STOPPED", 1)]


@pytest.mark.parametrize(
    "audience", [{}, {"tag": ""}, {"all": False}, {"tag": 1}, {"all": True, "tag": "x"}, {"sql": "1=1"}]
)
def test_bad_audiences(draft, audience):
    with pytest.raises(BadAudience):
        draft(audience=audience or {"nothing": 1})


def test_opt_outs_within_72_hours_of_the_message_count(draft):
    campaign, other, waiting = draft(), draft(), draft()
    people = [make_contact("OPT_IN") for _ in range(6)]
    for one in (campaign, other):
        actions.launch(one.pk, actor="")
        build_all(one)
    sent = timezone.now() - timedelta(hours=100)
    messages = Message.objects.filter(origin_id=campaign.pk)
    messages.update(status="DELIVERED", sent_at=sent)
    messages.filter(contact_id=people[5]).update(status="FAILED", sent_at=None)
    hours = {people[0]: -1, people[1]: 0, people[2]: 71.9, people[3]: 72.1, people[5]: 1}
    record(
        ConsentEvent(person, Channel.WHATSAPP, "OPT_OUT", sent + timedelta(hours=after), "stop_reply")
        for person, after in hours.items()
    )
    first, second = queries.opt_outs_after(queries.launched(limit=5))[::-1]
    assert (first.campaign, second.campaign) == (campaign, other)
    assert (first.delivered, first.opted_out, first.rate) == (5, 2, 0.4)
    assert (second.delivered, second.opted_out, second.rate) == (0, 0, None)
    assert queries.opt_outs_after([waiting]) == []
