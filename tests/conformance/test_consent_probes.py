"""The consent probes: what anybody may try before trusting sayso with their customers. ``./sayso test conformance``

The numbers are those of the functional specification. Where a probe needs a room that is not built yet, it calls the
door as that room will, and is listed at the end as awaiting it.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from tests.making import T0, make_contact, make_template
from tests.whatsapping import OUT, arrive, button, digits, failed, preference, said, shop, states, text  # noqa: F401

from sayso.campaigns import actions, build
from sayso.choices import links
from sayso.consent.events import Channel, ConsentEvent, Outcome
from sayso.consent.ledger.verify import contact as check_chain
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.messaging import asked
from sayso.messaging.gate import reach
from sayso.messaging.optouts import AddressOptOut, opt_out
from sayso.privacy import requests, work
from sayso.privacy.people import Named
from sayso.shopify.consent_values import EVENTS, ConsentReading
from sayso.shopify.customers import apply_readings
from sayso.shops.tenancy import enter_shop

pytestmark = pytest.mark.conformance

PHONE, EMAIL = "+447911123456", "eve@example.com"
_later = itertools.count(1)


def tell(contact: int, event: str, *, channel: Channel = Channel.WHATSAPP, minutes: float = 0, source: str = "test",
         at: datetime | None = None, **more: object) -> Outcome:  # fmt: skip
    """One event of the door, and what the ledger made of it."""
    moment = at or T0 + timedelta(minutes=minutes)
    return record([ConsentEvent(contact, channel, event, moment, source, **more)])[0]


def agreed(phone: str = "") -> int:
    """Somebody who agreed on every channel."""
    contact = make_contact(phone=phone)
    for channel in Channel:
        tell(contact, "OPT_IN", channel=channel)
    return contact


def sendable(channel: str = "whatsapp") -> int:
    return reach({"all": True}, channel=channel, purpose="MARKETING").sendable


def customer(number: int, *consents: tuple[Channel, str], at: datetime = T0) -> int:
    """A customer of the store as a sync reads them."""
    change = ContactChange(
        source=Source.SHOPIFY, at=at + timedelta(seconds=next(_later)), shopify_customer_id=number,
        profile=Profile("Eve", None, EMAIL, PHONE, country="GB"),
    )  # fmt: skip
    values = {event: state for state, event in EVENTS.items()}
    readings = [
        ConsentReading(
            channel, values[event], at, "SINGLE_OPT_IN", "SHOPIFY", EMAIL if channel is Channel.EMAIL else PHONE
        )
        for channel, event in consents
    ]
    return apply_readings([(change, readings)])[0][0].contact_id


class TestProbe1:
    """A stop word counts at once, on both phone channels, and for everything that would be sent."""

    @pytest.mark.parametrize("word", ["STOP", "PARE", "ARRÊT", "ARRET", "STOPPEN", "no más", "UNSUBSCRIBE"])
    def test_word(self, arrive, word):
        contact = agreed()
        arrive(messages=[said(contact, **text(word))])
        assert states(contact) == OUT
        assert ConsentState.objects.get(contact_id=contact).email_state == "SUBSCRIBED"

    def test_the_next_campaign_leaves_the_person_out(self, shop, arrive, awaits):
        awaits("automations: the next action is SKIPPED", "back-in-stock: the subscription stays ACTIVE, the notice is skipped",
               "lists and segments: unchanged by a STOP")  # fmt: skip
        stays, leaves = agreed(), agreed()
        arrive(messages=[said(leaves, **text("STOP"))])
        campaign = actions.create(
            name="Next", template_id=make_template(shop).pk, sender_id=None, variables=[], audience={"all": True}
        )
        actions.launch(campaign.pk, actor="7")
        while build.advance(shop.pk, campaign.pk):
            pass
        assert actions.counts(campaign.pk) == {"QUEUED": 1}
        assert actions.skips(campaign.pk) == [("CUSTOMER_IS_NOT_OPTED_IN", 1)]
        assert Contact.objects.get(pk=stays).pk == stays


class TestProbe2:
    """What only contains a stop word has no effect, and is shown to a person."""

    @pytest.mark.parametrize("words", ["I love your nonstop flight deals", "dont stop believing", "please restart"])
    def test_mentioned(self, arrive, words):
        contact = agreed()
        arrive(messages=[said(contact, **text(words))])
        assert states(contact) == ("SUBSCRIBED", "SUBSCRIBED")
        assert len(asked.possible(contact)) <= 1


class TestProbe3:
    """An opt-out reaches everybody who holds the number, by whatever name it comes."""

    def test_two_contacts_one_phone(self, arrive):
        one, two = agreed(PHONE), agreed(PHONE)
        arrive(messages=[said(one, **text("STOP"))])
        assert states(one) == states(two) == OUT

    def test_by_business_scoped_id_alone(self, arrive):
        contact = agreed()
        arrive(messages=[said(contact, bsuid="GB.123", **text("Hello"))])
        arrive(messages=[said(bsuid="GB.123", **text("STOP"))])
        assert states(contact) == OUT

    @pytest.mark.parametrize(
        ("held", "wa_id"),
        [("+5511987654321", "551187654321"), ("+525512345678", "5215512345678"), ("+5491123456789", "541123456789")],
    )
    def test_by_a_variant_of_the_number(self, arrive, held, wa_id):
        contact = agreed(held)
        arrive(messages=[said(wa_id=wa_id, **text("STOP"))])
        assert states(contact) == OUT


class TestProbe4:
    """No import makes anybody sendable who did not agree."""

    def test_ten_thousand_rows_without_consent(self, shop, awaits):
        awaits("imports: the same through a CSV file")
        for start in range(0, 10_000, 2_500):
            apply(
                ContactChange(
                    source=Source.IMPORT, at=T0, external_customer_id=f"row {number}",
                    profile=Profile(email=f"row{number}@example.com", phone=f"+4479{number:08d}", country="GB"),
                )
                for number in range(start, start + 2_500)
            )  # fmt: skip
        assert Contact.objects.count() == 10_000
        assert [sendable(channel) for channel in Channel] == [0, 0, 0]


class TestProbe5:
    """STOP, deleted, and back again: still suppressed."""

    @pytest.mark.parametrize("way", [Source.IMPORT, Source.API, Source.SHOPIFY])
    @pytest.mark.parametrize("gone", ["deleted", "redacted"])
    def test_back_again(self, shop, way, gone, awaits):
        awaits("imports: the same through a CSV file")
        contact = customer(7, (Channel.WHATSAPP, "SHOP_SUBSCRIBED"))
        tell(contact, "OPT_OUT", minutes=5, source="stop_reply")
        if gone == "deleted":
            apply(
                [ContactChange(source=Source.SHOPIFY, at=T0 + timedelta(hours=1), shopify_customer_id=7, deleted=True)]
            )
        else:
            redact(shop.pk, 7)
        if way is Source.SHOPIFY:
            for number in (7, 8):
                customer(number, *((channel, "SHOP_SUBSCRIBED") for channel in Channel), at=T0)
        else:
            profile = Profile("Eve", None, EMAIL, PHONE, country="GB")
            [made] = apply([ContactChange(source=way, at=datetime.now(UTC), external_customer_id="7", profile=profile)])
            event = "IMPORT_WITH_PROOF" if way is Source.IMPORT else "API_WITH_PROOF"
            tell(made.contact_id, event, at=datetime.now(UTC), evidence={"reference": "a list"})
        assert sendable() == sendable("sms") == 0


def redact(shop_id: int, customer_id: int) -> None:
    [request] = requests.open_all(
        shop_id, [requests.Asking(requests.Kind.REDACT, Named(customer_id=customer_id), ())],
        origin=requests.Origin.STAFF, actor_kind="staff", actor_id="1",
    )  # fmt: skip
    assert work.carry_out(shop_id, request.pk)
    enter_shop(shop_id)


class TestProbe6:
    """Only the person lifts an opt-out; nothing moves REDACTED."""

    @pytest.mark.parametrize(
        "event", ["IMPORT_WITH_PROOF", "STAFF_WITH_PROOF", "API_WITH_PROOF", "INFERRED", "CHAT_START", "SHOP_NOT_SUBSCRIBED",
                  "TOPIC_ON", "ADDRESS_PROVEN"],
    )  # fmt: skip
    def test_nobody_else(self, shop, event):
        contact = agreed()
        tell(contact, "OPT_OUT", minutes=5)
        tell(contact, event, minutes=60, topic="news" if event == "TOPIC_ON" else None)
        assert states(contact) == OUT

    @pytest.mark.parametrize(
        ("event", "source"), [("OPT_IN", "bis_widget"), ("OPT_IN", "hosted_form"), ("SHOP_SUBSCRIBED", "shopify")]
    )
    def test_the_person(self, shop, event, source, awaits):
        if source == "bis_widget":
            awaits("back-in-stock: the widget itself")
        contact = agreed()
        tell(contact, "OPT_OUT", minutes=5)
        tell(contact, event, minutes=60, source=source, shop_value="SUBSCRIBED" if event[:4] == "SHOP" else None)
        assert states(contact)[0] == "SUBSCRIBED"

    @pytest.mark.parametrize(
        "event", ["OPT_IN", "CONFIRM", "RESUME", "SHOP_SUBSCRIBED", "STAFF_WITH_PROOF", "CHAT_START"]
    )
    def test_redacted_is_final(self, shop, event):
        contact = agreed()
        record([ConsentEvent(contact, channel, "REDACT", None, "redaction") for channel in Channel])
        outcome = tell(contact, event, minutes=60, shop_value="SUBSCRIBED" if event[:4] == "SHOP" else None)
        assert (outcome.outcome, outcome.to_state) == ("REFUSED", "REDACTED")


class TestProbe7:
    """The ledger: one entry an attempt, never changed, chained. (Each cell of the table, and convergence under random
    histories, are tests/consent/test_record.py and test_stateful.py, run with this suite.)"""

    def test_every_attempt_is_one_entry(self, shop):
        contact = make_contact()
        for minutes, event in enumerate(["OPT_IN", "OPT_IN", "CONFIRM", "ADDRESS_PROVEN", "RESUME"]):
            before = LedgerEntry.objects.count()
            tell(contact, event, minutes=minutes)
            assert LedgerEntry.objects.count() == before + 1

    @pytest.mark.parametrize("statement", ["update consent_ledger set outcome = 'ACCEPTED'", "delete from consent_ledger",
                                           "truncate consent_ledger", "insert into consent_ledger (shop_id) values (1)"])  # fmt: skip
    def test_the_database_refuses(self, shop, statement):
        agreed()
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_a_redaction_keeps_the_chain_whole(self, shop):
        contact = customer(7, (Channel.WHATSAPP, "SHOP_SUBSCRIBED"))
        tell(contact, "OPT_OUT", minutes=5, evidence={"text": "stop it"})
        assert check_chain(contact) == []
        redact(shop.pk, 7)
        assert check_chain(contact) == []


class TestProbe8:
    """Every route out, and what is none."""

    def test_whatsapps_own_switch(self, arrive):
        contact = agreed()
        arrive(field="user_preferences", **preference(contact, "stop"))
        assert states(contact) == OUT

    def test_the_button(self, arrive):
        contact = agreed()
        arrive(messages=[said(contact, **button("Stop promotions"))])
        assert states(contact) == OUT

    def test_131050(self, arrive):
        contact = agreed()
        arrive(statuses=[failed(contact, 131050)])
        assert states(contact) == OUT

    @pytest.mark.parametrize("code", [131049, 131026])
    def test_other_failures_are_none(self, arrive, code):
        contact = agreed()
        arrive(statuses=[failed(contact, code)])
        assert states(contact) == ("SUBSCRIBED", "SUBSCRIBED")

    def test_the_sms_provider(self, shop, awaits):
        awaits("sms: OPT_OUT_SMS and codes 302 and 412 over the wire")
        contact = agreed()
        opt_out([AddressOptOut(Channel.SMS, f"+{digits(contact)}", T0 + timedelta(hours=1), "sms_provider")])
        assert states(contact) == OUT

    def test_the_unsubscribe_link(self, shop, awaits):
        awaits("e-mail: the link and the List-Unsubscribe header in a message")
        contact = agreed()
        path = urlsplit(links.unsubscribe_url(contact, "email")).path
        client = Client(enforce_csrf_checks=True)
        assert client.get(path).status_code in (200, 302)
        enter_shop(shop.pk)
        assert ConsentState.objects.get(contact_id=contact).email_state == "SUBSCRIBED", "looking changes nothing"
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        enter_shop(shop.pk)
        assert ConsentState.objects.get(contact_id=contact).email_state == "UNSUBSCRIBED"
        assert states(contact) == ("SUBSCRIBED", "SUBSCRIBED")

    def test_shopify_says_unsubscribed(self, shop):
        contact = customer(7, (Channel.WHATSAPP, "SHOP_SUBSCRIBED"), (Channel.SMS, "SHOP_SUBSCRIBED"))
        customer(7, (Channel.SMS, "SHOP_UNSUBSCRIBED"), at=T0 + timedelta(hours=1))
        assert states(contact) == OUT

    def test_an_opt_in_is_for_its_channel(self, shop):
        contact = make_contact()
        tell(contact, "OPT_IN", channel=Channel.SMS)
        assert states(contact) == ("UNKNOWN", "SUBSCRIBED")

    def test_inferred_lifts_no_opt_out(self, shop):
        contact = make_contact()
        tell(contact, "OPT_OUT", channel=Channel.SMS)
        assert tell(contact, "INFERRED", channel=Channel.SMS, minutes=60).refusal_code == "OPT_OUT_STANDS"


class TestProbe9:
    """Deliveries: unsigned ones are tests/intake/test_endpoint.py, retries and bad changes test_drain.py; here, that a
    delivery twice applies once, and that one bad change does not lose the others."""

    def test_the_same_message_twice(self, arrive, awaits):
        awaits("sms and e-mail: unsigned webhooks are refused")
        contact = agreed()
        message = said(contact, **text("STOP"))
        arrive(messages=[message])
        before = LedgerEntry.objects.count()
        arrive(messages=[message], contacts=[])
        assert LedgerEntry.objects.count() == before

    def test_one_bad_change_of_a_batch(self, arrive):
        contact = agreed()
        arrive(messages=[{"id": "wamid.bad", "type": 7}, said(contact, **text("STOP"))])
        assert states(contact) == OUT
