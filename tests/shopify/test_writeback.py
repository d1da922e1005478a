"""What people decide here reaches the store, once, as it is when its turn comes; and what comes back of it is no news."""

import itertools
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from sayso.consent import settings as decisions
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.changes import ContactChange, Source
from sayso.contacts.models import Contact
from sayso.events.consumers import Seen
from sayso.events.models import Event
from sayso.shopify.consent_values import ConsentReading
from sayso.shopify.models import Connection, WriteBack
from sayso.shopify.reading import refetch
from sayso.shopify.writeback import queue as writeback_queue
from sayso.shopify.writeback import send as writeback
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
def customer(listening, drain, connected):
    """A customer who agreed in Shopify to everything; their contact is told, the store is silent again."""
    number = next(NUMBERS)
    made = listening.action(
        "create_customer",
        first="Ada",
        email=f"back{number}@example.org",
        phone=f"+4915113{number:06}",
    )
    key = int(made["id"])
    for channel in ("sms", "whatsapp", "email"):
        listening.action("set_consent", customer=key, channel=channel, state="SUBSCRIBED", at="2026-01-02T10:00:00Z")
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    listening.clear()
    return key


def contact_of(shop, customer):
    with shop_context(shop.pk):
        return Contact.objects.get(shopify_customer_id=customer).pk


def say(shop, customer, name, channel=Channel.WHATSAPP, at=NOW, **more):
    """Somebody says something here."""
    with shop_context(shop.pk):
        contact = Contact.objects.get(shopify_customer_id=customer).pk
        record([ConsentEvent(contact, channel, name, at, more.pop("source", "stop_reply"), **more)])
    consume(shop)


def consume(shop):
    """Hand the consumer its events, twice, for it reads at least once."""
    with shop_context(shop.pk):
        events = Event.objects.filter(bulk=False, kind="consent.changed").order_by("pk")
        seen = [Seen(e.pk, e.kind, e.contact_id, e.occurred_at, e.actor_kind, e.origin, e.data) for e in events]
        for _ in range(2):
            writeback_queue.consent_changed(seen)


def rows(shop, customer):
    with shop_context(shop.pk):
        contact = Contact.objects.get(shopify_customer_id=customer).pk
        return {
            row.channel: (row.state, row.written_state)
            for row in WriteBack.objects.filter(contact_id=contact).order_by("channel")
        }


def held(box, customer):
    """What the store holds: (state, level, time) of each channel."""
    answer = box.graphql(
        """query($id: ID!) { customer(id: $id) {
            defaultEmailAddress { marketingState marketingOptInLevel marketingUpdatedAt }
            defaultPhoneNumber { smsMarketingConsent { state optInLevel updatedAt }
                whatsAppMarketingConsent { state optInLevel updatedAt } } } }""",
        {"id": f"gid://shopify/Customer/{customer}"},
    )["data"]["customer"]
    phone, email = answer["defaultPhoneNumber"], answer["defaultEmailAddress"]
    return {
        "sms": tuple(phone["smsMarketingConsent"].values()) if phone else None,
        "whatsapp": tuple(phone["whatsAppMarketingConsent"].values()) if phone else None,
        "email": tuple(email.values()) if email else None,
    }


def iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_opt_out_here_is_one_in_the_store_with_its_own_time(listening, connected, customer):
    say(connected, customer, "OPT_OUT")
    assert rows(connected, customer) == {"sms": ("WAITING", None), "whatsapp": ("WAITING", None)}
    assert writeback.write_now(connected.pk) == 2
    assert rows(connected, customer) == {"sms": ("DONE", "UNSUBSCRIBED"), "whatsapp": ("DONE", "UNSUBSCRIBED")}
    store = held(listening, customer)
    assert [store[channel][0] for channel in ("sms", "whatsapp", "email")] == [
        "UNSUBSCRIBED",
        "UNSUBSCRIBED",
        "SUBSCRIBED",
    ]
    assert store["sms"][2] == store["whatsapp"][2] == iso(NOW)


@pytest.mark.parametrize(
    ("event", "basis", "expected"),
    [
        ("OPT_IN", None, ("SUBSCRIBED", "SINGLE_OPT_IN")),
        ("OPT_IN", "DOUBLE_OPT_IN", ("SUBSCRIBED", "CONFIRMED_OPT_IN")),
        ("OPT_IN_UNCONFIRMED", None, ("PENDING", "CONFIRMED_OPT_IN")),
    ],
)
def test_an_opt_in_here_is_one_in_the_store(listening, connected, customer, event, basis, expected):
    say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW - timedelta(minutes=5))
    say(connected, customer, event, Channel.EMAIL, basis=basis, source="hosted_form")
    writeback.write_now(connected.pk)
    assert held(listening, customer)["email"] == (*expected, iso(NOW))


