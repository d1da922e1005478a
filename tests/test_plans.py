"""Under row-level security, as the application's role, with two shops loaded: the hot questions come from an index."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sayso.audience.models import Group
from sayso.audience.queries import of_contact
from sayso.audience.selection import where
from sayso.campaigns import queries as campaigns
from sayso.consent import checkout, figures, queries
from sayso.contacts.models import Contact
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context
from sayso.ui.contact_list import Filters, fetch

PEOPLE = 20_000
FILL = """
insert into contact (shop_id, shopify_customer_id, first_name, last_name, email, email_key, phone, phone_key, tags, source,
    search, labels)
select %(shop)s, n, 'First' || n, 'Last' || n %% 997, 'p' || n || '@example.com', sha256(('e' || n)::bytea), '+4479' || 10000000 + n,
    sha256(('p' || n)::bytea), case when n %% 400 = 0 then '{vip,new}' else '{new}' end::varchar[], 'shopify',
    lower('First' || n || ' Last' || n %% 997 || ' p' || n || '@example.com +4479' || 10000000 + n), '{}'
from generate_series(1, %(people)s) n;
insert into consent_state (shop_id, contact_id, whatsapp_state, whatsapp_address_key, whatsapp_opt_in_at)
select shop_id, id, case when id %% 3 = 0 then 'SUBSCRIBED' when id %% 700 = 0 then 'PENDING' else 'NOT_SUBSCRIBED' end, phone_key, now()
from contact where shop_id = %(shop)s;
insert into suppression (shop_id, address_key, kind, opted_out_at, source)
select shop_id, phone_key, 'OPT_OUT', now(), 'test' from contact where shop_id = %(shop)s and id %% 50 = 0
"""


LEDGER = """
insert into consent_ledger (shop_id, contact_id, channel, event, occurred_at, recorded_at, from_state, to_state, outcome,
    refusal_code, source, actor_kind, entry, hash)
select shop_id, id, 'whatsapp', case when id %% 9 = 0 then 'OPT_OUT' else 'OPT_IN' end, now(),
    now() - interval '200 days' + 200 * interval '1 day' * (row_number() over (order by id)) / %(people)s, 'UNKNOWN',
    case when id %% 9 = 0 then 'UNSUBSCRIBED' else 'SUBSCRIBED' end, 'ACCEPTED', null, 'form', 'customer',
    repeat('x', 600), sha256('x') from contact where shop_id = %(shop)s order by id
"""


@pytest.fixture
def two_shops(as_owner):
    shops = [
        Shop.objects.create(domain=f"{name}.myshopify.com", name=name, address_secret="s" * 64)
        for name in ("one", "two")
    ]
    for shop in shops:
        for statement in [*FILL.split(";"), LEDGER]:
            as_owner.execute(statement, {"shop": shop.pk, "people": PEOPLE})
    as_owner.execute("analyze")
    with shop_context(shops[0].pk), connection.cursor() as cursor:
        cursor.execute(
            "set local random_page_cost = 1.1"
        )  # as the embedded server has it, and any on solid state should
        yield shops[0]


def plan_of(statement: str, parameters: object = None) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone() == ("sayso_app",)
        cursor.execute(f"explain (format json) {statement}", parameters)
        return json.dumps(cursor.fetchone()[0])


def nodes(plan: str) -> list[tuple[str, str | None, str | None]]:
    """(node, relation, index) of every node."""

    def walk(node: dict):
        yield node["Node Type"], node.get("Relation Name"), node.get("Index Name")
        for child in node.get("Plans", []):
            yield from walk(child)

    return list(walk(json.loads(plan)[0]["Plan"]))


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(q="first1234"), "contact_search"),
        (Filters(q="@example.com p777"), "contact_search"),
        (Filters(q="+44 7910 00123"), "contact_search"),
        (Filters(tags=("vip",)), "contact_tags"),
        (Filters(state="PENDING"), "consent_state_whatsapp"),
        (Filters(), "contact_pkey"),
    ],
)
def test_the_contact_list(two_shops, filters, index):
    with CaptureQueriesContext(connection) as captured:
        assert fetch(two_shops.pk, filters).rows
    plans = [nodes(plan_of(query["sql"])) for query in captured if "from contact c" in query["sql"]]
    assert index in {found for plan in plans for _, _, found in plan}
    if filters.any:  # the capped count of all reads the table as it lies
        assert ("Seq Scan", "contact", None) not in {node for plan in plans for node in plan}


def test_the_tag_of_an_audience(two_shops):
    condition, parameters = where({"tag": "vip"})
    plan = nodes(plan_of(f"select c.id from contact c where {condition}", parameters))
    assert "contact_tags" in {index for _, _, index in plan}


GROUPS = """
insert into contact_group (shop_id, kind, source_type, external_id, name, spellings, members_count) values
    (%(shop)s, 'SHOPIFY_SEGMENT', 'segment', '7', 'Half', '{}', 10000),
    (%(shop)s, 'SHOPIFY_TAG', 'tag', 'vip', 'vip', '{vip,VIP}', 50),
    (%(shop)s, 'SHOPIFY_TAG', 'tag', 'new', 'new', '{new}', 20000);
