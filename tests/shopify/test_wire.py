import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.consent.events import Channel, State
from sayso.contacts.changes import Figures, Profile, Source
from sayso.shopify import consent_values, types, wire
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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_no_payload_breaks_a_reader(data):
    whole = payload()
    changed = {key: data.draw(json_values) for key in data.draw(st.sets(st.sampled_from(sorted(whole)), max_size=4))}
    damaged = whole | changed
    wire.customer_payload(damaged, sequence=0)
    wire.merge_payload(damaged)
    wire.summary_payload(damaged, sequence=0)
    for topic in wire.CONSENT_TOPICS:
        wire.consent_payload(topic, damaged, sequence=0)
