from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import IntegrityError, OperationalError, connection
from psycopg import errors

from sayso.intake.drain import Drain, drain_all
from sayso.intake.failure import TRIES
from sayso.intake.models import Delivery
from sayso.intake.registry import Child, WaitsForAnother, handler, splitter
from sayso.intake.replay import replay
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

pytestmark = pytest.mark.usefixtures("handlers")
Deliver = Callable[..., Delivery]


def states() -> Counter[str]:
    return Counter(Delivery.objects.values_list("state", flat=True))


@pytest.mark.django_db
def test_a_handler_gets_one_batch_of_one_shop_in_order(make_shop, deliver: Deliver):
    batches = []

    @handler("shopify", "things/create", "things/update")
    def handle(shop_id: int, deliveries: list[Delivery]) -> None:
        assert current_shop_id() == shop_id
        batches.append((shop_id, [delivery.pk for delivery in deliveries]))

    first, second = make_shop(), make_shop()
    expected = {first.pk: [], second.pk: []}
    for number in range(10):
        shop = (first, second)[number % 2]
        topic = ("things/create", "things/update")[number % 3 == 0]
        expected[shop.pk].append(deliver(shop, topic, fold_key=f"thing:{number % 4}").pk)
    assert drain_all() == 10
    assert dict(batches) == expected
    assert states() == {"DONE": 10}
    assert Delivery.objects.filter(drained_at=None).count() == 0


@pytest.mark.django_db
def test_handlers_run_in_the_order_of_registration(make_shop, deliver: Deliver):
    calls = []
    handler("shopify", "customers/create")(lambda _, deliveries: calls.append("customers"))
    handler("shopify", "orders/create")(lambda _, deliveries: calls.append("orders"))
    shop = make_shop()
    deliver(shop, "orders/create")
    deliver(shop, "customers/create")
    drain_all()
    assert calls == ["customers", "orders"]


def test_a_topic_has_one_handler():
    handler("shopify", "things/create")(lambda *_: None)
    with pytest.raises(ValueError, match="has a handler already"):
        handler("shopify", "things/create")(lambda *_: None)


@pytest.mark.django_db
def test_a_bad_delivery_waits_and_the_others_of_its_batch_are_applied_once(make_shop, deliver: Deliver):
    shop = make_shop()

    @handler("shopify", "things/update")
    def handle(shop_id: int, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            Shop.objects.filter(pk=shop_id).update(name=Shop.objects.get(pk=shop_id).name + "x")
            if delivery.body == b'"bad"':
                raise ValueError("no such person: 'Ada Lovelace' <ada@example.com>, +49 170 1234567")

    Shop.objects.update(name="")
    for body in ("good", "bad", "good"):
        deliver(shop, body=body)
    drain_all()
    assert Shop.objects.get().name == "xx"
    assert states() == {"DONE": 2, "NEW": 1}
    waiting = Delivery.objects.get(state="NEW")
    assert waiting.attempts == 1
    assert 7 < (waiting.not_before - waiting.received_at).total_seconds() < 13
    assert waiting.error.startswith("ValueError: no such person: […] <[e-mail]>, [number]")


@pytest.mark.django_db
def test_a_delivery_is_parked_after_its_last_try_and_can_be_replayed(make_shop, deliver: Deliver, due):
    shop, bad = make_shop(), True

    @handler("shopify", "things/update")
    def handle(shop_id: int, deliveries: list[Delivery]) -> None:
        if bad:
            raise KeyError("customer")

    deliver(shop)
    for attempt in range(1, TRIES + 1):
        due()
        assert drain_all() == 1
        assert Delivery.objects.get().attempts == attempt
    parked = Delivery.objects.get()
    assert (parked.state, parked.error.split(" (")[0]) == ("PARKED", "KeyError: 'customer'")
    due()
    assert drain_all() == 0
    bad = False
    assert replay(shop.pk + 1) == 0
    assert replay(shop.pk, [parked.pk]) == 1
    drain_all()
    assert states() == {"DONE": 1}


@pytest.mark.django_db
def test_a_delivery_that_waits_for_another_is_never_parked(make_shop, deliver: Deliver, due):
    @handler("shopify", "orders/create")
    def handle(shop_id: int, deliveries: list[Delivery]) -> None:
        raise WaitsForAnother

    @handler("shopify", "orders/paid")
    def report(shop_id: int, deliveries: list[Delivery]) -> list[int]:
        return [delivery.pk for delivery in deliveries]

    shop = make_shop()
    deliver(shop, "orders/create")
    deliver(shop, "orders/paid")
    for _ in range(TRIES + 3):
        due()
        drain_all()
    assert states() == {"NEW": 2}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {TRIES + 3}


@pytest.mark.django_db
def test_an_unknown_topic_is_kept_and_ignored(make_shop, deliver: Deliver):
    deliver(make_shop(), "weather/changed")
    drain_all()
    assert list(Delivery.objects.values_list("state", "error")) == [("IGNORED", "unknown topic")]


@pytest.mark.django_db
def test_the_first_lane_goes_before_everything_and_shops_take_turns(make_shop, deliver: Deliver):
    served = []
    handler("shopify", "things/update")(lambda shop_id, deliveries: served.append((shop_id, deliveries[0].lane)))
    first, second = make_shop(), make_shop()
    for _ in range(4):
        deliver(first)
    deliver(second)
    deliver(second, lane=0)
    drain = Drain(batch=2)
    while drain.step():
        pass
    assert served == [(second.pk, 0), (first.pk, 1), (second.pk, 1), (first.pk, 1)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "cause"), [(OperationalError, errors.DeadlockDetected), (IntegrityError, errors.UniqueViolation)]
)
def test_a_conflict_retries_the_whole_batch_and_then_one_by_one(make_shop, deliver: Deliver, error, cause):
    sizes = []

    @handler("shopify", "things/update")
    def handle(shop_id: int, deliveries: list[Delivery]) -> None:
        sizes.append(len(deliveries))
        if len(deliveries) > 1 or len(sizes) == 6:
            raise error("in each other's way") from cause()

    shop = make_shop()
    deliver(shop)
    deliver(shop)
    drain_all()
    assert sizes == [2, 2, 2, 2, 2, 1, 1]
    assert states() == {"NEW": 1, "DONE": 1}


