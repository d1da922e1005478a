"""What sayso answers of its own accord: once, inside the window, to the right person, in their language; and nothing else."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from tests.making import make_contact, make_template

from sayso.channels.whatsapp.types import InboundMessage, Person
from sayso.consent import links, settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.models import Contact
from sayso.events.consumers import Seen
from sayso.events.models import Event
from sayso.messaging import tasks
from sayso.messaging.models import Message, MessageSkip
from sayso.messaging.receive import receive
from sayso.messaging.replies import consent_changed, message_received, variables_of
from sayso.shops.models import Shop

_ids = itertools.count(1)


def now() -> datetime:
    return datetime.now(UTC)


def write(contact_id: int, text: str, sender, *, ago: timedelta = timedelta(seconds=5), **more) -> None:
    """The contact writes to us."""
    wa_id = Contact.objects.get(pk=contact_id).phone.lstrip("+")
    message = InboundMessage(
        id=f"wamid.{next(_ids)}", kind="text", sender=Person(wa_id=wa_id), at=now() - ago, text=text, **more
    )
    receive([message], sender_id=sender.pk if sender else None)


def consume() -> None:
    """Hand the consumer all the events there are, as it would get them; again and again, for it reads at least once."""
    for _ in range(2):
        consent_changed(events("consent.changed", "consent.confirmation_requested"))


def heard() -> None:
    """The same for the messages that came in."""
    for _ in range(2):
        message_received(events("message.created"))


def events(*kinds: str) -> list[Seen]:
    return [
        Seen(e.pk, e.kind, e.contact_id, e.occurred_at, e.actor_kind, e.origin, e.data)
        for e in Event.objects.filter(bulk=False, kind__in=kinds).order_by("pk")
    ]


def sent() -> list[tuple[int, str, str | None]]:
    return list(Message.objects.filter(direction="OUT").order_by("pk").values_list("contact_id", "purpose", "body"))


def skipped() -> list[str]:
    return list(MessageSkip.objects.filter(origin="SYSTEM").values_list("code", flat=True))


def claim() -> list[str]:
    """What becomes of everything queued when it is handed over."""
    with connection.cursor() as cursor:
        cursor.execute("select message_claim(array_agg(id)) from message where status = 'QUEUED'")
    return list(Message.objects.filter(direction="OUT").order_by("pk").values_list("status", flat=True))


def choose(shop: Shop, **values: object) -> None:
    settings.change(shop, actor_kind="system", **values)


def test_a_stop_is_acknowledged_once(shop, sender):
    contact = make_contact("OPT_IN")
    write(contact, "STOP", sender)
    write(contact, "STOP", sender)
    consume()
    assert sent() == [(contact, "OPT_OUT_ACK", f"You will get no more marketing messages from {shop.name}.")]
    assert claim() == ["SENDING"]


def test_who_opts_out_again_after_opting_in_again_is_told_again(shop, sender):
    contact = make_contact("OPT_IN")
    write(contact, "STOP", sender, ago=timedelta(minutes=3))
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_IN", now() - timedelta(minutes=2), "hosted_form")])
    write(contact, "STOP", sender)
    consume()
    assert [purpose for _, purpose, _ in sent()] == ["OPT_OUT_ACK", "OPT_OUT_ACK"]


@pytest.mark.parametrize(
    "source", ["staff", "meta_user_preferences", "meta_131050", "unsubscribe_link", "sms_provider"]
)
def test_only_replies_are_acknowledged(shop, sender, source):
    contact = make_contact("OPT_IN")
    write(contact, "hello", sender)
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_OUT", now(), source)])
    consume()
    assert sent() == []


def test_the_other_holder_of_the_number_is_not_written_to(shop, sender):
    first = make_contact("OPT_IN", phone="+447911123456")
    second = make_contact("OPT_IN", phone="+447911123456")
    write(first, "STOP", sender)
    assert set(ConsentState.objects.values_list("whatsapp_state", flat=True)) == {"UNSUBSCRIBED"}
    consume()
    assert [contact for contact, _, _ in sent()] in ([first], [second])


def test_the_shop_may_switch_it_off_and_choose_its_words(shop, sender):
    contact = make_contact("OPT_IN")
    choose(shop, opt_out_ack={"whatsapp": False, "sms": False})
    write(contact, "STOP", sender)
    consume()
    assert sent() == []
    other = make_contact("OPT_IN", country="DE")
    choose(shop, opt_out_ack={"whatsapp": True}, opt_out_text={"en": "Bye from {{ shop.name }}"})
    write(other, "STOP", sender)
    consume()
    assert (other, "OPT_OUT_ACK", f"Bye from {shop.name}") in sent()


def test_in_the_persons_language(shop, sender):
    contact = make_contact("OPT_IN")
    shop.language = "de"
    shop.save()
    write(contact, "STOP", sender)
    consume()
    assert sent()[0][2] == f"Sie erhalten keine Werbenachrichten mehr von {shop.name}."


def test_a_stop_that_comes_late_is_not_answered(shop, sender):
    contact = make_contact("OPT_IN")
    write(contact, "STOP", sender, ago=timedelta(hours=25))
    consume()
    assert sent() == []


def test_an_answer_that_waited_too_long_is_skipped_at_the_hand_over(shop, sender):
    contact = make_contact("OPT_IN")
    write(contact, "STOP", sender, ago=timedelta(hours=25))
    forge(
        "OPT_OUT_ACK", LedgerEntry.objects.get(event="OPT_OUT", channel="whatsapp"), sender
    )  # as if it had been queued in time
    assert claim() == ["SKIPPED"]
    assert Message.objects.get(direction="OUT").error_code == "MESSAGE_IS_EXPIRED"


def test_events_of_imports_are_not_answered(shop, sender):
    contact = make_contact("OPT_IN")
    write(contact, "hello", sender)
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_OUT", now(), "stop_reply")], bulk=True)
    # Marked as what no consumer is offered, see tests/events/test_consumers.py.
    told = Event.objects.filter(kind="consent.changed", origin="stop_reply")
    assert told and all(event.bulk for event in told)


def test_whoever_comes_back_before_the_hand_over_is_not_told_that_they_left(shop, sender):
    contact = make_contact("OPT_IN")
    write(contact, "STOP", sender, ago=timedelta(minutes=1))
    consume()
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_IN", now(), "hosted_form")])
    assert claim() == ["SKIPPED"]


class TestConfirmation:
    @pytest.fixture
    def pending(self, shop, sender) -> int:
        contact = make_contact()
        record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_IN_UNCONFIRMED", now(), "hosted_form", language="fr")])
        assert ConsentState.objects.get().whatsapp_state == "PENDING"
        return contact

    def test_by_template_where_no_window_is_open(self, shop, sender, pending):
        template = make_template(
            shop, "UTILITY", name="confirm", components=[{"type": "BODY", "text": "{{1}}: say YES"}]
        )
        choose(shop, confirmation_template="confirm")
        consume()
        message = Message.objects.get(direction="OUT")
        assert (message.purpose, message.template_id, message.body) == ("CONFIRMATION", template.pk, None)
        assert variables_of(message.origin_id)[0]["selectedValue"] == "shop.name"
        assert claim() == ["SENDING"]

    def test_as_a_message_where_one_is(self, shop, sender, pending):
        write(pending, "hello", sender)
        consume()
        assert "OUI" in sent()[0][2] and shop.name in sent()[0][2]
        assert claim() == ["SENDING"]

    def test_with_a_link_where_there_is_one(self, shop, sender, pending, monkeypatch):
        monkeypatch.setitem(links.providers, "confirmation", lambda contact, channel: f"https://s.example/c/{contact}")
        write(pending, "hello", sender)
        consume()
        assert f"https://s.example/c/{pending}" in sent()[0][2]

    def test_without_template_and_window_it_is_said_why_not(self, shop, sender, pending):
        consume()
        assert (sent(), skipped()) == ([], ["CUSTOMER_IS_OUTSIDE_WINDOW"])

    def test_what_could_not_be_asked_is_asked_when_the_person_writes(self, shop, sender, pending):
        consume()
        other = make_contact("OPT_IN")
        write(pending, "hello", sender)
        write(other, "hello", sender)
        heard()
        assert [(who, purpose) for who, purpose, _ in sent()] == [(pending, "CONFIRMATION")]
        assert claim() == ["SENDING"]
        write(pending, "are you there?", sender)
        heard()
        assert len(sent()) == 1, "asked once"
        write(pending, "yes", sender)
        assert ConsentState.objects.get(contact_id=pending).whatsapp_state == "SUBSCRIBED"

    def test_never_as_marketing(self, shop, sender, pending):
        make_template(shop, "MARKETING", name="confirm")
        choose(shop, confirmation_template="confirm")
        consume()
        assert (sent(), skipped()) == ([], ["CUSTOMER_IS_OUTSIDE_WINDOW"])

    def test_asking_again_and_again_writes_once(self, shop, sender, pending):
        write(pending, "hello", sender)
        for _ in range(3):
            record([ConsentEvent(pending, Channel.WHATSAPP, "OPT_IN_UNCONFIRMED", now(), "hosted_form")])
        consume()
        assert len(sent()) == 1

    @pytest.mark.parametrize("text", ["YES", "Oui !", "sí", "SI", "ja bitte", "Sim", "はい", "start"])
    def test_yes_confirms(self, shop, sender, pending, text):
        write(pending, "hello", sender, ago=timedelta(minutes=1))
        consume()
        assert claim() == ["SENDING"]
        write(pending, text, sender, ago=timedelta(0))
        state = ConsentState.objects.get()
        assert (state.whatsapp_state, state.whatsapp_basis) == ("SUBSCRIBED", "DOUBLE_OPT_IN")
        consume()
        assert len(sent()) == 1  # nothing is left to be confirmed

    @pytest.mark.parametrize("asked", [False, True])
    def test_a_yes_to_something_else_confirms_nothing(self, shop, sender, pending, asked):
        """A stranger may have typed the number into a form: until our question left, a yes is no answer to it."""
        if asked:
            write(pending, "hello", sender, ago=timedelta(minutes=1))
            consume()  # queued, and not handed over
        write(pending, "yes", sender, ago=timedelta(0))
        assert ConsentState.objects.get().whatsapp_state == "PENDING"

    def test_stop_ends_it(self, shop, sender, pending):
        write(pending, "STOP", sender, ago=timedelta(0))
        assert ConsentState.objects.get().whatsapp_state == "UNSUBSCRIBED"

    def test_it_runs_out_after_seven_days(self, shop, sender):
        old, fresh, shopify = make_contact(), make_contact(), make_contact()
        record(
            [
                ConsentEvent(old, Channel.WHATSAPP, "OPT_IN_UNCONFIRMED", now() - timedelta(days=8), "hosted_form"),
                ConsentEvent(fresh, Channel.WHATSAPP, "OPT_IN_UNCONFIRMED", now() - timedelta(days=6), "hosted_form"),
                ConsentEvent(
                    shopify,
                    Channel.WHATSAPP,
                    "SHOP_PENDING",
                    now() - timedelta(days=8),
                    "shopify",
                    shop_value="PENDING",
                ),
            ]
        )
        assert tasks.expire(shop.pk) == 1
        assert tasks.expire(shop.pk) == 0
        states = dict(ConsentState.objects.values_list("contact_id", "whatsapp_state"))
        assert (states[fresh], states[shopify]) == ("PENDING", "PENDING")
        assert states[old] != "PENDING"
        entry = LedgerEntry.objects.get(contact_id=old, event="PENDING_EXPIRED")
        assert (entry.source, entry.outcome) == ("double_opt_in", "ACCEPTED")
        consume()
        assert "MESSAGE_IS_EXPIRED" not in skipped()  # it is not PENDING any more: no purpose at all


def test_yes_means_nothing_where_nothing_waits(shop, sender):
    contact = make_contact()
    write(contact, "yes", sender)
    assert not LedgerEntry.objects.filter(contact_id=contact, event__in=["CONFIRM", "OPT_IN"]).exists()


def test_start_words_are_off_until_the_shop_chooses_them(shop, sender):
    contact = make_contact("OPT_OUT")
    write(contact, "START", sender, ago=timedelta(0))
    assert ConsentState.objects.get().whatsapp_state == "UNSUBSCRIBED"
    choose(shop, opt_in_keywords=["start"])
    write(contact, "Start!", sender, ago=timedelta(0))
    entry = LedgerEntry.objects.filter(event="OPT_IN").get()
    assert (entry.source, entry.actor_kind) == ("keyword", "customer")


def test_a_notice_tells_new_subscribers_how_to_stop(shop, sender):
    choose(shop, opt_in_confirmation={"whatsapp": "NOTICE"})
    contact = make_contact()
    write(contact, "hello", sender)
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_IN", now(), "hosted_form")])
    consume()
    assert [(who, purpose) for who, purpose, _ in sent()] == [(contact, "NOTICE")]
    assert "STOP" in sent()[0][2]
    outside = make_contact()
    record([ConsentEvent(outside, Channel.WHATSAPP, "OPT_IN", now(), "hosted_form")])
    consume()
    assert skipped() == ["CUSTOMER_IS_OUTSIDE_WINDOW"]


def forge(purpose: str, entry: LedgerEntry | None, sender, *, template=None, contact: int | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into message (shop_id, contact_id, channel, direction, origin, origin_id, purpose, template_id,
                sender_id, body, address, address_key, status)
            select shop_id, id, 'whatsapp', 'OUT', 'SYSTEM', %s, %s, %s, %s, 'Buy now', phone, phone_key, 'QUEUED'
            from contact where id = %s""",
            [entry and entry.pk, purpose, template and template.pk, sender.pk, contact or (entry and entry.contact_id)],
        )