def test_a_confirmation_raises_the_level(listening, connected, customer):
    say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW - timedelta(minutes=5))
    say(connected, customer, "OPT_IN_UNCONFIRMED", Channel.EMAIL, source="hosted_form")
    writeback.write_now(connected.pk)
    say(connected, customer, "CONFIRM", Channel.EMAIL, at=NOW + timedelta(minutes=5), source="double_opt_in")
    writeback.write_now(connected.pk)
    assert held(listening, customer)["email"][:2] == ("SUBSCRIBED", "CONFIRMED_OPT_IN")


def test_many_changes_are_one_write_of_the_last(listening, connected, customer):
    for minute in range(3):
        say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW + timedelta(minutes=2 * minute))
        say(
            connected,
            customer,
            "OPT_IN",
            Channel.EMAIL,
            at=NOW + timedelta(minutes=2 * minute + 1),
            source="hosted_form",
        )
    assert writeback.write_now(connected.pk) == 1
    assert held(listening, customer)["email"] == ("SUBSCRIBED", "SINGLE_OPT_IN", iso(NOW + timedelta(minutes=5)))


def test_what_came_from_the_store_is_not_told_to_it(listening, drain, connected, customer):
    listening.action("set_consent", customer=customer, channel="email", state="UNSUBSCRIBED")
    drain(listening.deliveries())
    consume(connected)
    assert rows(connected, customer) == {}


def test_the_other_phone_channel_is_told_what_one_of_them_said(listening, drain, connected, customer):
    listening.action("set_consent", customer=customer, channel="sms", state="UNSUBSCRIBED", at=iso(NOW))
    drain(listening.deliveries())
    consume(connected)
    assert rows(connected, customer) == {"whatsapp": ("WAITING", None)}
    writeback.write_now(connected.pk)
    assert held(listening, customer)["whatsapp"][0] == "UNSUBSCRIBED"


def test_what_the_store_said_meanwhile_is_not_written_over(listening, drain, connected, customer):
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    later = iso(NOW + timedelta(minutes=10))
    listening.action(
        "set_consent", customer=customer, channel="email", state="SUBSCRIBED", level="CONFIRMED_OPT_IN", at=later
    )
    drain(listening.deliveries())
    writeback.write_now(connected.pk)
    assert rows(connected, customer) == {"email": ("DONE", None)}
    assert held(listening, customer)["email"] == ("SUBSCRIBED", "CONFIRMED_OPT_IN", later)


def test_inferred_consent_is_nobodys_word(listening, connected, customer):
    with shop_context(connected.pk):
        decisions.change(connected, actor_kind="staff", consent_option="INFERRED")
    made = listening.action("create_customer", first="Bo", phone=f"+4915114{next(NUMBERS):06}")
    with shop_context(connected.pk):
        refetch.request(connected.pk, [int(made["id"])])
    refetch.refetch_now(connected.pk)
    consume(connected)
    with shop_context(connected.pk):
        bo = Contact.objects.get(shopify_customer_id=int(made["id"])).pk
        assert ConsentState.objects.get(contact_id=bo).sms_basis == "INFERRED"
        assert not WriteBack.objects.filter(contact_id=bo).exists()


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=30), timedelta(days=-400)])
def test_an_echo_changes_nothing_whatever_its_time(listening, drain, connected, customer, late):
    contact = contact_of(connected, customer)
    say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW - timedelta(minutes=5))
    writeback.write_now(connected.pk)
    say(connected, customer, "OPT_IN", Channel.EMAIL, source="hosted_form")
    writeback.write_now(connected.pk)
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    listening.clear()
    say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW + timedelta(minutes=20))
    with shop_context(connected.pk):
        before = LedgerEntry.objects.filter(contact_id=contact).count()
    # Shopify gives the opt-in we wrote another time, later than the opt-out that came after it.
    listening.action(
        "set_consent", customer=customer, channel="email", state="SUBSCRIBED", level="SINGLE_OPT_IN", at=iso(NOW + late)
    )
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        assert ConsentState.objects.get(contact_id=contact).email_state == "UNSUBSCRIBED"
        assert LedgerEntry.objects.filter(contact_id=contact).count() == before
    consume(connected)
    writeback.write_now(connected.pk)
    assert held(listening, customer)["email"][0] == "UNSUBSCRIBED"


