"""What each topic does, with deliveries as the sandbox makes them."""

import itertools

import pytest

from sayso.commerce.models import Order
from sayso.consent.models import ConsentState, Evidence
from sayso.contacts.models import Contact
from sayso.intake.models import Delivery
from sayso.shopify import handlers
from sayso.shopify.connection import subscriptions
from sayso.shopify.connection.topics import TOPICS
from sayso.shopify.models import Connection, Refetch
from sayso.shopify.reading import refetch
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture
def someone():
    """Addresses that nobody of the store has: the sandbox outlives a test."""
    number = next(NUMBERS)
    return f"someone{number}@example.org", f"+4915112{number:06}"


@pytest.fixture
def ada(tell, connected, someone):
    """A customer as all their deliveries and one reading make them."""
    made = tell(
        "create_customer",
        first="Ada",
        last="Lovelace",
        email=someone[0],
        phone=someone[1],
        tags=["vip"],
        locale="de",
        consents={"sms": "SUBSCRIBED", "email": "SUBSCRIBED"},
    )
    refetch.refetch_now(connected.pk)
    return int(made["id"])


def contact(shop, customer_id):
    with shop_context(shop.pk):
        row = Contact.objects.get(shopify_customer_id=customer_id)
        state = ConsentState.objects.get(contact_id=row.pk)
        return row, {channel: getattr(state, f"{channel}_state") for channel in ("whatsapp", "sms", "email")}


def waiting(shop):
    with shop_context(shop.pk):
        return set(Refetch.objects.values_list("shopify_id", flat=True))


def test_a_new_customer(connected, ada, someone):
    row, states = contact(connected, ada)
    assert (row.first_name, row.email, row.phone) == ("Ada", *someone)
    assert (row.tags, row.locale) == (["vip"], "de")
    assert states == {"whatsapp": "NOT_SUBSCRIBED", "sms": "SUBSCRIBED", "email": "SUBSCRIBED"}
    assert waiting(connected) == set()
    with shop_context(connected.pk):
        assert f'"reference":"{ada}"' in Evidence.objects.first().data


def test_what_a_payload_says_holds_at_once_and_the_rest_is_read_again(connected, ada, tell):
    tell("edit_customer", topics={"customers/update"}, customer=ada, last="Byron", locale="fr")
    row, _ = contact(connected, ada)
    assert (row.last_name, row.locale) == ("Byron", "de")
    assert waiting(connected) == {ada}
    assert refetch.refetch_now(connected.pk) == 1
    row, _ = contact(connected, ada)
    assert (row.last_name, row.locale) == ("Byron", "fr")


def test_tags(connected, ada, tell):
    tell("add_tags", topics={"customer.tags_added"}, customer=ada, tags=["new", "b2b"])
    assert set(contact(connected, ada)[0].tags) == {"vip", "new", "b2b"}
    tell("remove_tags", topics={"customer.tags_removed"}, customer=ada, tags=["vip"])
    assert set(contact(connected, ada)[0].tags) == {"new", "b2b"}
    assert waiting(connected) == set()


@pytest.mark.parametrize(
    ("channel", "topic"),
    [
        ("sms", "customers_marketing_consent/update"),
        ("whatsapp", "customers_whats_app_marketing_consent/update"),
        ("email", "customers_email_marketing_consent/update"),
    ],
)
def test_consents(connected, ada, tell, channel, topic):
    tell("set_consent", topics={topic}, customer=ada, channel=channel, state="SUBSCRIBED", level="SINGLE_OPT_IN")
    assert contact(connected, ada)[1][channel] == "SUBSCRIBED"
    assert waiting(connected) == set()
    tell("set_consent", topics={topic}, customer=ada, channel=channel, state="UNSUBSCRIBED")
    assert contact(connected, ada)[1][channel] == "UNSUBSCRIBED"


def test_a_consent_of_somebody_unknown_counts_at_once(connected, tell, someone):
    made = tell(
        "create_customer",
        topics={"customers_email_marketing_consent/update"},
        email=someone[0],
        phone=someone[1],
        consents={"email": "SUBSCRIBED", "sms": "SUBSCRIBED"},
    )
    row, states = contact(connected, int(made["id"]))
    assert (row.email, row.phone, states["email"]) == (someone[0], None, "SUBSCRIBED")
    assert waiting(connected) == {row.shopify_customer_id}
    refetch.refetch_now(connected.pk)
    row, states = contact(connected, row.shopify_customer_id)
    assert (row.phone, states["sms"]) == (someone[1], "SUBSCRIBED")


