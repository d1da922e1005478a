"""Consumers of the event log: nothing missed, nothing early, one worker at a time, and again after a failure."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence

import pytest
from django.db import connections
from tests.waiting import until

from sayso.events import consumers
from sayso.events.consumers import Seen, advance, due
from sayso.events.models import Event, EventCursor
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

pytestmark = pytest.mark.usefixtures("committed")
NAME = "test.listener"


class Listener:
    def __init__(self) -> None:
        self.heard: list[int] = []
        self.fails_on: set[int] = set()
        self.batches: list[int] = []

    def __call__(self, seen: Sequence[Seen]) -> None:
        self.batches.append(len(seen))
        for event in seen:
            if event.data["n"] in self.fails_on:
                raise ValueError(f"cannot digest {event.data['n']}")
        self.heard += [event.data["n"] for event in seen]


@pytest.fixture
def listener(monkeypatch) -> Iterator[Listener]:
    made = Listener()
    monkeypatch.setattr(consumers, "_consumers", {})
    consumers.consumer(NAME, "told")(made)
    yield made


@pytest.fixture
def shop() -> Shop:
    return Shop.objects.create(domain="a.myshopify.com", name="A", address_secret=secrets.token_hex(32))


def follow(shop: Shop, count: int) -> None:
    """Advance until ``count`` events were read. A transaction of another database of the server, such as that of a test
    running beside this one, holds readers up for a while: PostgreSQL's snapshots know all databases."""
    read = 0

    def step() -> int:
        nonlocal read
        read += advance(NAME, shop.pk)
        return read

    assert until(step, lambda read: read >= count) == count


def failures(shop: Shop) -> int:
    """Advance, and answer how often the next event has failed."""
    advance(NAME, shop.pk)
    with shop_context(shop.pk):
        return EventCursor.objects.values_list("failures", flat=True).first() or 0


def tell(shop: Shop, *numbers: int, kind: str = "told", bulk: bool = False) -> None:
    with shop_context(shop.pk):
        Event.objects.bulk_create(
            Event(shop_id=shop.pk, kind=kind, occurred_at="2026-11-01T00:00Z", data={"n": n}, bulk=bulk)
            for n in numbers
        )


def test_each_event_once_in_order(shop, listener):
    tell(shop, 1, 2)
    tell(shop, 7, kind="something.else")
    tell(shop, 8, bulk=True)
    assert until(due, bool) == [(NAME, shop.pk)]
    follow(shop, 3)
    tell(shop, 3)
    follow(shop, 1)
    assert (advance(NAME, shop.pk), due()) == (0, [])
    assert listener.heard == [1, 2, 3]


def test_an_event_of_an_open_transaction_is_waited_for(shop, listener, as_owner):
    """It has a lower id than one that is committed; passing over it would lose it for ever."""
    with as_owner.transaction():
        as_owner.execute(
            "insert into event (shop_id, kind, occurred_at, data) values (%s, 'told', now(), '{\"n\": 1}')", [shop.pk]
        )
        tell(shop, 2)
        assert advance(NAME, shop.pk) == 0
    follow(shop, 2)
    assert listener.heard == [1, 2]


def test_transactions_that_end_in_another_order_than_they_numbered_their_events(shop, listener, as_owner):
    """The older transaction writes its event last: a reader by id alone would have passed it."""
    with as_owner.transaction():
        as_owner.execute("select pg_current_xact_id()")
        tell(shop, 1)
        as_owner.execute(
            "insert into event (shop_id, kind, occurred_at, data) values (%s, 'told', now(), '{\"n\": 2}')", [shop.pk]
        )
        assert advance(NAME, shop.pk) == 0
    follow(shop, 2)
    assert sorted(listener.heard) == [1, 2]


def test_one_that_fails_lets_those_before_it_through_and_is_tried_again(shop, listener, as_owner):
    tell(shop, 1, 2, 3)
    listener.fails_on = {2}
    until(lambda: failures(shop), lambda failures: failures == 1)
    follow(shop, 1)  # alone now
    assert listener.heard == [1]
    until(lambda: failures(shop), lambda failures: failures == 1)  # 1 got through, so the rest was a batch again
    until(lambda: failures(shop), lambda failures: failures == 2)
    with shop_context(shop.pk):
        assert EventCursor.objects.get().not_before is not None
    assert (advance(NAME, shop.pk), due()) == (0, [])  # it rests
    listener.fails_on = set()
    as_owner.execute("update event_cursor set not_before = now()")
    follow(shop, 2)
    assert listener.heard == [1, 2, 3]


def test_effects_of_a_batch_that_fails_are_undone(shop, listener, monkeypatch):
    def handle(seen: Sequence[Seen]) -> None:
        tell_inside = Event(shop_id=shop.pk, kind="effect", occurred_at="2026-11-01T00:00Z")
        tell_inside.save()
        raise ValueError("after writing")

    consumers.consumer(NAME, "told")(handle)
    tell(shop, 1)
    until(lambda: failures(shop), lambda failures: failures == 1)
    with shop_context(shop.pk):
        assert not Event.objects.filter(kind="effect").exists()


def test_many_workers_hear_everything_once(shop, listener):
    other = Shop.objects.create(domain="b.myshopify.com", name="B", address_secret=secrets.token_hex(32))
    for n in range(0, 60, 2):
        tell(shop, n)
        tell(other, n + 1)

    def work() -> None:
        try:
            while len(listener.heard) < 60:
                for name, shop_id in due():
                    advance(name, shop_id)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(listener.heard) == list(range(60))


def test_after_a_restore_on_another_server_new_events_are_heard(shop, listener, as_owner):
    """Transaction numbers begin low again there: the stored position lies in a future that never comes."""
    tell(shop, 1)
    follow(shop, 1)
    as_owner.execute("update event set xid = '99999999999'")
    as_owner.execute("update event_cursor set xid = '99999999999'")
    tell(shop, 2)
    follow(shop, 1)
    assert listener.heard == [1, 2]


def test_a_shop_that_left_is_not_served(shop, listener):
    tell(shop, 1)
    Shop.objects.update(status="UNINSTALLED")
    assert due() == []
