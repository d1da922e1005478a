"""Customers whom the store merged are one contact here, whatever comes in whatever order."""

import itertools
from functools import partial

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.shopify.anyorder import LUCK, at_random, examples, in_order

from sayso.consent.models import ConsentState
from sayso.contacts import merge
from sayso.contacts.models import Contact, ContactMerge
from sayso.sandbox.testing import SandboxError
from sayso.shopify.connection.topics import TOPICS
from sayso.shopify.models import CustomerMerge
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


def people(box, count=2):
    """Customers nobody else of the store is like."""
    number = next(NUMBERS)
    return [
        int(
            box.action(
                "create_customer",
                first=f"P{who}",
                email=f"m{number}.{who}@example.org",
                phone=f"+49161{number:05}{who:02}",
            )["id"]
        )
        for who in range(count)
    ]


def contact(customer):
    return Contact.objects.get(shopify_customer_id=customer)


def test_two_customers_become_one(listening, drain, connected):
    kept, gone = people(listening)
    listening.action("place_order", customer=gone)
    listening.action("set_consent", customer=gone, channel="sms", state="SUBSCRIBED")
    listening.action("set_consent", customer=gone, channel="sms", state="UNSUBSCRIBED")
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    listening.clear()
    listening.action("merge_customers", kept=kept, deleted=gone)
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        assert contact(gone).deleted_at is not None
        assert merge.survivors([contact(gone).pk])[contact(gone).pk].contact_id == contact(kept).pk
        assert ConsentState.objects.get(contact_id=contact(kept).pk).sms_state == "UNSUBSCRIBED"
        with connection.cursor() as cursor:
            cursor.execute("select contact_id from orders where shopify_customer_id = any(%s)", [[kept, gone]])
            assert cursor.fetchall() == [(contact(kept).pk,)]


def test_a_merge_that_failed_changes_nothing(listening, drain, connected):
    kept, gone = people(listening)
    listening.action("redact_customer", customer=gone)
    listening.clear()
    with pytest.raises(SandboxError, match="pending data erasure"):
        listening.action("merge_customers", kept=kept, deleted=gone)
    told = listening.deliveries()
    assert [one.topic for one in told] == ["customers/merge"]
    drain(told)
    with shop_context(connected.pk):
        assert not CustomerMerge.objects.exists()


def test_its_keys_are_those_of_the_topic(listening):
    """Compared by hand with what Shopify documents."""
    kept, gone = people(listening)
    listening.clear()
    listening.action("merge_customers", kept=kept, deleted=gone)
    (told,) = [one.json for one in listening.deliveries() if one.topic == "customers/merge"]
    assert told == {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{gone}",
        "admin_graphql_api_job_id": told["admin_graphql_api_job_id"],
        "status": "completed",
        "errors": [],
    }
    assert any(topic.wire == "customers/merge" and topic.scope == "read_customer_merge" for topic in TOPICS)


def test_a_late_opt_out_of_the_one_who_is_gone_is_one_of_the_other(listening, drain, connected):
    kept, gone = people(listening)
    listening.action("set_consent", customer=kept, channel="email", state="SUBSCRIBED")
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    listening.clear()
    listening.action("set_consent", customer=gone, channel="email", state="UNSUBSCRIBED", at="2026-01-02T10:00:00Z")
    late = [one for one in listening.deliveries() if one.topic.startswith("customers_email")]
    listening.clear()
    listening.action("merge_customers", kept=kept, deleted=gone)
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        assert ConsentState.objects.get(contact_id=contact(kept).pk).email_state == "SUBSCRIBED"
    drain(late)
    with shop_context(connected.pk):
        assert ConsentState.objects.get(contact_id=contact(kept).pk).email_state == "UNSUBSCRIBED"
        assert contact(gone).deleted_at is not None


act = st.one_of(
    st.tuples(
        st.just("set_consent"),
        st.sampled_from([0, 1, 2]),
        st.fixed_dictionaries(
            {
                "channel": st.sampled_from(["sms", "whatsapp", "email"]),
                "state": st.sampled_from(["SUBSCRIBED", "UNSUBSCRIBED", "PENDING"]),
                "level": st.just("CONFIRMED_OPT_IN"),
                "at": st.sampled_from(["2026-09-01T10:00:00Z", "2026-09-02T10:00:00Z"]),
            }
        ),
    ),
    st.tuples(
        st.just("edit_customer"), st.sampled_from([0, 1, 2]), st.fixed_dictionaries({"last": st.sampled_from("AB")})
    ),
    st.tuples(st.just("add_tags"), st.sampled_from([0, 1, 2]), st.fixed_dictionaries({"tags": st.just(["vip"])})),
    st.tuples(st.just("place_order"), st.sampled_from([0, 1, 2]), st.just({})),
)
merges = st.lists(st.sampled_from([(0, 1), (0, 2), (1, 2), (2, 1)]), min_size=1, max_size=2, unique=True)


def dump(shop, customers):
    """Who is left, what they agreed to and own; times of merges are ours and left out."""
    with shop_context(shop.pk):
        rows = {customer: contact(customer) for customer in customers}
        ends = merge.survivors([row.pk for row in rows.values()])
        ids = {row.pk: customer for customer, row in rows.items()}
        states = ConsentState.objects.in_bulk([row.pk for row in rows.values()])
        with connection.cursor() as cursor:
            cursor.execute(
                "select name, contact_id from orders where shopify_customer_id = any(%s) order by 1", [customers]
            )
            orders = [(name, ids.get(owner)) for name, owner in cursor.fetchall()]
        left = {
            customer: (
                row.last_name,
                sorted(row.tags),
                row.orders_count,
                row.deleted_at is None,
                *(getattr(states[row.pk], f"{channel}_state") for channel in ("whatsapp", "sms", "email")),
            )
            for customer, row in rows.items()
            if row.pk not in ends
        }
        parts = {ids[merged]: ids[end.contact_id] for merged, end in ends.items()}
        hidden = all(rows[customer].deleted_at is not None for customer in parts)
    return left, parts, orders, hidden


@given(acts=st.lists(act, max_size=6), pairs=merges, luck=LUCK, known=st.booleans())
@examples(20)
def test_any_order_gives_the_same(listening, connected, drain, acts, pairs, luck, known):
    beginning = transaction.savepoint()
    listening.clear()
    customers = people(listening, 3)
    if known:
        drain(listening.deliveries())
        refetch.refetch_now(connected.pk)
        listening.clear()
    for name, who, arguments in acts:
        listening.action(name, customer=customers[who], **arguments)
    for kept, gone in pairs:
        try:
            listening.action("merge_customers", kept=customers[kept], deleted=customers[gone])
        except SandboxError as error:
            assert "no customer" in str(error)
    read = partial(refetch.refetch_now, connected.pk)
    sent, expected = in_order(listening, drain, read, partial(dump, connected, customers))
    assert expected[3]
    at_random(sent, drain, read, luck)
    assert dump(connected, customers) == expected
    with shop_context(connected.pk):
        assert ContactMerge.objects.count() == len(expected[1])
    transaction.savepoint_rollback(beginning)
