"""Chunks that two connections apply at once: the order of their commits, and what they do to each other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection, connections

from sayso.consent.catch_up import catch_up
from sayso.consent.events import Channel, State
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shopify.consent_values import ConsentReading
from sayso.shopify.customers import apply_readings
from sayso.shopify.importing.abreast import Turns, apply_abreast, in_turn
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

T0 = datetime(2026, 11, 1, tzinfo=UTC)
PHONE = "+447911123456"


@pytest.fixture
def own_shop(committed):
    return Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)


def customer(number, state, email=None):
    change = ContactChange(
        source=Source.SHOPIFY, at=T0, shopify_customer_id=number, profile=Profile(phone=PHONE, email=email)
    )
    readings = [ConsentReading(channel, state, T0, address=PHONE) for channel in (Channel.SMS, Channel.WHATSAPP)]
    if email:
        readings.append(ConsentReading(Channel.EMAIL, state, T0, address=email))
    return change, readings


@pytest.mark.parametrize("first", [State.UNSUBSCRIBED, State.SUBSCRIBED])
def test_an_opt_out_that_two_chunks_could_not_see_is_caught_up_with(own_shop, first):
    def beside() -> None:
        with shop_context(own_shop.pk):
            apply_readings([customer(2, second, "one@example.com")], bulk=True)
        connections.close_all()

    second = State.SUBSCRIBED if first is State.UNSUBSCRIBED else State.UNSUBSCRIBED
    other = threading.Thread(target=beside)
    with shop_context(own_shop.pk):
        apply_readings([customer(1, first, "one@example.com")], bulk=True)
        other.start()
        other.join()
    fields = ("whatsapp_state", "sms_state", "email_state")
    with shop_context(own_shop.pk):
        # The race is real: each is as if it were alone.
        assert set(ConsentState.objects.values_list(*fields)) == {("SUBSCRIBED",) * 3, ("UNSUBSCRIBED",) * 3}
        assert catch_up() == 1
        assert set(ConsentState.objects.values_list(*fields)) == {("UNSUBSCRIBED",) * 3}
        entries = LedgerEntry.objects.filter(event="SUPPRESSED_ADDRESS")
        assert sorted(entries.values_list("channel", "outcome", "occurred_at")) == [
            (channel, "ACCEPTED", T0) for channel in ("email", "sms", "whatsapp")
        ]
        assert catch_up() == 0


def test_who_came_back_after_the_opt_out_is_left_alone(own_shop):
    with shop_context(own_shop.pk):
        apply_readings([customer(1, State.UNSUBSCRIBED)], bulk=True)
        change, readings = customer(2, State.SUBSCRIBED)
        later = [ConsentReading(r.channel, r.state, datetime(2026, 11, 2, tzinfo=UTC), address=PHONE) for r in readings]
        apply_readings([(change, later)], bulk=True)
        entries = LedgerEntry.objects.count()
        assert catch_up() == 0
        assert LedgerEntry.objects.count() == entries


def apply_all(numbers, transaction, after=lambda number: None):
    """Chunk ``n`` is its own number; ``transaction`` is asked for the work of each."""
    committed: list[int] = []

    def work(turns: Turns, number: int, chunk: int) -> None:
        def attempt() -> None:
            with shop_context(1):
                transaction(number)
                turns.wait(number)
            committed.append(number)

        in_turn(turns, number, attempt, attempt)

    told: list[int] = []

    def tell(number: int) -> None:
        told.append(number)
        after(number)

    try:
        apply_abreast(numbers, work, tell, abreast=2)
    finally:
        assert told == committed[: len(told)]
    return committed


def test_chunks_are_committed_in_the_order_of_the_file(committed):
    second_is_done = threading.Event()

    def work(number: int) -> None:
        if number == 1:
            assert second_is_done.wait(20)
        elif number == 2:
            second_is_done.set()

    assert apply_all(range(1, 8), work) == [1, 2, 3, 4, 5, 6, 7]


def test_what_fails_keeps_all_that_comes_after_from_being_committed(committed):
    done: list[int] = []
    third_runs = threading.Event()

    def work(number: int) -> None:
        if number == 2:
            assert third_runs.wait(20)
            raise ZeroDivisionError
        if number == 3:
            third_runs.set()

    with pytest.raises(ZeroDivisionError):
        apply_all(range(1, 8), work, done.append)
    assert done == [1]


def test_a_later_chunk_gives_way_to_an_earlier_one(committed):
    """The second holds a lock and waits for its turn; the first needs the lock. PostgreSQL sees no deadlock there."""
    held = threading.Event()
    attempts: list[int] = []

    def work(number: int) -> None:
        attempts.append(number)
        if number == 1:
            assert held.wait(20)
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(1)")
        held.set()

    assert apply_all([1, 2], work) == [1, 2]
    assert sorted(attempts) == [1, 2, 2]
