import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.consent.events import Channel, State
from sayso.contacts.changes import Figures, Profile, Source
from sayso.shopify import consent_values, types, values, wire, wire_orders
from sayso.shopify.consent_values import ConsentReading

BIG = 7064055069303700841  # above 2^53, with all digits set
AT = datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC)
WIRE_AT = "2026-11-01T12:30:15Z"
OFFSET_AT = "2026-11-01T07:30:15-05:00"  # the same moment, as webhooks write it


def node(**changes) -> dict:
    """A customer as GraphQL answers."""
    return {
        "id": f"gid://shopify/Customer/{BIG}",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "locale": "en-GB",
        "note": "Tea",
        "state": "ENABLED",
        "tags": ["vip", "Tea"],
        "numberOfOrders": "12",
        "createdAt": WIRE_AT,
        "updatedAt": WIRE_AT,
        "amountSpent": {"amount": "1234.50"},
        "lastOrder": {"processedAt": WIRE_AT},
        "defaultEmailAddress": {
            "emailAddress": "ada@example.com",
            "marketingState": "PENDING",
            "marketingOptInLevel": "CONFIRMED_OPT_IN",
            "marketingUpdatedAt": WIRE_AT,
        },
        "defaultPhoneNumber": {
            "phoneNumber": "+447400123456",
            "smsMarketingConsent": {
                "state": "SUBSCRIBED",
                "optInLevel": "SINGLE_OPT_IN",
                "updatedAt": WIRE_AT,
                "collectedFrom": "SHOPIFY",
            },
            "whatsAppMarketingConsent": {"state": "NEVER_SUBSCRIBED", "optInLevel": None, "updatedAt": None},
        },
        "defaultAddress": {
            "countryCodeV2": "GB",
            "provinceCode": "ENG",
            "city": "London",
            "address1": "12 St James's Square",
            "zip": "SW1Y 4JH",
            "phone": "020 7946 0000",
        },
    } | changes


def payload(**changes) -> dict:
    """The same customer as a customers/* webhook tells it."""
    return {
        "id": BIG,
        "created_at": OFFSET_AT,
        "updated_at": OFFSET_AT,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "state": "enabled",
        "note": "Tea",
        "email": "ada@example.com",
        "phone": "+447400123456",
        "default_address": {
            "country_code": "GB",
            "province_code": "ENG",
            "city": "London",
            "address1": "12 St James's Square",
            "zip": "SW1Y 4JH",
            "phone": "020 7946 0000",
        },
    } | changes


@pytest.mark.parametrize("decode", [lambda it: it, lambda it: types.decode_customer(json.dumps(it).encode())])
def test_a_customer(decode):
    change, readings = wire.customer(decode(node()), sequence=5)
    assert (change.source, change.at, change.sequence, change.shopify_customer_id) == (Source.SHOPIFY, AT, 5, BIG)
    assert change.profile == Profile(
        first_name="Ada",
        last_name="Lovelace",
        email="ada@example.com",
        phone="+447400123456",
        note="Tea",
        locale="en-GB",
        country="GB",
        region="ENG",
        city="London",
        address="12 St James's Square",
        postcode="SW1Y 4JH",
    )
    assert change.fields is None
    assert change.tags == ["vip", "Tea"]
    assert change.figures == Figures(12, Decimal("1234.50"), AT)
    assert (change.shopify_state, change.shopify_created_at) == ("ENABLED", AT)
    assert readings == [
        ConsentReading(Channel.SMS, State.SUBSCRIBED, AT, "SINGLE_OPT_IN", "SHOPIFY", "+447400123456"),
        ConsentReading(Channel.WHATSAPP, State.NOT_SUBSCRIBED, None, None, None, "+447400123456"),
        ConsentReading(Channel.EMAIL, State.PENDING, AT, "CONFIRMED_OPT_IN", None, "ada@example.com"),
    ]
    assert [reading.event for reading in readings] == ["SHOP_SUBSCRIBED", "SHOP_NOT_SUBSCRIBED", "SHOP_PENDING"]


