"""What deliveries did not carry whole, read again in folded batches.

A row of ``shopify_refetch`` says that one thing of a kind (:data:`.kinds.KINDS`: a customer, a product …) must be
read after ``requested_at``. However often it is asked for meanwhile, one reading is enough; asked for during the reading,
it stays for another one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from sayso.events.listen import Bell
from sayso.intake.failure import describe
from sayso.shops.tenancy import shop_context

from .. import options
from ..conflicts import in_shop_apart
from ..connection.client import ShopifyError
from ..connection.signin import SignInError
from ..connection.tokens import NotConnected, Store, open_store
from ..models import Refetch
from .kinds import KINDS, Kind

log = logging.getLogger(__name__)

BELL = "sayso_refetch"
POLL = 1.0  # seconds; rows that wait become due without a ring
FOLD = 0.3  # seconds; an act in the shop comes as several deliveries, which one reading answers
LEASE = 120  # seconds after which what a worker took is taken again: it died
MISSING_TWICE = 5  # seconds; a thing is held for deleted when the store does not find it for a second time
NOT_FOUND = "the store does not find it"
LONGEST_DELAY = 3600  # seconds


def request(shop_id: int, shopify_ids: Iterable[int], *, kind: str = "customer") -> None:
    """Have things of a kind read again, in the caller's transaction of the shop; customers only where it takes contacts
    from its store. Raises KeyError for an unknown kind."""
    ids = sorted(set(shopify_ids))  # always in the same order: two transactions then never wait for each other
    name = KINDS[kind].name
    if not ids or (kind == "customer" and not options.syncing()):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into shopify_refetch (shop_id, kind, shopify_id, requested_at, not_before)
            select %s, %s, id, clock_timestamp(), clock_timestamp() + make_interval(secs => %s)
            from unnest(%s::bigint[]) id
            on conflict (shop_id, kind, shopify_id) do update set requested_at = excluded.requested_at""",
            [shop_id, name, FOLD, ids],
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
        while done := sum(_read_some(store, kind) for kind in KINDS.values()):
            total += done
    return total


def one_batch(shop_id: int) -> None:
    """Read one batch of each kind that is due in a shop. What cannot be read now is tried again later."""
    for kind in KINDS.values():
        rows = _take(shop_id, kind, due_only=True)
        if not rows:
            continue
        try:
            with open_store(shop_id) as store:
                _read(store, kind, rows)
        except (ShopifyError, SignInError, NotConnected) as error:
            log.warning("%d %ss of shop %d could not be read again: %s", len(rows), kind.name, shop_id, error)
            _back_off(shop_id, kind, rows, str(error))
        except (OperationalError, InterfaceError):
            raise  # the database is gone or busy: what was taken is taken again later
        except DatabaseError as error:
            log.error("%ss of shop %d could not be applied: %s", kind.name, shop_id, describe(error))
            _back_off(shop_id, kind, rows, describe(error))


@dataclass(frozen=True, slots=True)
class _Row:
    shopify_id: int
    requested_at: datetime
    attempts: int
    missed: bool  # the store was asked before, and did not find it


_Done = tuple[_Row, list[Any]]


def _take(shop_id: int, kind: Kind, *, due_only: bool) -> list[_Row]:
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
            returning r.shopify_id, r.requested_at, r.attempts, r.error = %s""",
            [kind.name, due_only, kind.a_call, LEASE, NOT_FOUND],
        )
        return [_Row(*row) for row in cursor.fetchall()]


def _read_some(store: Store, kind: Kind) -> int:
    rows = _take(store.shop_id, kind, due_only=False)
    if rows:
        _read(store, kind, rows)
    return len(rows)


def _read(store: Store, kind: Kind, rows: Sequence[_Row]) -> None:
    ids = [row.shopify_id for row in rows]
    with shop_context(store.shop_id):
        known, surely_gone = kind.known(ids), kind.surely_gone(ids)
    wanted = {**kind.variables, "ids": [f"gid://shopify/{kind.type}/{number}" for number in ids]}
    nodes = store.graphql.run(kind.document, wanted).get("nodes")
    if not isinstance(nodes, list) or len(nodes) != len(rows):
        raise ShopifyError("BAD_ANSWER", f"the store did not answer for every {kind.name}")
    done: list[_Done] = []
    missing, unread = [], []
    for row, node in zip(rows, nodes, strict=True):
        held = known.get(row.shopify_id)
        if node is None and not row.missed and row.shopify_id not in surely_gone:
            missing.append(row)
        elif node is None:
            done.append((row, kind.gone(row.shopify_id, held)))
        else:
            try:
                done.append((row, kind.readings(store, node, held)))
            except (msgspec.ValidationError, ValueError) as error:
                log.warning("%s %d of shop %d cannot be read: %s", kind.name, row.shopify_id, store.shop_id, error)
                unread.append(row)
    _apply(store.shop_id, kind, done)
    _back_off(store.shop_id, kind, missing, NOT_FOUND, delay=MISSING_TWICE)
    _back_off(store.shop_id, kind, unread, f"the store's answer is no {kind.name}")


def _apply(shop_id: int, kind: Kind, done: list[_Done]) -> None:
    def work(done: Sequence[_Done]) -> None:
        kind.apply([reading for _, readings in done for reading in readings])
        _forget(kind, [row for row, _ in done])
        kind.then([row.shopify_id for row, _ in done])

    def refused(one: _Done, error: Exception) -> None:
        log.warning("%s %d of shop %d cannot be stored: %s", kind.name, one[0].shopify_id, shop_id, describe(error))
        _back_off(shop_id, kind, [one[0]], describe(error))

    if done:
        in_shop_apart(shop_id, done, work, refused)


def _forget(kind: Kind, rows: Sequence[_Row]) -> None:
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
            [[row.shopify_id for row in rows], [row.requested_at for row in rows], kind.name, kind.name],
        )


def _back_off(shop_id: int, kind: Kind, rows: Sequence[_Row], error: str, *, delay: float | None = None) -> None:
    if not rows:
        return
    seconds = delay or min(2.0 ** (1 + max(row.attempts for row in rows)), LONGEST_DELAY)
    with shop_context(shop_id), connection.cursor() as cursor:
        cursor.execute(
            """update shopify_refetch set attempts = least(attempts + 1, 30000), error = %s,
            not_before = clock_timestamp() + make_interval(secs => %s)
            where kind = %s and shopify_id = any(%s)""",
            [error[:500], seconds, kind.name, [row.shopify_id for row in rows]],
        )