class TestTheDatabaseItself:
    """Whatever the program believes: raw SQL in the application's role."""

    @pytest.fixture
    def opted_out(self, shop, sender) -> LedgerEntry:
        contact = make_contact("OPT_IN")
        write(contact, "STOP", sender)
        return LedgerEntry.objects.get(event="OPT_OUT", channel="whatsapp")

    def refused(self, words: str, *arguments, **more) -> None:
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            forge(*arguments, **more)

    def test_one_answer_an_entry(self, opted_out, sender):
        forge("OPT_OUT_ACK", opted_out, sender)
        self.refused("message_reply_once", "OPT_OUT_ACK", opted_out, sender)

    def test_no_answer_without_an_entry(self, opted_out, sender):
        self.refused("purpose of its template", "OPT_OUT_ACK", None, sender, contact=opted_out.contact_id)

    def test_not_to_somebody_else(self, opted_out, sender):
        self.refused("purpose of its template", "OPT_OUT_ACK", opted_out, sender, contact=make_contact())

    @pytest.mark.parametrize("purpose", ["MARKETING", "UTILITY", "SERVICE", "CONFIRMATION", "NOTICE"])
    def test_not_for_another_purpose(self, opted_out, sender, purpose):
        self.refused("purpose of its template", purpose, opted_out, sender)

    def test_not_as_a_template(self, shop, opted_out, sender):
        self.refused("purpose of its template", "OPT_OUT_ACK", opted_out, sender, template=make_template(shop))
        forge("OPT_OUT_ACK", opted_out, sender, template=make_template(shop, "UTILITY"))
        assert claim() == ["SKIPPED"]

    def test_not_for_the_echo_in_the_other_channel(self, opted_out, sender):
        echo = LedgerEntry.objects.get(event="OPT_OUT", channel="sms")
        self.refused("purpose of its template", "OPT_OUT_ACK", echo, sender)

    def test_not_for_entries_that_are_owed_nothing(self, shop, sender):
        contact = make_contact("OPT_IN_UNCONFIRMED")
        record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_OUT", now(), "staff")])
        entry = LedgerEntry.objects.get(event="OPT_OUT", channel="whatsapp")
        self.refused("purpose of its template", "OPT_OUT_ACK", entry, sender)

    def test_without_a_window_it_stays_here(self, opted_out, sender):
        Message.objects.filter(direction="IN").update(status="RECEIVED")
        other = type(sender).objects.create(
            shop_id=sender.shop_id, channel="whatsapp", phone_number_id="2", token="t", base_url="http://127.0.0.1:9"
        )
        forge("OPT_OUT_ACK", opted_out, other)  # the person wrote to another number of the shop
        assert claim() == ["SKIPPED"]
        assert Message.objects.get(direction="OUT").error_code == "CUSTOMER_IS_OUTSIDE_WINDOW"
