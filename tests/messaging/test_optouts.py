"""Every route by which people leave, each ending in the same ledger; and what is no opt-out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.making import T0, make_contact, make_template
from tests.whatsapping import AT, IDS, OUT, arrive, button, digits, failed, preference, said, shop, states, text  # noqa: F401 (fixtures)

from sayso.channels.whatsapp.components import parameters
from sayso.consent import settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, Evidence, LedgerEntry, Suppression
from sayso.consent.record import record
from sayso.consent.words import QUICK_REPLY_PAYLOAD
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import AddressStatus, Contact
from sayso.messaging import asked
from sayso.messaging.buttons import opt_out_labels, payloads
from sayso.messaging.models import Message, PossibleOptOut, Sender, Template
from sayso.messaging.optouts import AddressOptOut, opt_out
from sayso.messaging.send import queue

BUTTONS = [
    {"type": "QUICK_REPLY", "text": "Tell me more"},
    {"type": "URL", "text": "Shop", "url": "https://s.example"},
    {"type": "QUICK_REPLY", "text": "Stop promotions"},
]
COMPONENTS = [{"type": "BODY", "text": "Sale!"}, {"type": "BUTTONS", "buttons": BUTTONS}]


class TestReplies:
    @pytest.mark.parametrize(
        "body", ["STOP", "PARE", "ARRÊT", "ARRET", "STOPPEN", "no más", "UNSUBSCRIBE", "stop please", "S T O P", "退订"]
    )
    def test_a_stop_word(self, arrive, body):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **text(body))])
        assert states(contact) == OUT
        entry = LedgerEntry.objects.get(contact_id=contact, event="OPT_OUT", channel="whatsapp")
        assert (entry.source, entry.actor_kind, int(entry.occurred_at.timestamp())) == ("stop_reply", "customer", AT)
        evidence = json.loads(Evidence.objects.get(ledger_id=entry.pk).data)
        assert evidence["text"] == body and evidence["reference"].startswith("wamid.")

    @pytest.mark.parametrize("body", ["I love your nonstop flight deals", "dont stop believing", "please restart"])
    def test_what_only_mentions_it_waits_for_a_person(self, arrive, body):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **text(body))])
        assert states(contact)[0] == "SUBSCRIBED"
        assert [message.body for _, message in asked.possible(contact)] == [body]

    def test_a_delivery_twice_raises_one_suggestion(self, arrive):
        contact = make_contact("OPT_IN")
        message = said(contact, **text("don't stop"))
        arrive(messages=[message])
        arrive(messages=[message], contacts=[])
        assert PossibleOptOut.objects.count() == 1

    def test_a_shops_own_word(self, shop, arrive):
        settings.change(shop, actor_kind="system", opt_out_keywords=["Feierabend"])
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **text("bitte feierabend!"))])
        assert states(contact) == OUT

    def test_everybody_with_the_number(self, arrive):
        one, two = (make_contact("OPT_IN", phone="+447911123456") for _ in range(2))
        arrive(messages=[said(one, **text("STOP"))])
        assert states(one) == states(two) == OUT
        assert LedgerEntry.objects.exclude(caused_by=None).count() == 3

    @pytest.mark.parametrize(
        ("phone", "wa_id", "country"),
        [
            ("+5511987654321", "551187654321", "BR"),
            ("+551187654321", "5511987654321", "BR"),
            ("+525512345678", "5215512345678", "MX"),
            ("+5491123456789", "541123456789", "AR"),
        ],
    )
    def test_a_variant_of_the_number(self, arrive, phone, wa_id, country):
        contact = make_contact("OPT_IN", phone=phone, country=country)
        arrive(messages=[said(wa_id=wa_id, **text("STOP"))])
        assert states(contact) == OUT

    def test_by_user_id_alone(self, arrive):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, bsuid="GB.1", **text("hello"))])
        arrive(messages=[said(bsuid="GB.1", **text("STOP"))])
        assert states(contact) == OUT

    def test_a_stranger_who_stops_stays_stopped(self, arrive):
        arrive(messages=[said(wa_id="447911000000", **text("STOP"))])
        contact = Contact.objects.get()
        assert states(contact.pk) == OUT
        assert Suppression.objects.filter(address_key=contact.phone_key, kind="OPT_OUT").exists()


class TestButtons:
    def test_the_payload(self, arrive):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **button("Nein danke", QUICK_REPLY_PAYLOAD))])
        assert states(contact) == OUT

    def test_an_interactive_reply(self, arrive):
        contact = make_contact("OPT_IN")
        reply = {"type": "interactive", "interactive": {"type": "button_reply"}}
        reply["interactive"]["button_reply"] = {"id": QUICK_REPLY_PAYLOAD, "title": "Keine Lust"}
        arrive(messages=[said(contact, **reply)])
        assert states(contact) == OUT

    @pytest.mark.parametrize("label", ["Stop promotions", "Detener promociones", "Parar promoções", "Werbung stoppen"])
    def test_the_label(self, arrive, label):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **button(label))])
        assert states(contact) == OUT

    @pytest.mark.parametrize(("declared", "label", "state"), [
        (["Not for me"], "Not for me", "UNSUBSCRIBED"),
        (["Not for me"], "Tell me more", "SUBSCRIBED"),
        ([], "Stop promotions", "SUBSCRIBED"),
    ])  # fmt: skip
    def test_the_templates_own_declaration(self, shop, arrive, declared, label, state):
        contact = make_contact("OPT_IN")
        buttons = [{"type": "QUICK_REPLY", "text": name} for name in ("Not for me", "Tell me more", "Stop promotions")]
        template = make_template(shop, components=[{"type": "BUTTONS", "buttons": buttons}], opt_out_buttons=declared)
        queue([contact], origin="CAMPAIGN", origin_id=1, template=template, sender_id=Sender.objects.get().pk)
        Message.objects.update(provider_id="wamid.sale")
        arrive(messages=[said(contact, **button(label, context="wamid.sale"))])
        assert states(contact)[0] == state

    def test_our_messages_carry_the_payload(self, shop):
        template = Template(components=COMPONENTS, category="MARKETING")
        assert opt_out_labels(template) == {"Stop promotions"}
        assert parameters(template.components, payloads(template)) == (
            {
                "type": "button",
                "parameters": [{"type": "payload", "payload": QUICK_REPLY_PAYLOAD}],
                "sub_type": "quick_reply",
                "index": "2",
            },
        )


class TestMetasOwnWays:
    def preference(self, arrive, contact_id: int, value: str, at: int = AT) -> None:
        arrive(field="user_preferences", **preference(contact_id, value, at))

    def test_stop_and_resume(self, arrive):
        contact = make_contact("OPT_IN")
        self.preference(arrive, contact, "stop")
        assert states(contact) == OUT
        self.preference(arrive, contact, "resume", AT + 60)
        assert states(contact) == ("SUBSCRIBED", "UNSUBSCRIBED")

    def test_resume_gives_nobody_what_they_never_had(self, arrive):
        contact = make_contact("OPT_OUT")
        self.preference(arrive, contact, "resume")
        assert states(contact)[0] != "SUBSCRIBED"

    @pytest.mark.parametrize("value", ["signup", "whatever"])
    def test_other_words_change_nothing(self, arrive, value):
        contact = make_contact("OPT_IN")
        self.preference(arrive, contact, value)
        assert states(contact)[0] == "SUBSCRIBED"

    @pytest.fixture
    def message(self, shop) -> Message:
        contact = make_contact("OPT_IN")
        queue(
            [contact], origin="CAMPAIGN", origin_id=1, template=make_template(shop), sender_id=Sender.objects.get().pk
        )
        message = Message.objects.get()
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select message_claim(array[%s::bigint])", [message.pk])
        return message

    def test_131050_is_an_opt_out(self, shop, arrive, message):
        arrive(statuses=[failed(message.contact_id, 131050, biz_opaque_callback_data=f"{shop.pk}:{message.pk}")])
        assert states(message.contact_id) == OUT
        assert LedgerEntry.objects.filter(source="meta_131050", channel="whatsapp", actor_kind="provider").exists()

    def test_131050_also_of_a_message_that_is_not_ours(self, arrive):
        contact = make_contact("OPT_IN")
        arrive(statuses=[failed(contact, 131050)])
        assert states(contact) == OUT

    def test_another_shops_number_in_the_callback_is_not_believed(self, shop, arrive, message):
        other = make_contact("OPT_IN")
        arrive(statuses=[failed(other, 131050, biz_opaque_callback_data=f"{shop.pk + 1}:{message.pk}")])
        assert (states(message.contact_id)[0], states(other)[0]) == ("SUBSCRIBED", "UNSUBSCRIBED")

    @pytest.mark.parametrize("code", [131049, 131026, 131047, 131056, 130472, 131000])
    def test_other_failures_are_none(self, shop, arrive, message, code):
        arrive(statuses=[failed(message.contact_id, code, biz_opaque_callback_data=f"{shop.pk}:{message.pk}")])
        assert states(message.contact_id)[0] == "SUBSCRIBED"
        unreachable = AddressStatus.objects.filter(contact_id=message.contact_id, status="UNREACHABLE").first()
        assert (unreachable is not None) == (code == 131026)
        if unreachable:
            assert timedelta(days=29) < unreachable.until - datetime.now(UTC) <= timedelta(days=30)


class TestANumberThatChangedHands:
    """A contact is found by every WhatsApp id it ever had; the number may be another contact's in the shop by now."""

    X, Y = "+447911222001", "+447911222002"

    @pytest.fixture
    def both(self, shop, arrive) -> tuple[int, int]:
        """Who had the number once and wrote from it, and who has it now."""
        before = make_contact(phone=self.X)
        arrive(messages=[said(wa_id=self.X[1:], **text("hello"))])
        number = Contact.objects.get(pk=before).shopify_customer_id
        profile = Profile(phone=self.Y, email="moved@example.com", country="GB")
        apply(
            [
                ContactChange(
                    source=Source.SHOPIFY, at=T0 + timedelta(days=1), shopify_customer_id=number, profile=profile
                )
            ]
        )
        now = make_contact(phone=self.X)
        record(ConsentEvent(one, Channel.WHATSAPP, "OPT_IN", T0, "test") for one in (before, now))
        assert states(before)[0] == states(now)[0] == "SUBSCRIBED"
        return before, now

    def wish(self, value: str, at: int = AT) -> dict:
        return {"user_preferences": [{"wa_id": self.X[1:], "value": value, "timestamp": at}]}

    def test_a_stop_holds_for_the_number_it_came_from(self, shop, arrive, both):
        arrive(messages=[said(wa_id=self.X[1:], **text("STOP"))])
        assert states(both[0]) == states(both[1]) == OUT
        keys = set(map(bytes, Suppression.objects.filter(kind="OPT_OUT").values_list("address_key", flat=True)))
        assert keys == {bytes(Contact.objects.get(pk=one).phone_key) for one in both}

    def test_so_do_metas_own_ways(self, arrive, both):
        arrive(field="user_preferences", **self.wish("stop"))
        assert states(both[0]) == states(both[1]) == OUT

    def test_and_131050(self, arrive, both):
        arrive(statuses=[failed(both[1], 131050)])
        assert states(both[1]) == OUT

    def test_and_whoever_of_the_team_is_shown_the_message(self, arrive, both):
        arrive(messages=[said(wa_id=self.X[1:], **text("don't stop"))])
        [(one, _)] = asked.possible(both[0])
        asked.decide(one, PossibleOptOut.Decision.OPT_OUT, actor_id="7")
        assert states(both[0]) == states(both[1]) == OUT

    def test_a_number_that_nobody_told_us_stays_out(self, arrive):
        contact = make_contact(phone=None, wa_id="447911222003")
        arrive(messages=[said(wa_id="447911222003", **text("STOP"))])
        assert states(contact) == OUT
        late = make_contact(phone="+447911222003")
        record([ConsentEvent(late, Channel.WHATSAPP, "IMPORT_WITH_PROOF", T0, "manual_import")])
        assert states(late) == OUT

    def test_neither_a_yes_nor_a_resume_speaks_for_somebody_else(self, arrive, both):
        before, _ = both
        record(
            ConsentEvent(before, Channel.WHATSAPP, one, T0 + timedelta(minutes=at), "test")
            for at, one in enumerate(("OPT_OUT", "OPT_IN_UNCONFIRMED"), 1)
        )
        assert states(before)[0] == "PENDING"
        arrive(field="user_preferences", **self.wish("resume"))
        assert states(before)[0] == "PENDING"
        entry = LedgerEntry.objects.get(contact_id=before, event="RESUME")
        assert (entry.outcome, entry.refusal_code) == ("REFUSED", "OTHER_ADDRESS")
        [outcome] = record(
            [ConsentEvent(before, Channel.WHATSAPP, "CONFIRM", datetime.now(UTC), "double_opt_in", address=self.X)]
        )
        assert (outcome.outcome, outcome.refusal_code) == ("REFUSED", "OTHER_ADDRESS")
        assert states(before)[0] == "PENDING"

    def test_a_start_word_subscribes_nobody_else(self, shop, arrive, both):
        settings.change(shop, actor_kind="system", opt_in_keywords=["start"])
        record([ConsentEvent(both[0], Channel.WHATSAPP, "OPT_OUT", T0 + timedelta(minutes=1), "test")])
        arrive(messages=[said(wa_id=self.X[1:], **text("start"))])
        assert states(both[0]) == OUT