@pytest.mark.django_db
def test_children_of_a_split_delivery_go_to_their_shops(make_shop, deliver: Deliver):
    first, second = make_shop(), make_shop()

    @splitter("whatsapp")
    def split(delivery: Delivery) -> list[Child]:
        return [
            Child("messages", b"1", (first.pk,), lane=0, fold_key="n:1"),
            Child("statuses", b"2", (first.pk, second.pk)),
            Child("statuses", b"3", ()),
        ]

    seen = []
    handler("whatsapp", "messages", "statuses")(
        lambda shop_id, deliveries: seen.extend((shop_id, d.topic, d.body) for d in deliveries)
    )
    parent = deliver(None, "delivery", provider="whatsapp", key="p", lane=0)
    drain_all()
    assert seen == [
        (first.pk, "messages", b"1"),
        (first.pk, "statuses", b"2"),
        (second.pk, "statuses", b"2"),
    ]
    parent.refresh_from_db()
    assert parent.state == "DONE"
    assert Delivery.objects.get(key="p.000002").error == "unknown shop"
    assert set(Delivery.objects.values_list("key", flat=True)) == {
        "p", "p.000000", f"p.000001.{first.pk}", f"p.000001.{second.pk}", "p.000002",
    }  # fmt: skip


@pytest.mark.django_db
def test_a_delivery_that_cannot_be_split_waits_and_the_next_is_split(make_shop, deliver: Deliver):
    @splitter("whatsapp")
    def split(delivery: Delivery) -> list[Child]:
        if delivery.body == b"bad":
            raise ValueError("not JSON")
        return []

    deliver(None, provider="whatsapp", body=b"bad")
    deliver(None, provider="whatsapp", body=b"good")
    drain_all()
    assert states() == {"NEW": 1, "DONE": 1}


def test_two_workers_never_do_the_same_twice_nor_one_key_at_once(committed_shop: Shop):
    done: Counter[int] = Counter()
    active: Counter[str] = Counter()
    overlaps = []
    order: dict[str, list[int]] = {}
    lock = threading.Lock()

    @handler("shopify", "things/update")
    def handle(shop_id: int, deliveries: list[Delivery]) -> None:
        keys = {delivery.fold_key for delivery in deliveries}
        with lock:
            overlaps.extend(key for key in keys if active[key])
            active.update(keys)
        with connection.cursor() as cursor:
            cursor.execute("select 1")  # lets the other worker in
        with lock:
            active.subtract(keys)
            for delivery in deliveries:
                done[delivery.pk] += 1
                order.setdefault(delivery.fold_key, []).append(delivery.pk)

    Delivery.objects.bulk_create(
        Delivery(
            provider="shopify",
            key=str(n),
            shop_id=committed_shop.pk,
            topic="things/update",
            fold_key=f"k{n % 17}",
            body=b"",
        )
        for n in range(600)
    )

    def work() -> None:
        drain = Drain(batch=20)
        # An empty step only says that the other worker holds what is left.
        while Delivery.objects.filter(state="NEW").exists():
            drain.step()
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (len(done), set(done.values())) == (600, {1})
    assert overlaps == []
    assert all(ids == sorted(ids) for ids in order.values())
