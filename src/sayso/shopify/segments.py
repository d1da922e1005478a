"""Shopify's segments and who is in them, read by pages: there is no bulk operation for either.

A reading is kept page by page (:mod:`sayso.audience.pictures`), so that it goes on where it stopped; then it is compared
with what is held, and only the difference is written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from sayso.audience import assign, pictures
from sayso.audience.facts import GoneFact, SegmentFact
from sayso.audience.pictures import Reading
from sayso.audience.settings import sync_groups
from sayso.shops.models import Shop

from .conflicts import in_shop
from .connection.client import ShopifyError
from .connection.tokens import Store, open_store
from .documents import SEGMENT_MEMBERS_A_CALL, SEGMENTS_A_CALL
from .reading.pages import page_of, read_page
from .values import mapping, moment, number, numeric_id, text
from .wire import read_at

log = logging.getLogger(__name__)

JOB = "shopify.read_segments"
_OF_THE_STORE = frozenset({"UNAUTHORISED", "FORBIDDEN", "ACCESS_DENIED", "SHOP_FROZEN", "SHOP_LOCKED"})
SMALLEST_PAGE = 50
MEMBERS = "customerSegmentMembers"
GID = "gid://shopify/Segment/"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a page or a comparison brought: members read, new ones, those who left; by how much more there is to read than
    was known. Told inside the transaction that brought it."""

    seen: int = 0
    joined: int = 0
    left: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Who accompanies a reading: may stop it between two pages, is told inside each transaction what it brought, and
    called after each."""

    should_stop: Callable[[], bool] = lambda: False
    told: Callable[[Progress], None] = lambda progress: None
    after: Callable[[], None] = lambda: None


class Stopped(Exception):
    """Asked to stop; the reading goes on from here later."""


def compare_all(store: Store, *, anew: bool, watch: Watch) -> None:
    """List all segments and read the members of each. ``anew`` False goes on with what an earlier call did not reach.

    Call it outside of any transaction. Does nothing where the shop keeps no groups. Raises :class:`Stopped`,
    :class:`sayso.audience.pictures.Overtaken`, and what the store's calls raise.
    """
    if not sync_groups(Shop.objects.get(pk=store.shop_id)):
        return
    if anew:
        list_all(store)
        in_shop(store.shop_id, lambda: watch.told(Progress(size=pictures.ask_for_all())))
    read_due(store, watch)


def list_all(store: Store) -> None:
    """Names and rules of all segments; those that are not among them any more are gone."""
    began = in_shop(store.shop_id, pictures.clock)
    after = None
    while True:
        nodes, after = page_of(store, "segments", "segments", {"first": SEGMENTS_A_CALL, "after": after})
        read = in_shop(store.shop_id, pictures.clock)
        facts = [
            SegmentFact(
                segment_id,
                seen_at=read,
                name=text(node.get("name")) or "",
                query=text(node.get("query")),
                at=moment(node.get("lastEditDate")) or moment(node.get("creationDate")) or read,
                sequence=read_at(read),
            )
            for node in nodes
            if (segment_id := numeric_id(node.get("id"))) is not None
        ]
        in_shop(store.shop_id, partial(assign.segments, facts))
        if after is None:
            break
    in_shop(store.shop_id, partial(assign.segments_not_listed, began))


def look(shop_id: int) -> int:
    """For stores that cannot tell us: which segments there are now, and the members of those that are new or have other
    conditions. Who joins and leaves is found by the nightly comparison. How many were read; raises as
    :func:`compare_all`, and what :func:`.connection.tokens.open_store` does."""
    if not sync_groups(Shop.objects.get(pk=shop_id)):
        return 0
    with open_store(shop_id) as store:
        list_all(store)
        return read_due(store, Watch())


def request_reading(shop_id: int) -> None:
    """Have the segments that are due read soon, if any; part of the caller's transaction."""
    if not pictures.any_due():
        return
    try:
        with transaction.atomic():
            job = app.configure_task(JOB, queueing_lock=f"{JOB} {shop_id}", lock=f"shopify.import {shop_id}")
            job.defer(shop_id=shop_id)
    except AlreadyEnqueued:
        pass  # it begins after this transaction, and finds what is due