class TestByAddress:
    """As the SMS provider will: its webhook OPT_OUT_SMS, and the codes 302 and 412 once its blacklist confirms them."""

    @pytest.mark.parametrize(
        "evidence",
        [{"notification_id": "n1", "text": "STOP"}, {"code": "302"}, {"code": "412"}, {"detail": "blacklist"}],
    )
    @pytest.mark.parametrize("written", ["+{}", "{}", "+{} "])
    def test_the_holder_leaves_both_phone_channels(self, shop, evidence, written):
        contact = make_contact("OPT_IN")
        outcomes = opt_out(
            [AddressOptOut(Channel.SMS, written.format(digits(contact)), T0, "sms_provider", evidence=evidence)]
        )
        assert {(one.contact_id, one.outcome) for one in outcomes} == {(contact, "ACCEPTED")}
        assert states(contact) == OUT
        entry = LedgerEntry.objects.get(channel="sms", event="OPT_OUT")
        assert (entry.source, entry.actor_kind, entry.occurred_at) == ("sms_provider", "provider", T0)
        assert json.loads(Evidence.objects.get(ledger_id=entry.pk).data) == evidence

    def test_all_holders(self, shop):
        one, two = (make_contact("OPT_IN", phone="+447911123456") for _ in range(2))
        opt_out([AddressOptOut(Channel.SMS, "+447911123456", T0, "sms_provider")])
        assert states(one) == states(two) == OUT

    def test_an_address_that_nobody_holds_stays_out(self, shop):
        opt_out([AddressOptOut(Channel.SMS, "+447911000001", T0, "sms_provider")])
        assert states(make_contact("OPT_IN", phone="+447911000001")) == OUT

    def test_e_mail_leaves_the_telephone_alone(self, shop):
        contact = make_contact("OPT_IN")
        opt_out(
            [AddressOptOut(Channel.EMAIL, Contact.objects.get().email.upper(), None, "unsubscribe_link", "customer")]
        )
        state = ConsentState.objects.get(contact_id=contact)
        assert (state.email_state, state.whatsapp_state) == ("UNSUBSCRIBED", "SUBSCRIBED")

    def test_nobody_is_nothing(self, shop):
        assert opt_out([]) == []


