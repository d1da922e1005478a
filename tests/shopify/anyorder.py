"""What a store tells, taken in as it happened, and as it really arrives: late, repeated, shuffled, in batches of any size,
in part not at all, with readings in between."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sayso.sandbox.testing import Delivery, Sandbox
from sayso.shopify.models import SyncRun
from sayso.shopify.reconciliation import reconcile
from sayso.shops.models import Shop

LUCK = st.integers(0, 2**32)

Held = TypeVar("Held")
Drain = Callable[[Iterable[Delivery]], None]
Read = Callable[[], object]


def examples(number: int) -> settings:
    """That many, each of which leaves the fixtures as it found them."""
    harmless = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=number, deadline=None, suppress_health_check=harmless)


def in_order(listening: Sandbox, drain: Drain, read: Read, dump: Callable[[], Held]) -> tuple[list[Delivery], Held]:
    """The deliveries the sandbox holds, and what ``dump`` finds after they came one by one as they were sent. Needs a
    transaction, which it leaves as it was."""
    sent = sorted(listening.deliveries(), key=lambda delivery: delivery.id)
    before = transaction.savepoint()
    for delivery in sent:
        drain([delivery])
    read()
    held = dump()
    transaction.savepoint_rollback(before)
    return sent, held


def at_random(sent: Sequence[Delivery], drain: Drain, read: Read, luck: int) -> None:
    """Half of the deliveries come twice."""
    chance = random.Random(luck)
    _shuffled([*sent, *chance.sample(sent, k=len(sent) // 2)], drain, read, chance)


def with_losses(sent: Sequence[Delivery], drain: Drain, read: Read, luck: int, shop: Shop) -> None:
    """Half of the deliveries never come; then the shop is compared with its store."""
    chance = random.Random(luck)
    _shuffled([delivery for delivery in sent if chance.random() < 0.5], drain, read, chance)
    run_id = reconcile.start(shop.pk, full=True)
    assert reconcile.run(shop.pk, run_id, settle=timedelta(0)) == "COMPLETE", SyncRun.objects.get(pk=run_id).error


def _shuffled(sent: list[Delivery], drain: Drain, read: Read, chance: random.Random) -> None:
    chance.shuffle(sent)
    while sent:
        size = chance.randint(1, len(sent))
        batch, sent = sent[:size], sent[size:]
        drain(batch)
        if chance.random() < 0.3:
            read()
    read()