def test_an_address_phone_is_a_number_and_no_consent():
    change, readings = wire.customer(node(defaultPhoneNumber=None))
    assert change.profile.phone == "020 7946 0000"
    assert [reading.channel for reading in readings] == [Channel.EMAIL]


def test_a_customer_with_nothing():
    empty = {key: None for key in node() if key not in {"id", "tags"}} | {"id": "gid://shopify/Customer/1", "tags": []}
    for nothing in (empty, {"id": "gid://shopify/Customer/1"}):
        change, readings = wire.customer(nothing)
        assert (change.shopify_customer_id, change.profile, change.figures) == (1, Profile(), Figures())
        assert readings == []


def test_a_consent_without_address_or_value_says_nothing():
    unsaid = {"state": None}
    phone = {"phoneNumber": "+447400123456", "smsMarketingConsent": unsaid, "whatsAppMarketingConsent": None}
    email = {"emailAddress": None, "marketingState": "SUBSCRIBED"}
    assert wire.customer(node(defaultPhoneNumber=phone, defaultEmailAddress=email))[1] == []


def test_versions_before_2026_10_write_the_sms_consent_flat():
    phone = {
        "phoneNumber": "+447400123456",
        "marketingState": "NOT_SUBSCRIBED",
        "marketingOptInLevel": "SINGLE_OPT_IN",
        "marketingUpdatedAt": WIRE_AT,
        "marketingCollectedFrom": "OTHER",
        "whatsAppMarketingConsent": {"state": "SUBSCRIBED"},
    }
    readings = wire.customer(node(defaultPhoneNumber=phone))[1]
    assert readings[0] == ConsentReading(
        Channel.SMS, State.NOT_SUBSCRIBED, AT, "SINGLE_OPT_IN", "OTHER", "+447400123456"
    )
    assert (readings[1].channel, readings[1].state) == (Channel.WHATSAPP, State.SUBSCRIBED)


def test_both_ways_give_the_same_facts():
    """Promise 5, convergence: what a webhook says is what a reading of the same customer says."""
    live = wire.customer_payload(payload(), sequence=1)
    read, _ = wire.customer(node(), sequence=1)
    assert (live.at, live.shopify_customer_id, live.shopify_state) == (
        read.at,
        read.shopify_customer_id,
        read.shopify_state,
    )
    assert live.shopify_created_at == read.shopify_created_at
    assert live.fields is not None
    assert {name: getattr(live.profile, name) for name in live.fields} == {
        name: getattr(read.profile, name) for name in live.fields
    }
    assert set(Profile.__slots__) - live.fields == {"locale"}


def test_a_payload_says_only_what_it_holds():
    change = wire.customer_payload({"id": BIG, "updated_at": WIRE_AT, "first_name": None}, sequence=0)
    assert change.fields == {"first_name"}
    assert (change.tags, change.figures) == (None, None)
    change = wire.customer_payload(payload(phone=None), sequence=0)
    assert change.profile.phone == "020 7946 0000"
    change = wire.customer_payload(payload(phone=None, default_address=None), sequence=0)
    assert (change.profile.phone, change.profile.country) == (None, None)
    assert "phone" in change.fields and "country" in change.fields


def test_deleted_tags_and_figures():
    change = wire.deleted_payload({"id": BIG}, at=AT, sequence=3)
    assert (change.deleted, change.shopify_customer_id, change.at, change.sequence) == (True, BIG, AT, 3)
    tagged = {
        "customerId": f"gid://shopify/Customer/{BIG}",
        "tags": ["a", "", 3],
        "occurredAt": "2026-11-01T12:30:15.000Z",
    }
    change = wire.tags_payload(tagged, added=True, sequence=0)
    (only,) = change.tag_changes
    assert (only.tags, only.added, only.at, change.shopify_customer_id) == (["a"], True, AT, BIG)
    with pytest.raises(ValueError, match="without its time"):
        wire.tags_payload({"tags": ["a"]}, added=False, sequence=0)
    summary = {
        "customerId": "gid://shopify/Customer/1",
        "numberOfOrders": 3,
        "amountSpent": {"amount": "99.90", "currencyCode": "EUR"},
        "occurredAt": WIRE_AT,
    }
    change = wire.summary_payload(summary, sequence=0)
    assert (change.figures, change.at) == (Figures(3, Decimal("99.90")), AT)


