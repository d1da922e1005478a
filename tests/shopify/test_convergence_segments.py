"""Segments: the same deliveries in any order, with any repeats, cut into any batches, give the same groups and members,
and they are the store's own.

Built as test_convergence.py is: an example does something in the store and takes in twice what it tells, once in order,
once at random with readings in between.
"""

import itertools
import random
from functools import partial

from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.shopify.anyorder import LUCK, at_random, examples, in_order
from tests.shopify.test_segments import there

from sayso.sandbox.testing import DOMAIN, SandboxError
from sayso.shopify import segments
from sayso.shopify.connection.tokens import open_store
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)
PEOPLE = (0, 1, 2)
SEGMENTS = (0, 1)
TAGS = ("vip", "b2b")

person, segment = st.sampled_from(PEOPLE), st.sampled_from(SEGMENTS)
query = st.sampled_from(["vip", "b2b", ""])
act = st.one_of(
    st.tuples(st.sampled_from(["add_tags", "remove_tags"]), person, st.sampled_from(TAGS)),
    st.tuples(st.sampled_from(["add_tags", "remove_tags"]), person, st.sampled_from(TAGS)),
    st.tuples(st.sampled_from(["put_in", "take_out"]), person, segment),
    st.tuples(st.just("edit_segment"), segment, st.one_of(st.just(None), query)),
    st.tuples(st.just("delete_segment"), segment, st.none()),
    st.tuples(st.just("create_customer"), st.none(), st.sampled_from(TAGS)),
    st.tuples(st.just("delete_customer"), person, st.none()),
)


class Play:
    """People and segments of one example; tags are its own, so that nobody else is in them."""

    def __init__(self, box, number):
        self.box, self.number = box, number
        self.people = [int(box.action("create_customer", first="Someone")["id"]) for _ in PEOPLE]
        self.segments = [
            box.action("create_segment", name=f"Segment {which}", query=self.query("vip" if which else ""))
            for which in SEGMENTS
        ]

    def tag(self, name):
        return f"{name} {self.number}"

    def query(self, name):
        return name and f"customer_tags CONTAINS '{self.tag(name)}'"

    def do(self, name, which, what):
        if name == "create_customer":
            arguments = {"first": "New", "tags": [self.tag(what)]}
        elif name in {"add_tags", "remove_tags"}:
            arguments = {"customer": self.people[which], "tags": [self.tag(what)]}
        elif name in {"put_in", "take_out"}:
            key = "add" if name == "put_in" else "remove"
            arguments = {"segment": self.segments[what]["id"], key: [self.people[which]]}
            name = "pick_for_segment"
        elif name == "delete_customer":
            arguments = {"customer": self.people[which]}
        else:
            arguments = {"segment": self.segments[which]["id"]}
            if name == "edit_segment":
                arguments |= {"name": f"Renamed {next(NUMBERS)}"} if what is None else {"query": self.query(what)}
        try:
            self.box.action(name, **arguments)
        except SandboxError as error:
            assert str(error).startswith("400")  # the segment or the customer is gone

    def end(self):
        for one in self.segments:
            self.do("delete_segment", self.segments.index(one), None)


def dump(shop, numbers):
    """Groups of these segments, and their living members by the store's numbers."""
    with shop_context(shop.pk), connection.cursor() as cursor:
        cursor.execute(
            """select g.external_id, g.gone_at is not null and g.gone_at >= coalesce(g.seen_at, g.gone_at), g.name, g.query,
            array(select c.shopify_customer_id from group_member m join contact c on c.id = m.contact_id
                where m.group_id = g.id and m.member and c.deleted_at is null order by 1)
            from contact_group g where g.source_type = 'segment' and g.external_id = any(%s) order by 1""",
            [numbers],
        )
        return cursor.fetchall()


def read_all(shop):
    refetch.refetch_now(shop.pk)
    with open_store(shop.pk) as store:
        segments.read_new(store)


@given(
    known=st.sampled_from(["nothing", "told", "read"]),
    acts=st.lists(act, min_size=1, max_size=10),
    luck=LUCK,
)
@examples(30)
def test_any_order_gives_the_same(listening, connected, drain, known, acts, luck):
    listening.post(f"shops/{DOMAIN}", bucket=1_000_000, restore=1_000_000)
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening, next(NUMBERS))
    numbers = [str(one["id"]) for one in play.segments]
    if known != "nothing":
        drain(listening.deliveries())
        if known == "read":
            read_all(connected)
        listening.clear()
    for name, which, what in acts:
        play.do(name, which, what)
    read = partial(read_all, connected)
    sent, expected = in_order(listening, drain, read, partial(dump, connected, numbers))
    for number, gone, _, _, members in expected:
        if not gone:
            assert set(members) == there(listening, {"id": number})
    at_random(sent, drain, read, luck)
    assert dump(connected, numbers) == expected
    play.end()
    listening.clear()
    transaction.savepoint_rollback(beginning)


@given(acts=st.lists(act, min_size=1, max_size=10), luck=LUCK)
@examples(10)
def test_what_is_lost_is_made_up_for_and_what_comes_after_all_changes_nothing(listening, connected, drain, acts, luck):
    listening.post(f"shops/{DOMAIN}", bucket=1_000_000, restore=1_000_000)
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening, next(NUMBERS))
    numbers = [str(one["id"]) for one in play.segments]
    drain(listening.deliveries())
    read_all(connected)
    listening.clear()
    for name, which, what in acts:
        play.do(name, which, what)
    chance = random.Random(luck)
    sent = list(listening.deliveries())
    chance.shuffle(sent)
    about_customers = [one for one in sent if one.topic.startswith(("customers/", "customer.tags"))]
    late = [one for one in sent if one not in about_customers and chance.random() < 0.5]
    drain([one for one in sent if one not in late])
    refetch.refetch_now(connected.pk)
    with open_store(connected.pk) as store:
        segments.compare_all(store, anew=True, watch=segments.Watch())
    compared = dump(connected, numbers)
    for number, gone, _, _, members in compared:
        if not gone:
            assert set(members) == there(listening, {"id": number})
    drain(late)
    read_all(connected)
    # The last members of a segment that is gone are those of the deliveries that came; nobody can ask for them any more.
    assert [row for row in dump(connected, numbers) if not row[1]] == [row for row in compared if not row[1]]
    play.end()
    listening.clear()
    transaction.savepoint_rollback(beginning)
