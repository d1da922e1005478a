"""A sandbox per module, and a shop connected to it."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.sandbox import known
from sayso.sandbox.testing import Delivery as Sent
from sayso.sandbox.testing import Sandbox
from sayso.shopify import webhooks
from sayso.shopify.connection import connect, subscriptions
from sayso.shopify.importing import imports
from sayso.shops.models import Shop

CUSTOMERS, ORDERS = 300, 600


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(customers=CUSTOMERS, orders=ORDERS) as running:
        # One store for many tests: what one of them spends, the next one must not wait for.
        running.post(f"shops/{known.DOMAIN}", bucket=10**6, restore=10**6)
        yield running


@pytest.fixture
def connected(box: Sandbox, db: None) -> Shop:
    return connect.connect_sandbox(box.base)


@pytest.fixture
def imported(connected: Shop) -> Shop:
    """The shop, which holds what its store holds."""
    for run_id in imports.start(connected.pk):
        imports.run(connected.pk, run_id)
    return connected


@pytest.fixture
def listening(box: Sandbox, connected: Shop) -> Iterator[Sandbox]:
    """The sandbox, which collects what it would deliver; nothing of other tests among it."""
    box.post("reset")
    box.hold("shopify")
    subscriptions.ensure(connected.pk, "http://127.0.0.1:9")
    yield box
    box.post("reset")


@pytest.fixture
def drain(connected: Shop) -> Callable[[Iterable[Sent]], None]:
    """Store deliveries as the endpoint does, a batch, and drain them."""
    keys = itertools.count()

    def drain(sent: Iterable[Sent]) -> None:
        for delivery in sent:
            headers = {name.lower().encode(): value.encode() for name, value in delivery.headers.items()}
            envelope = webhooks.describe(headers, delivery.body)
            Delivery.objects.create(
                provider="shopify",
                key=f"{envelope.key} {next(keys)}",  # repeats that slipped through: the first copy was forgotten
                shop_id=connected.pk,
                topic=envelope.topic,
                fold_key=envelope.fold_key,
                headers=envelope.kept_headers,
                body=delivery.body,
                triggered_at=envelope.triggered_at,
            )
        drain_all()
        left = Delivery.objects.exclude(state="DONE").values_list("topic", "state", "error")
        assert not left, list(left)

    return drain


@pytest.fixture
def tell(listening: Sandbox, drain: Callable[[Iterable[Sent]], None]) -> Callable[..., Any]:
    """Do something in the store and take in what it tells; only some topics, if they are named."""

    def tell(act: str, topics: set[str] | None = None, **arguments: Any) -> Any:
        listening.clear()
        done = listening.action(act, **arguments)
        drain(sent for sent in listening.deliveries() if topics is None or sent.topic in topics)
        return done

    return tell