def test_an_echo_of_an_opt_out_leaves_no_entry(listening, drain, connected, customer):
    contact = contact_of(connected, customer)
    say(connected, customer, "OPT_OUT")
    with shop_context(connected.pk):
        before = LedgerEntry.objects.filter(contact_id=contact).count()
    writeback.write_now(connected.pk)
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        assert LedgerEntry.objects.filter(contact_id=contact).count() == before


def test_who_comes_back_and_leaves_again_in_the_store_is_heard(listening, drain, connected, customer):
    """The same value as we wrote, and yet no echo of it."""
    contact = contact_of(connected, customer)
    say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW)
    writeback.write_now(connected.pk)
    with shop_context(connected.pk), connection.cursor() as cursor:
        # Written a while ago.
        cursor.execute("update shopify_write_back set written_at = %s", [NOW + timedelta(minutes=1)])
    listening.clear()
    for minutes, state in ((10, "SUBSCRIBED"), (20, "UNSUBSCRIBED")):
        listening.action(
            "set_consent", customer=customer, channel="email", state=state, at=iso(NOW + timedelta(minutes=minutes))
        )
    both = [one for one in listening.deliveries() if one.topic.startswith("customers_email")]
    drain(reversed(both))  # the opt-out first
    with shop_context(connected.pk):
        state = ConsentState.objects.get(contact_id=contact)
        assert state.email_state == "UNSUBSCRIBED"
        assert state.email_out_at == NOW + timedelta(minutes=20)


def test_the_store_that_forgot_an_opt_out_is_told_again(listening, drain, connected, customer):
    say(connected, customer, "OPT_OUT")
    writeback.write_now(connected.pk)
    drain(listening.deliveries())
    with shop_context(connected.pk), connection.cursor() as cursor:
        cursor.execute("update shopify_write_back set written_at = written_at - interval '1 hour'")
    # A list from elsewhere is imported in the store, with the old time.
    listening.action("set_consent", customer=customer, channel="sms", state="SUBSCRIBED", at="2026-01-02T10:00:00Z")
    with shop_context(connected.pk):
        refetch.request(connected.pk, [customer])
    refetch.refetch_now(connected.pk)
    assert rows(connected, customer)["sms"][0] == "WAITING"
    writeback.write_now(connected.pk)
    assert held(listening, customer)["sms"][0] == "UNSUBSCRIBED"


def test_an_opt_out_that_an_import_finds_unknown_is_told(listening, connected, customer):
    with shop_context(connected.pk):
        contact = Contact.objects.get(shopify_customer_id=customer).pk
        record([ConsentEvent(contact, Channel.EMAIL, "OPT_OUT", NOW, "manual_import")], bulk=True)
        assert not WriteBack.objects.exists()
        assert writeback_queue.push_all_standing() == 1
        assert writeback_queue.push_all_standing() == 0
    writeback.write_now(connected.pk)
    assert held(listening, customer)["email"][0] == "UNSUBSCRIBED"


def test_what_the_store_refuses_is_said_in_a_sentence(listening, connected, customer):
    say(connected, customer, "OPT_OUT")
    listening.action("edit_customer", customer=customer, phone="")
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    writeback.write_now(connected.pk)
    with shop_context(connected.pk):
        found = {row.channel: (row.state, row.error) for row in WriteBack.objects.all()}
    assert found["email"] == ("DONE", "")
    assert found["sms"][0] == "FAILED"
    assert "no phone number at Shopify" in found["sms"][1]
    assert writeback.write_now(connected.pk) == 0
    with shop_context(connected.pk):
        assert writeback_queue.try_again(contact_of(connected, customer)) == 2
    assert writeback.write_now(connected.pk) == 2


def test_an_unknown_customer(listening, connected, customer):
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    listening.action("delete_customer", customer=customer)
    writeback.write_now(connected.pk)
    with shop_context(connected.pk):
        assert WriteBack.objects.get().error == "Shopify does not know this customer any more."


def test_a_store_that_is_away_is_tried_again(listening, connected, customer):
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    with shop_context(connected.pk):
        Connection.objects.update(base_url="http://127.0.0.1:9/shopify/x")
        good = listening.shopify_url()
    writeback.one_batch(connected.pk)
    with shop_context(connected.pk):
        row = WriteBack.objects.get()
        assert (row.state, row.attempts, row.sending_state) == ("WAITING", 1, "UNSUBSCRIBED")
        assert row.error.startswith("Tried again by itself")
        assert row.not_before > datetime.now(UTC)
        Connection.objects.update(base_url=good)
        WriteBack.objects.update(not_before=NOW)
    writeback.write_now(connected.pk)
    assert rows(connected, customer) == {"email": ("DONE", "UNSUBSCRIBED")}