@pytest.mark.parametrize(
    ("topic", "given", "expected"),
    [
        (
            "customers_marketing_consent/update",
            {
                "id": BIG,
                "phone": "+447400123456",
                "sms_marketing_consent": {
                    "state": "unsubscribed",
                    "opt_in_level": "single_opt_in",
                    "consent_updated_at": OFFSET_AT,
                    "consent_collected_from": "shopify",
                },
            },
            ConsentReading(Channel.SMS, State.UNSUBSCRIBED, AT, "SINGLE_OPT_IN", "SHOPIFY", "+447400123456"),
        ),
        (
            "customers_email_marketing_consent/update",
            {
                "customer_id": BIG,
                "email_address": "ada@example.com",
                "email_marketing_consent": {"state": "invalid", "opt_in_level": None, "consent_updated_at": None},
            },
            ConsentReading(Channel.EMAIL, State.INVALID, None, None, None, "ada@example.com"),
        ),
        (
            "customers_whats_app_marketing_consent/update",
            {
                "customer_id": BIG,
                "phone_number": "+447400123456",
                "whats_app_marketing_consent": {
                    "state": "subscribed",
                    "opt_in_level": "confirmed_opt_in",
                    "updated_at": OFFSET_AT,
                    "collected_from": "other",
                },
            },
            ConsentReading(Channel.WHATSAPP, State.SUBSCRIBED, AT, "CONFIRMED_OPT_IN", "OTHER", "+447400123456"),
        ),
    ],
)
def test_consent_payloads(topic, given, expected):
    change, readings = wire.consent_payload(topic, given, sequence=9)
    assert (change.shopify_customer_id, change.sequence, change.profile) == (BIG, 9, None)
    assert readings == [expected]
    (consent_key,) = [key for key in given if key.endswith("_consent")]
    for nothing in ({"state": None}, None, {}, {"state": "sideways"}):
        assert wire.consent_payload(topic, given | {consent_key: nothing}, sequence=9)[1] == []


def test_every_state_has_an_event_and_every_word_both_cases():
    assert set(consent_values.STATES.values()) == set(consent_values.EVENTS) == set(State) - {State.UNKNOWN}
    assert {word for word in consent_values.STATES if word.isupper()} == {
        word.upper() for word in consent_values.STATES if word.islower()
    }
    assert consent_values.STATES["never_subscribed"] is State.NOT_SUBSCRIBED
    assert consent_values.EVENTS[State.REDACTED] == "REDACT"


@pytest.mark.parametrize(
    ("status", "done"), [("completed", True), ("failed", False), ("in_progress", False), (None, False)]
)
def test_merges(status, done):
    given = {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{BIG}",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "status": status,
    }
    assert wire.merge_payload(given) == wire.Merge(BIG, 2, done)


def order_node(**changes) -> dict:
    line = {
        "id": "gid://shopify/LineItem/5",
        "title": "Tea",
        "variantTitle": "100 g",
        "vendor": "Ada",
        "quantity": 2,
        "sku": "TEA-1",
        "originalUnitPriceSet": {"shopMoney": {"amount": "9.90"}},
        "product": {"id": f"gid://shopify/Product/{BIG}"},
        "variant": None,
    }
    return {
        "id": f"gid://shopify/Order/{BIG}",
        "name": "#1001",
        "number": 1001,
        "email": "ada@example.com",
        "phone": None,
        "customerLocale": "en",
        "customerAcceptsMarketing": True,
        "createdAt": WIRE_AT,
        "processedAt": WIRE_AT,
        "updatedAt": WIRE_AT,
        "cancelledAt": None,
        "cancelReason": None,
        "test": False,
        "sourceName": "web",
        "tags": ["gift", "x"],
        "checkoutToken": "t0ken",
        "statusPageUrl": "https://ada.example/1001",
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "customer": {"id": "gid://shopify/Customer/7"},
        "billingAddress": {"firstName": "Ada", "lastName": "Lovelace", "phone": "+447400123456", "countryCodeV2": "GB"},
        "shippingAddress": {"firstName": "Bob", "lastName": "B", "phone": "+4930123456", "countryCodeV2": "DE"},
        "totalPriceSet": {"shopMoney": {"amount": "19.80", "currencyCode": "EUR"}},
        "lineItems": {"nodes": [line], "pageInfo": {"hasNextPage": False, "endCursor": "c"}},
    } | changes