insert into group_member (shop_id, group_id, contact_id, shopify_customer_id)
select c.shop_id, g.id, c.id, c.shopify_customer_id from contact c join contact_group g on g.shop_id = c.shop_id
and g.external_id = '7' where c.shop_id = %(shop)s and c.shopify_customer_id %% 2 = 0;
insert into group_member (shop_id, group_id, shopify_customer_id)
select %(shop)s, g.id, 1000000 + n from generate_series(1, 50) n, contact_group g where g.shop_id = %(shop)s and g.external_id = '7'
"""


@pytest.fixture
def groups(two_shops, as_owner):
    for shop in Shop.objects.all():
        for statement in GROUPS.split(";\n"):
            as_owner.execute(statement, {"shop": shop.pk})
    as_owner.execute("analyze contact_group; analyze group_member")
    return {group.external_id: group for group in Group.objects.all()}


@pytest.mark.parametrize(
    ("group", "query", "index"),
    [
        ("7", "", "group_member_contact"),
        ("7", "first1234", "contact_search"),
        ("vip", "", "contact_tags"),
        ("vip", "p777", "contact_tags"),
        ("new", "", "contact_pkey"),
    ],
)
def test_a_page_of_a_group(two_shops, groups, group, query, index):
    with CaptureQueriesContext(connection) as captured:
        assert fetch(two_shops.pk, Filters(group=groups[group], q=query)).rows or query
    plans = [nodes(plan_of(one["sql"])) for one in captured if "contact c" in one["sql"]]
    assert index in {found for plan in plans for _, _, found in plan}
    assert not {("Seq Scan", "contact", None), ("Seq Scan", "group_member", None)} & {
        node for plan in plans for node in plan
    }


def test_the_groups_of_a_contact(two_shops, groups):
    contact = Contact.objects.exclude(tags=["new"]).first()
    with CaptureQueriesContext(connection) as captured:
        assert {group.external_id for group in of_contact(contact)} == {"7", "vip", "new"}
    plan = nodes(plan_of(captured[-1]["sql"]))
    assert "group_member_of" in {index for _, _, index in plan}
    assert ("Seq Scan", "group_member", None) not in plan


def test_the_gate(two_shops):
    """A chunk of recipients: look-ups of contacts, states and suppressions, nothing read whole."""
    with connection.cursor() as cursor:
        cursor.execute("select array_agg(id) from (select id from contact order by id limit 50) c")
        [chunk] = cursor.fetchone()
    plan = nodes(plan_of("select * from message_gate('whatsapp', 'MARKETING', %s::bigint[], null)", [chunk]))
    assert "Function Scan" not in {node for node, _, _ in plan}, "the gate is no longer inlined"
    indexes = {index for _, _, index in plan}
    assert {"contact_pkey", "consent_state_pkey"} <= indexes
    assert "suppression_pkey" in indexes
    assert {relation for node, relation, _ in plan if node == "Seq Scan"} <= {
        "address_status",
        "shop",
        "topic_choice",
    }  # all but empty


def test_a_period_of_the_ledger_is_reached_through_its_key(two_shops):
    """A week of the ledger reads a week of it: the first entry is found by halving, the rest by the primary key."""
    since = datetime.now(UTC) - timedelta(days=7)
    plan = nodes(plan_of(queries.FIRST_SINCE, {"since": since}))
    assert {relation for _, relation, _ in plan if relation} == {"consent_ledger"}
    assert ("Seq Scan", "consent_ledger", None) not in plan
    first = queries.first_since(since)
    plan = nodes(plan_of(figures.GROUPED, {"since": since, "first": first, "zone": "Europe/Berlin"}))
    assert "consent_ledger_pkey" in {index for _, _, index in plan}
    assert ("Seq Scan", "consent_ledger", None) not in plan
    assert sum(one.number for one in figures.groups(since, "UTC")) == pytest.approx(PEOPLE * 7 / 200, rel=0.05)


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (queries.LedgerFilter(), "consent_ledger_pkey"),
        (queries.LedgerFilter(event="OPT_OUT", channel="whatsapp"), "consent_ledger_pkey"),
        (queries.LedgerFilter(contact_id=17), "consent_ledger_contact"),
    ],
)
def test_a_page_of_the_ledger(two_shops, chosen, index):
    with CaptureQueriesContext(connection) as captured:
        queries.ledger(chosen)
    plan = nodes(plan_of(captured[-1]["sql"]))
    assert index in {found for _, _, found in plan}
    assert not {"Sort", "Seq Scan"} & {node for node, _, _ in plan}


def test_who_opted_out_after_a_campaign(two_shops):
    """The opt-outs of the time, each looked up among the contact's messages: never all messages of a campaign."""
    first = queries.first_since(datetime.now(UTC) - timedelta(days=7))
    plan = nodes(plan_of(campaigns.OPTED_OUT, {"first": first, "campaigns": [1, 2]}))
    assert ("Seq Scan", "consent_ledger", None) not in plan


def test_the_opt_ins_of_a_checkout(two_shops):
    """Asked for every batch of live changes: look-ups by contact, never the ledger as it lies."""
    with CaptureQueriesContext(connection) as captured:
        checkout.bind(range(1, 400))
    plan = nodes(plan_of(captured[0]["sql"]))
    assert "consent_ledger_contact" in {index for _, _, index in plan}
    assert ("Seq Scan", "consent_ledger", None) not in plan
