"""Consumers of the event log: what happens because something happened, in its own time.

A consumer reads each shop's events in the order of their transactions, at least once, and never past an event of a
transaction that is still open (decision: *Event log cursor*). Position and effects are one transaction, so an effect
inside the database happens once; a worker that dies leaves both undone. Any number of workers may run: one at a time has
a shop's cursor. An event that cannot be handled is tried again with growing delays and holds up that consumer in that
shop alone. Events of imports (``bulk``) are not offered.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from sayso.shops.tenancy import shop_context

log = logging.getLogger("sayso.consumers")

BATCH = 1_000
IDLE = 0.5  # seconds between looks where nothing is due
LONGEST_DELAY = 300.0  # seconds between two tries of an event that fails


@dataclass(frozen=True, slots=True)
class Seen:
    """One event, as a consumer gets it."""

    id: int
    kind: str
    contact_id: int | None
    occurred_at: datetime
    actor_kind: str
    origin: str
    data: dict[str, Any]


Handler = Callable[[Sequence[Seen]], None]
"""Runs in a transaction of the shop. Whatever it does outside the database may be done twice."""


@dataclass(frozen=True, slots=True)
class Consumer:
    name: str
    kinds: frozenset[str]
    handle: Handler


_consumers: dict[str, Consumer] = {}


def consumer(name: str, *kinds: str) -> Callable[[Handler], Handler]:
    """Register a handler for events of these kinds, when Django starts. Names are kept in the database: never reuse one."""

    def register(handle: Handler) -> Handler:
        _consumers[name] = Consumer(name, frozenset(kinds), handle)
        return handle

    return register


def run(stop: threading.Event) -> None:
    """Feed all consumers of all shops until ``stop`` is set."""
    while not stop.is_set():
        progressed = 0
        for name, shop_id in due():
            if stop.is_set():
                return
            progressed += advance(name, shop_id)
        if not progressed:
            stop.wait(IDLE)


def due(names: Iterable[str] | None = None) -> list[tuple[str, int]]:
    """(consumer, shop) where something waits to be read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select consumer, shop_id from due_consumers(%s)", [list(_consumers if names is None else names)]
        )
        return cursor.fetchall()


def advance(name: str, shop_id: int) -> int:
    """Take up one consumer's next events of one shop; how many were read. 0 also where another worker has them, or the
    handler failed: that is logged, and tried again later."""
    try:
        with shop_context(shop_id):
            return _step(_consumers[name])
    except (OperationalError, InterfaceError):
        raise  # the database is away: the worker's affair
    except Exception:
        log.exception("consumer %s failed on the next events of shop %d, and tries again", name, shop_id)
        with shop_context(shop_id):
            _put_off(name)
        return 0


def _step(consumer: Consumer) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into event_cursor (shop_id, consumer) values (current_shop(), %s) on conflict do nothing",
            [consumer.name],
        )
        cursor.execute(
            """select (case when xid < pg_snapshot_xmax(pg_current_snapshot()) then xid else '0' end)::text, event_id,
                failures from event_cursor
            where consumer = %s and (not_before is null or not_before <= now()) for update skip locked""",
            [consumer.name],
        )
        position = cursor.fetchone()
        if position is None:
            return 0
        xid, event_id, failures = position
        cursor.execute(
            """select id, xid::text as transaction, kind, contact_id, occurred_at, actor_kind, origin,
                case when kind = any(%s) then data::text end
            from event where shop_id = current_shop() and not bulk and (xid, id) > (%s::xid8, %s)
            and xid < pg_snapshot_xmin(pg_current_snapshot()) order by event.xid, event.id limit %s""",
            # One that failed is tried alone, so that those before it get through.
            [sorted(consumer.kinds), xid, event_id, 1 if failures else BATCH],
        )
        rows = cursor.fetchall()
        if not rows:
            return 0
        wanted = [_seen(row) for row in rows if row[2] in consumer.kinds]
        if wanted:
            consumer.handle(wanted)
        cursor.execute(
            "update event_cursor set xid = %s::xid8, event_id = %s, failures = 0, not_before = null where consumer = %s",
            [rows[-1][1], rows[-1][0], consumer.name],
        )
    return len(rows)


def _seen(row: tuple) -> Seen:
    event_id, _, kind, contact_id, occurred_at, actor_kind, origin, data = row
    return Seen(event_id, kind, contact_id, occurred_at, actor_kind, origin, json.loads(data))


def _put_off(name: str) -> None:
    """Note the failure. The first one shrinks the batch to one event; delays grow from then on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into event_cursor as c (shop_id, consumer, failures) values (current_shop(), %s, 1)
            on conflict (shop_id, consumer) do update set failures = c.failures + 1,
                not_before = now() + make_interval(secs => least(%s, power(2, least(c.failures, 12)) - 1))""",
            [name, LONGEST_DELAY],
        )