def read_new(store: Store, watch: Watch | None = None) -> int:
    """Read what live changes made due: segments that are new, or have other rules. One that is only known by its number
    is given its name. How many segments were read. Raises as :func:`compare_all`."""
    if not sync_groups(Shop.objects.get(pk=store.shop_id)):
        return 0
    if in_shop(store.shop_id, pictures.any_unnamed):
        list_all(store)
    return read_due(store, watch or Watch())


def read_due(store: Store, watch: Watch) -> int:
    """Read the members of every segment that is due; how many segments. Raises as :func:`compare_all`.

    One that the store does not find is gone; one it cannot answer for is left as it is, with the reason.
    """
    count, size = 0, SEGMENT_MEMBERS_A_CALL
    while (reading := in_shop(store.shop_id, pictures.open_next)) is not None:
        try:
            size = _read(store, reading, size, watch)
        except ShopifyError as error:
            if error.temporary or error.code in _OF_THE_STORE:
                raise
            log.warning("shop %d: segment %d cannot be read: %s", store.shop_id, reading.segment_id, error)
            in_shop(store.shop_id, partial(_cannot_be_read, reading, error))
        count += 1
    return count


def _cannot_be_read(reading: Reading, error: ShopifyError) -> None:
    if error.code == "NOT_FOUND":
        assign.segments_gone([GoneFact(reading.segment_id, pictures.clock())])
    pictures.give_up(reading, "" if error.code == "NOT_FOUND" else f"Shopify: {error.message}")


def _read(store: Store, reading: Reading, size: int, watch: Watch) -> int:
    """Read what is left of one segment and compare it; how large a page the store gives."""
    while not reading.done:
        if watch.should_stop():
            raise Stopped
        try:
            page = _page(store, reading, size)
        except ShopifyError as error:
            if error.code != "MAX_COST_EXCEEDED" or size <= SMALLEST_PAGE:
                raise
            size //= 2  # what a page costs is Shopify's to say
            continue
        more = (number(page.get("totalCount")) or 0) - reading.expected if not reading.cursor else 0
        edges, following = read_page(MEMBERS, page)  # half an answer must not empty a group
        found = (numeric_id(mapping(edge.get("node")).get("id")) for edge in edges)
        customers = [customer_id for customer_id in found if customer_id is not None]
        brought = Progress(seen=len(customers), size=more)
        reading = in_shop(store.shop_id, partial(_keep, reading, customers, following, brought, watch))
        watch.after()
    _compare(store.shop_id, reading, watch)
    return size


def _keep(reading: Reading, customers: list[int], following: str | None, brought: Progress, watch: Watch) -> Reading:
    kept = pictures.keep_page(reading, customers, following)
    watch.told(brought)
    return kept


def _page(store: Store, reading: Reading, size: int) -> dict[str, Any]:
    variables = {"segmentId": f"{GID}{reading.segment_id}", "first": size, "after": reading.cursor or None}
    return mapping(store.graphql.run("segment_members", variables).get(MEMBERS))


def _compare(shop_id: int, reading: Reading, watch: Watch) -> None:
    def step(work: Callable[[Reading, int], pictures.Step], after: int, coming: bool) -> int | None:
        done = work(reading, after)
        watch.told(Progress(joined=done.changed) if coming else Progress(left=done.changed))
        return done.following

    in_shop(shop_id, partial(pictures.begin_comparing, reading))
    for work, coming in ((pictures.add, True), (pictures.remove, False)):
        after: int | None = 0
        while after is not None:
            after = in_shop(shop_id, partial(step, work, after, coming))
            watch.after()
    in_shop(shop_id, partial(pictures.end, reading))