def order_payload(**changes) -> dict:
    line = {
        "id": 5,
        "title": "Tea",
        "variant_title": "100 g",
        "vendor": "Ada",
        "quantity": 2,
        "sku": "TEA-1",
        "price": "9.90",
        "product_id": BIG,
        "variant_id": None,
    }
    return {
        "id": BIG,
        "name": "#1001",
        "number": 1,
        "order_number": 1001,
        "email": "ada@example.com",
        "phone": None,
        "customer_locale": "en",
        "buyer_accepts_marketing": True,
        "created_at": OFFSET_AT,
        "processed_at": OFFSET_AT,
        "updated_at": OFFSET_AT,
        "cancelled_at": None,
        "cancel_reason": None,
        "test": False,
        "source_name": "web",
        "tags": "gift, x",
        "checkout_token": "t0ken",
        "order_status_url": "https://ada.example/1001",
        "financial_status": "paid",
        "fulfillment_status": None,
        "customer": {"id": 7},
        "billing_address": {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "phone": "+447400123456",
            "country_code": "GB",
        },
        "shipping_address": {"first_name": "Bob", "last_name": "B", "phone": "+4930123456", "country_code": "DE"},
        "currency": "EUR",
        "total_price": "19.80",
        "line_items": [line],
    } | changes


def test_an_order_comes_out_alike_both_ways():
    read, live = wire_orders.order(order_node(), sequence=4), wire_orders.order_payload(order_payload(), sequence=4)
    assert read == live
    assert (read.shopify_order_id, read.shopify_customer_id, read.number, read.at) == (BIG, 7, 1001, AT)
    assert (read.total, read.currency, read.status) == (Decimal("19.80"), "EUR", "INITIALIZED")
    assert (read.first_name, read.phone, read.country) == ("Ada", "+447400123456", "DE")
    assert (read.tags, read.buyer_accepts_email) == (["gift", "x"], True)
    (line,) = read.lines
    assert (line.title, line.quantity, line.price, line.product_id, line.variant_id) == (
        "Tea",
        2,
        Decimal("9.90"),
        BIG,
        None,
    )


@pytest.mark.parametrize(
    ("in_graphql", "in_payload", "cancelled", "expected"),
    [
        ("UNFULFILLED", None, None, "INITIALIZED"),
        ("PARTIALLY_FULFILLED", "partial", None, "IN_PROGRESS"),
        ("FULFILLED", "fulfilled", None, "DELIVERED"),
        ("RESTOCKED", "restocked", None, "CANCELLED"),
        ("FULFILLED", "fulfilled", WIRE_AT, "CANCELLED"),
    ],
)
def test_the_status_of_an_order(in_graphql, in_payload, cancelled, expected):
    read = wire_orders.order(
        order_node(displayFulfillmentStatus=in_graphql, cancelledAt=cancelled, cancelReason="CUSTOMER")
    )
    live = wire_orders.order_payload(
        order_payload(fulfillment_status=in_payload, cancelled_at=cancelled, cancel_reason="customer"), sequence=0
    )
    assert read.status == live.status == expected
    assert read == live


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("IN_PROGRESS", "IN_PROGRESS"),
        ("PENDING_FULFILLMENT", "IN_PROGRESS"),
        ("REQUEST_DECLINED", "CANCELLED"),
        ("FULFILLMENT_NOT_REQUIRED", "INITIALIZED"),
        ("ON_HOLD", "INITIALIZED"),
        ("OPEN", "INITIALIZED"),
        ("SCHEDULED", "INITIALIZED"),
        ("SOMETHING_NEW", "INITIALIZED"),
        (None, "INITIALIZED"),
    ],
)
def test_states_only_graphql_knows(value, expected):
    assert wire_orders.status(None, value) == expected