def test_who_writes_from_an_invalid_number_proves_it(arrive):
    contact = make_contact("OPT_IN", "ADDRESS_INVALID")
    assert states(contact)[0] == "INVALID"
    arrive(messages=[said(contact, **text("hello"))])
    assert states(contact)[0] == "SUBSCRIBED"
    other = make_contact("ADDRESS_INVALID")
    arrive(messages=[said(wa_id="447911000009", bsuid="GB.77", **text("hello"))])
    assert states(other)[0] == "INVALID"


class TestByStaff:
    def test_the_message_that_shows_it(self, arrive):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **text("bitte lasst das doch einfach bleiben"))])
        [message] = asked.messages_of(contact)
        asked.opt_out(contact, Channel.WHATSAPP, actor_id="7", message=message)
        entry = LedgerEntry.objects.get(event="OPT_OUT", channel="whatsapp")
        assert (entry.source, entry.actor_kind, entry.occurred_at) == ("staff", "staff", message.queued_at)
        evidence = json.loads(Evidence.objects.get(ledger_id=entry.pk).data)
        assert evidence == {
            "actor_id": "7", "message_id": message.pk, "reference": message.provider_id,
            "text": "bitte lasst das doch einfach bleiben",
        }  # fmt: skip
        assert states(contact) == OUT

    def test_something_has_to_show_it(self, shop):
        contact = make_contact("OPT_IN")
        with pytest.raises(ValueError, match="message that shows it"):
            asked.opt_out(contact, Channel.WHATSAPP, actor_id="7", how="  ")

    def test_not_by_a_message_of_somebody_else(self, arrive):
        contact, other = make_contact("OPT_IN"), make_contact("OPT_IN")
        arrive(messages=[said(other, **text("hello"))])
        with pytest.raises(ValueError, match="not from contact"):
            asked.opt_out(contact, Channel.WHATSAPP, actor_id="7", message=asked.messages_of(other)[0])

    def test_deciding_twice_records_once(self, arrive):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **text("don't stop"))])
        [(one, _)] = asked.possible(contact)
        assert asked.decide(one, PossibleOptOut.Decision.OPT_OUT, actor_id="7")
        assert asked.decide(one, PossibleOptOut.Decision.NONE, actor_id="8") == []
        one.refresh_from_db()
        assert (one.decision, one.decided_by) == ("OPT_OUT", "7")
        assert states(contact) == OUT

    def test_whoever_left_otherwise_needs_no_decision(self, arrive):
        contact = make_contact("OPT_IN")
        arrive(messages=[said(contact, **text("don't stop"))])
        arrive(messages=[said(contact, **text("STOP"))])
        assert asked.possible(contact) == []
