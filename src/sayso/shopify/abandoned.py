"""Abandoned checkouts: every ten minutes the store is asked for those of the last 48 hours (features §8.8).

Shopify does not push them. What qualifies is decided in ``commerce/sql/32_abandoned.sql`` and told once for each
checkout; webhooks (:mod:`.handlers.checkouts`) only add the e-mail, which GraphQL does not give.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

import msgspec
from django.utils import timezone

from sayso.commerce import checkouts
from sayso.commerce.checkouts import FoundCheckout

from . import documents, guests, wire_checkouts
from .conflicts import in_shop
from .connection.tokens import open_store
from .reading.pages import pages, search_time

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(hours=48)


def poll(shop_id: int) -> tuple[int, int]:
    """Take in the checkouts of the last 48 hours; answers how many were read and how many of them are newly abandoned.

    Speaks to the store: call it outside of any transaction. Raises what :func:`.connection.tokens.open_store` and its calls
    raise; again it changes nothing.
    """
    since = timezone.now() - LOOK_BACK
    variables = {
        "first": documents.CHECKOUTS_A_CALL,
        "lines": documents.LINES_AN_ORDER,
        "query": f"updated_at:>={search_time(since)}",
    }
    read = told = 0
    with open_store(shop_id) as store:
        for nodes in pages(store, "abandoned_checkouts", "abandonedCheckouts", variables):
            found = _readable(shop_id, nodes)
            told += in_shop(shop_id, partial(checkouts.apply_found, found))
            read += len(found)
    return read, told


def settle_guests(shop_id: int) -> int:
    """Bring what guests ticked at checkouts to the consent room, where order and checkout arrived at the same moment or
    the last delivery of the checkout never came. Answers how many checkouts that settled. Not inside a transaction."""
    return in_shop(shop_id, guests.take_waiting)


def _readable(shop_id: int, nodes: list[dict[str, object]]) -> list[FoundCheckout]:
    found = []
    for node in nodes:
        try:
            found.append(wire_checkouts.abandoned(node))
        except (ValueError, msgspec.ValidationError) as error:
            log.warning("a checkout of shop %d cannot be read (%s): %s", shop_id, node.get("id"), error)
    return found
