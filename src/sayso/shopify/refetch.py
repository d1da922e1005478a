"""Customers whose deliveries did not carry all facts, read again in folded batches.

A row of ``shopify_refetch`` says that a customer must be read after ``requested_at``. However often it is asked for
meanwhile, one reading is enough; asked for during the reading, it stays for another one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connection

from sayso.contacts.changes import ContactChange, Source
from sayso.contacts.models import Contact
from sayso.events.listen import Bell
from sayso.shops.tenancy import shop_context

from . import wire
from .client import ShopifyError
from .conflicts import in_shop
from .customers import apply_readings
from .documents import CUSTOMERS_A_CALL
from .models import Refetch
from .signin import SignInError
from .tokens import NotConnected, Store, open_store

log = logging.getLogger(__name__)

KIND = "customer"
BELL = "sayso_refetch"
POLL = 1.0  # seconds; rows that wait become due without a ring
FOLD = 0.3  # seconds; an act in the shop comes as several deliveries, which one reading answers
LEASE = 120  # seconds after which what a worker took is taken again: it died
MISSING_TWICE = 5  # seconds; a customer is held for deleted when the store does not find it for a second time
LONGEST_DELAY = 3600  # seconds


def request(shop_id: int, customer_ids: Iterable[int]) -> None:
    """Have customers read again, in the caller's transaction of the shop."""
    ids = sorted(set(customer_ids))  # always in the same order: two transactions then never wait for each other
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into shopify_refetch (shop_id, kind, shopify_id, requested_at, not_before)
            select %s, %s, id, clock_timestamp(), clock_timestamp() + make_interval(secs => %s)
            from unnest(%s::bigint[]) id
            on conflict (shop_id, kind, shopify_id) do update set requested_at = excluded.requested_at""",
            [shop_id, KIND, FOLD, ids],
        )
        cursor.execute("select pg_notify(%s, '')", [BELL])


def forget_all() -> None:
    """Nothing of the current shop is read again: its store is gone."""
    Refetch.objects.all().delete()


def run(stop: threading.Event) -> None:
    """Read again what is due until ``stop`` is set. Any number of workers may run this at once."""
    try:
        with Bell(BELL) as bell:
            while not stop.is_set():
                with connection.cursor() as cursor:
                    cursor.execute("select due_refetches()")
                    due = [shop_id for (shop_id,) in cursor.fetchall()]
                for shop_id in due:
                    if not stop.is_set():
                        one_batch(shop_id)
                if not due:
                    bell.wait(POLL)
    finally:
        connection.close()


def refetch_now(shop_id: int) -> int:
    """Read everything that waits, whenever it is due; returns how many readings that took. For commands and tests.

    Raises what the store or the database raises.
    """
    total = 0
    with open_store(shop_id) as store:
        while rows := _take(shop_id, due_only=False):
            _read(store, rows)
            total += len(rows)
    return total


def one_batch(shop_id: int) -> None:
    """Read one batch of a shop that is due. What cannot be read now is tried again later."""
    rows = _take(shop_id, due_only=True)
    if not rows:
        return
    try:
        with open_store(shop_id) as store:
            _read(store, rows)
    except (ShopifyError, SignInError, NotConnected) as error:
        log.warning("%d customers of shop %d could not be read again: %s", len(rows), shop_id, error)
        _back_off(shop_id, rows, str(error))
    except (OperationalError, InterfaceError):
        raise  # the database is gone or busy: what was taken is taken again later
    except DatabaseError as error:
        log.exception("customers of shop %d could not be applied", shop_id)
        _back_off(shop_id, rows, str(error))


@dataclass(frozen=True, slots=True)
class _Row:
    shopify_id: int
    requested_at: datetime
    attempts: int


_Done = tuple[_Row, list[wire.Reading]]


def _take(shop_id: int, *, due_only: bool) -> list[_Row]:
    """Take a batch for the time of a lease; the longest waiting first."""
    with shop_context(shop_id), connection.cursor() as cursor:
        cursor.execute(
            # Materialized: a join may run a plain sub-select again for each row, and each time find another hundred.
            """with due as materialized (
                select shop_id, id from shopify_refetch
                where kind = %s and (not %s or not_before <= clock_timestamp())
                order by requested_at limit %s for update skip locked
            )
            update shopify_refetch r set not_before = clock_timestamp() + make_interval(secs => %s)
            from due where r.shop_id = due.shop_id and r.id = due.id
            returning r.shopify_id, r.requested_at, r.attempts""",
            [KIND, due_only, CUSTOMERS_A_CALL, LEASE],
        )
        return [_Row(*row) for row in cursor.fetchall()]


def _read(store: Store, rows: Sequence[_Row]) -> None:
    ids = [row.shopify_id for row in rows]
    with shop_context(store.shop_id):
        known = _known(ids)
    answer = store.graphql.run("customer_nodes", {"ids": [f"gid://shopify/Customer/{number}" for number in ids]})
    nodes = answer.get("nodes")
    if not isinstance(nodes, list) or len(nodes) != len(rows):
        raise ShopifyError("BAD_ANSWER", "the store did not answer for every customer")
    done: list[_Done] = []
    missing, unread = [], []
    for row, node in zip(rows, nodes, strict=True):
        if node is None and row.attempts == 0:
            missing.append(row)
        elif node is None:
            gone = ContactChange(source=Source.SHOPIFY, shopify_customer_id=row.shopify_id, deleted=True)
            done.append((row, [(gone, [])]))
        else:
            try:
                done.append((row, _readings(node, known.get(row.shopify_id))))
            except msgspec.ValidationError as error:
                log.warning("customer %d of shop %d cannot be read: %s", row.shopify_id, store.shop_id, error)
                unread.append(row)
    try:
        _apply(store.shop_id, done)
    except DataError:
        # One of them holds what the database refuses: the others must not wait for it.
        for row, readings in done:
            try:
                _apply(store.shop_id, [(row, readings)])
            except DataError as error:
                _back_off(store.shop_id, [row], str(error))
    _back_off(store.shop_id, missing, "the store does not find it", delay=MISSING_TWICE)
    _back_off(store.shop_id, unread, "the store's answer is no customer")


@dataclass(frozen=True, slots=True)
class _Known:
    """What was held of a customer before the store was asked; its answer is newer than all of it."""

    sequence: int
    newest: datetime | None


def _known(customer_ids: Sequence[int]) -> dict[int, _Known]:
    rows = Contact.objects.filter(shopify_customer_id__in=customer_ids).values_list(
        "shopify_customer_id", "profile_sequence", "tags_at", "figures_at", "tag_changes"
    )
    return {
        customer_id: _Known(sequence, max((at for at in (tags_at, figures_at, *_times(changes)) if at), default=None))
        for customer_id, sequence, tags_at, figures_at, changes in rows
        if customer_id is not None
        if customer_id is not None
    }


def _times(tag_changes: dict[str, dict[str, Any]] | None) -> list[datetime]:
    return [datetime.fromtimestamp(change["at"] / 1_000_000, UTC) for change in (tag_changes or {}).values()]


def _readings(node: dict[str, Any], known: _Known | None) -> list[wire.Reading]:
    """The customer as read now.

    Shopify writes ``updatedAt`` in whole seconds, and the deliveries of tags and figures carry finer times, so that
    a reading could look older than what it already contains. What we held before asking is certainly in it: tags and
    figures count from that time on. By the store's clock alone; ours may be wrong.
    """
    sequence = wire.read_at()
    change, consents = wire.customer(node, sequence=max(sequence, known.sequence + 1) if known else sequence)
    if known is None or known.newest is None or change.at is None or known.newest <= change.at:
        return [(change, consents)]
    facts = ContactChange(
        source=change.source,
        at=known.newest,
        shopify_customer_id=change.shopify_customer_id,
        tags=change.tags,
        figures=change.figures,
    )
    return [(replace(change, tags=None, figures=None), consents), (facts, [])]


def _apply(shop_id: int, done: list[_Done]) -> None:
    def work() -> None:
        apply_readings([reading for _, readings in done for reading in readings])
        _forget([row for row, _ in done])

    if done:
        in_shop(shop_id, work)


def _forget(rows: Sequence[_Row]) -> None:
    """Those that nobody asked for meanwhile; the others are due at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """with answered as (select * from unnest(%s::bigint[], %s::timestamptz[]) a (shopify_id, requested_at)),
            gone as (
                delete from shopify_refetch r using answered a
                where r.kind = %s and r.shopify_id = a.shopify_id and r.requested_at = a.requested_at
                returning r.shopify_id)
            update shopify_refetch r set not_before = clock_timestamp(), attempts = 0, error = '' from answered a
            where r.kind = %s and r.shopify_id = a.shopify_id and r.requested_at <> a.requested_at""",
            [[row.shopify_id for row in rows], [row.requested_at for row in rows], KIND, KIND],
        )


def _back_off(shop_id: int, rows: Sequence[_Row], error: str, *, delay: float | None = None) -> None:
    if not rows:
        return
    seconds = delay or min(2.0 ** (1 + max(row.attempts for row in rows)), LONGEST_DELAY)
    with shop_context(shop_id), connection.cursor() as cursor:
        cursor.execute(
            """update shopify_refetch set attempts = least(attempts + 1, 30000), error = %s,
            not_before = clock_timestamp() + make_interval(secs => %s)
            where kind = %s and shopify_id = any(%s)""",
            [error[:500], seconds, KIND, [row.shopify_id for row in rows]],
        )
