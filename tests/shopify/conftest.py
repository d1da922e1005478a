"""A sandbox per module, and a shop connected to it."""

from collections.abc import Iterator

import pytest

from sayso.sandbox.testing import Sandbox
from sayso.shopify import connect
from sayso.shops.models import Shop

CUSTOMERS, ORDERS = 300, 600


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(customers=CUSTOMERS, orders=ORDERS) as running:
        yield running


@pytest.fixture
def connected(box: Sandbox, db: None) -> Shop:
    return connect.connect_sandbox(box.base)