def test_a_change_while_it_is_told_is_told_as_well(listening, connected, customer, monkeypatch):
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    tell = writeback._tell

    def while_telling(store, told):
        tell(store, told)

    taken = []

    def take():
        found = original()
        if found[1]:
            taken.append(found)
        return found

    original = writeback._take
    monkeypatch.setattr(writeback, "_take", take)
    monkeypatch.setattr(
        writeback,
        "_tell",
        lambda store, told: (
            say(connected, customer, "OPT_IN", Channel.EMAIL, at=NOW + timedelta(minutes=1), source="hosted_form")
            if len(taken) == 1
            else None,
            while_telling(store, told),
        ),
    )
    writeback.one_batch(connected.pk)
    assert rows(connected, customer) == {"email": ("WAITING", "UNSUBSCRIBED")}
    writeback.one_batch(connected.pk)
    assert held(listening, customer)["email"][0] == "SUBSCRIBED"


def due():
    with connection.cursor() as cursor:
        cursor.execute("select due_write_backs()")
        return [pk for (pk,) in cursor.fetchall()]


def test_nothing_is_told_where_the_shop_or_its_permission_forbids(connected, customer):
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    assert due() == [connected.pk]
    with shop_context(connected.pk):
        scopes = Connection.objects.get().scopes
        Connection.objects.update(scopes=["read_customers"])
    assert due() == []
    with shop_context(connected.pk):
        Connection.objects.update(scopes=scopes)
        decisions.change(Shop.objects.get(pk=connected.pk), actor_kind="staff", write_back_consent=False)
    assert due() == []
    say(connected, customer, "OPT_OUT")
    assert set(rows(connected, customer)) == {"email"}


def test_the_loop_ends_when_it_is_told_to(db):
    stop = threading.Event()
    stop.set()
    writeback.run(stop)


def test_an_import_tells_again_what_the_store_forgot(listening, drain, connected, customer):
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    writeback.write_now(connected.pk)
    with shop_context(connected.pk), connection.cursor() as cursor:
        cursor.execute("update shopify_write_back set written_at = written_at - interval '1 hour'")
        contact = Contact.objects.get(shopify_customer_id=customer)
        old = datetime(2026, 1, 2, 10, tzinfo=UTC)
        change = ContactChange(source=Source.SHOPIFY, shopify_customer_id=customer)
        read = ConsentReading(Channel.EMAIL, State.SUBSCRIBED, old, address=contact.email)
        assert writeback_queue.push_standing([(contact.pk, change, read)], bulk=True) == 1
        assert writeback_queue.push_standing([(contact.pk, change, read)], bulk=True) == 0


def test_an_opt_out_in_the_store_is_heard_though_another_one_never_reached_it(listening, drain, connected, customer):
    """What was on its way when the store could not be reached any more stands as on its way for good."""
    contact = contact_of(connected, customer)
    say(connected, customer, "OPT_OUT", Channel.EMAIL, at=NOW)
    with shop_context(connected.pk):
        good = listening.shopify_url()
        Connection.objects.update(base_url="http://127.0.0.1:9/shopify/x")
    writeback.one_batch(connected.pk)
    with shop_context(connected.pk):
        Connection.objects.update(base_url=good)
    say(connected, customer, "OPT_IN", Channel.EMAIL, at=NOW + timedelta(minutes=5), source="hosted_form")
    listening.clear()
    listening.action(
        "set_consent", customer=customer, channel="email", state="UNSUBSCRIBED", at=iso(NOW + timedelta(minutes=10))
    )
    drain(listening.deliveries())
    with shop_context(connected.pk):
        assert ConsentState.objects.get(contact_id=contact).email_state == "UNSUBSCRIBED"


def test_one_that_the_store_does_not_carry_out_does_not_hold_up_the_others(listening, connected, customer, monkeypatch):
    """GraphQL answers the mutations of one call apart: what was done is done, though the answer bears an error."""
    variables = writeback.Told.variables

    def odd(one):
        given = variables.fget(one)
        if one.channel == "sms":
            given["smsMarketingConsent"]["marketingState"] = "NOT_SUBSCRIBED"
        return given

    say(connected, customer, "OPT_OUT")
    say(connected, customer, "OPT_OUT", Channel.EMAIL)
    monkeypatch.setattr(writeback.Told, "variables", property(odd))
    assert writeback.write_now(connected.pk) == 3
    found = rows(connected, customer)
    assert (found["email"], found["whatsapp"]) == (("DONE", "UNSUBSCRIBED"), ("DONE", "UNSUBSCRIBED"))
    assert found["sms"][0] == "FAILED"
    with shop_context(connected.pk):
        assert WriteBack.objects.get(channel="sms").error.startswith("Shopify refused: ")