def test_a_guest_order_with_little():
    guest = order_node(customer=None, billingAddress=None, phone="+447400000000", lineItems=None, totalPriceSet=None)
    change = wire_orders.order(guest)
    assert (change.shopify_customer_id, change.first_name, change.phone, change.lines) == (
        None,
        "Bob",
        "+447400000000",
        [],
    )
    change = wire_orders.order_payload(
        {"id": BIG, "updated_at": WIRE_AT, "processed_at": WIRE_AT, "contact_email": "ada@example.com"}, sequence=0
    )
    assert (change.email, change.shopify_customer_id, change.total, change.buyer_accepts_email) == (
        "ada@example.com",
        None,
        0,
        None,
    )


def test_the_lines_of_a_bulk_file_follow_the_order():
    line = types.decode_line_item(b'{"id":"gid://shopify/LineItem/1","title":"Tea","quantity":1,"__parentId":"x"}')
    order = types.decode_order(json.dumps(order_node(lineItems=None)).encode())
    change = wire_orders.order(order, [line, "a line that could not be read"])
    assert [line.title for line in change.lines] == ["Tea"]


def test_an_order_may_have_more_lines_than_a_page():
    page = msgspec.convert({"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}, types.LineItems)
    assert wire_orders.next_lines(page) == "c"
    assert wire_orders.next_lines(types.LineItems()) is None
    assert wire_orders.next_lines(None) is None


@pytest.mark.parametrize("missing", ["id", "updated_at", "processed_at"])
def test_an_order_without_what_makes_it_one(missing):
    broken = {"id": BIG, "updated_at": WIRE_AT, "processed_at": WIRE_AT} | {missing: None}
    with pytest.raises(ValueError, match=missing):
        wire_orders.order_payload(broken, sequence=0)


def test_fulfilments():
    assert wire_orders.fulfillment_ids({"fulfillments": [{"id": BIG}, {"id": None}, 3]}) == [BIG]
    assert wire_orders.fulfillment_ids({}) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"gid://shopify/Customer/{BIG}", BIG),
        ("gid://shopify/Customer/1?namespace=x", 1),
        (str(BIG), BIG),
        (BIG, BIG),
        (7064055069303700841.0, None),
        (True, None),
        (0, None),
        (-1, None),
        (2**63, None),
        ("", None),
        ("gid://shopify/Customer/", None),
        ("gid://shopify/Customer/٣", None),
        ("9" * 30, None),
        (None, None),
    ],
)
def test_ids(value, expected):
    assert values.numeric_id(value) == expected


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        ("2026-11-01T12:30:15.123456789Z", 123456),
        ("2026-11-01T12:30:15.1Z", 100000),
        ("2026-11-01T12:30:15", 0),
        (OFFSET_AT, 0),
    ],
)
def test_times(value, micro):
    assert values.moment(value) == AT.replace(microsecond=micro)
    assert values.moment(value).tzinfo is UTC
    assert values.microseconds(value) == int(AT.timestamp()) * 1_000_000 + micro
    assert values.microseconds(values.moment(value)) == values.microseconds(value)


@pytest.mark.parametrize("value", [None, "", "soon", 5, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_that_are_none(value):
    assert values.moment(value) is None
    assert values.microseconds(value) == 0


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_microseconds_are_exact(at):
    assert values.microseconds(at.isoformat()) == wire.read_at(at)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_no_payload_breaks_a_reader(data):
    whole = data.draw(st.sampled_from([payload(), order_payload()]))
    changed = {key: data.draw(json_values) for key in data.draw(st.sets(st.sampled_from(sorted(whole)), max_size=4))}
    damaged = whole | changed
    wire.customer_payload(damaged, sequence=0)
    wire.merge_payload(damaged)
    wire.summary_payload(damaged, sequence=0)
    for topic in wire.CONSENT_TOPICS:
        wire.consent_payload(topic, damaged, sequence=0)
    try:
        wire_orders.order_payload(damaged, sequence=0)
    except ValueError as error:
        assert "an order without" in str(error)