def test_a_consent_for_another_address_waits_for_the_contact_to_have_it(connected, ada, tell, someone):
    tell("edit_customer", topics=set(), customer=ada, email=f"new.{someone[0]}")
    topics = {"customers_email_marketing_consent/update"}
    tell("set_consent", topics=topics, customer=ada, channel="email", state="SUBSCRIBED", level="SINGLE_OPT_IN")
    row, _ = contact(connected, ada)
    assert row.email == someone[0]
    assert waiting(connected) == {ada}
    refetch.refetch_now(connected.pk)
    row, states = contact(connected, ada)
    assert (row.email, states["email"]) == (f"new.{someone[0]}", "SUBSCRIBED")


def test_orders(connected, ada, tell):
    placed = tell("place_order", customer=ada)
    row, _ = contact(connected, ada)
    assert row.orders_count == 1
    with shop_context(connected.pk):
        order = Order.objects.get()
        assert (order.shopify_order_id, order.contact_id, order.status) == (int(placed["id"]), row.pk, "INITIALIZED")
    tell("fulfil_order", order=placed["id"])
    with shop_context(connected.pk):
        assert Order.objects.get().status == "DELIVERED"
    refetch.refetch_now(connected.pk)
    assert contact(connected, ada)[0].last_order_at is not None
    tell("cancel_order", order=placed["id"])
    with shop_context(connected.pk):
        assert Order.objects.get().status == "CANCELLED"


def test_an_order_waits_for_its_customer(box, connected, tell):
    customer = box.customers(limit=1)[0]["id"]
    tell("place_order", topics={"orders/create"}, customer=customer)
    with shop_context(connected.pk):
        assert Order.objects.get().contact_id is None
    assert waiting(connected) == {customer}
    refetch.refetch_now(connected.pk)
    row, _ = contact(connected, customer)
    with shop_context(connected.pk):
        assert Order.objects.get().contact_id == row.pk


def test_an_order_waits_for_its_customer_who_was_a_guest(connected, tell, someone):
    tell("place_order", email=someone[0], phone=someone[1])
    made = tell("create_customer", topics=set(), email=someone[0], phone=someone[1])
    tell("place_order", topics={"orders/create"}, customer=made["id"])
    refetch.refetch_now(connected.pk)
    row, _ = contact(connected, int(made["id"]))
    with shop_context(connected.pk):
        assert set(Order.objects.values_list("contact_id", flat=True)) == {row.pk}


def test_guests(connected, tell):
    tell("place_order", email="gus@example.org", first="Gus", accepts_marketing=True)
    tell("place_order", email="ida@example.org", first="Ida", accepts_marketing=False)
    with shop_context(connected.pk):
        guests = {row.first_name: row.pk for row in Contact.objects.filter(source="guest_checkout")}
        states = {row.contact_id: row.email_state for row in ConsentState.objects.all()}
        assert states == {guests["Gus"]: "SUBSCRIBED", guests["Ida"]: "NOT_SUBSCRIBED"}
    assert waiting(connected) == set()


def test_a_deleted_customer_stays_hidden(connected, ada, listening, tell, drain):
    listening.clear()
    listening.action("edit_customer", customer=ada, last="Late")
    late = listening.deliveries()
    tell("delete_customer", topics={"customers/delete"}, customer=ada)
    assert contact(connected, ada)[0].deleted_at
    drain(late)
    refetch.refetch_now(connected.pk)
    assert contact(connected, ada)[0].deleted_at


def test_a_customer_whom_the_store_does_not_find_twice_is_deleted(connected, ada, tell):
    tell("edit_customer", customer=ada, last="Gone")
    tell("delete_customer", topics=set(), customer=ada)
    assert refetch.refetch_now(connected.pk) == 2
    assert contact(connected, ada)[0].deleted_at
    assert waiting(connected) == set()


def test_the_store_itself(connected, tell):
    tell("update_shop", name="New name", currency="JPY", zone="Asia/Tokyo")
    shop = Shop.objects.get()
    assert (shop.name, shop.currency, shop.time_zone) == ("New name", "JPY", "Asia/Tokyo")
    tell("update_shop", name="Sandbox Store", currency="USD", zone="America/New_York")


def test_an_uninstalled_app(connected, ada, tell):
    tell("edit_customer", topics={"customers/update"}, customer=ada, last="Waits")
    with shop_context(connected.pk):
        delivery = Delivery.objects.order_by("-pk").first()
        handlers.store.app_uninstalled(connected.pk, [delivery])
        assert Shop.objects.get().status == "UNINSTALLED"
        row = Connection.objects.get()
        assert (row.access_token, row.status) == ("", "DISCONNECTED")
    assert waiting(connected) == set()


def test_subscriptions_that_went_missing_are_made_again(box, connected, listening):
    assert subscriptions.ensure(connected.pk, "http://127.0.0.1:9") == 0
    assert subscriptions.ensure(connected.pk, "http://127.0.0.1:10") == len(TOPICS)
