"""Importing what a store holds: a bulk operation, its file read as a stream, applied chunk by chunk.

Each chunk is one transaction together with the offset it reaches, so a process may die at any instant: the next one
goes on behind the last chunk that was committed, and nothing is applied twice. Customers are applied by two
connections, see :mod:`.abreast`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone
from procrastinate.contrib.django import app

from sayso.channels.base_url import ForbiddenAddress
from sayso.events.listen import Bell
from sayso.shops.tenancy import shop_context

from . import documents, options
from .abreast import Turns, apply_abreast, in_turn
from .bulk import BulkError
from .client import ShopifyError, payload
from .conflicts import in_shop
from .customers import Counts
from .import_kinds import KINDS, Kind
from .models import Connection, SyncRun
from .pipeline import Chunk, chunks
from .scopes import may
from .signin import SignInError
from .tokens import NotConnected, Store, open_store
from .values import mapping, mappings, number, text

log = logging.getLogger(__name__)

JOB = "shopify.import"
BELL = "sayso_bulk"  # rung by the delivery that says a bulk operation ended
FIRST_POLL, LONGEST_POLL = 0.1, 10.0  # seconds
STATISTICS_AFTER = frozenset({1, 4, 16, 64})  # chunks; the planner knows nothing of fresh rows
OPEN = (SyncRun.Status.NOT_STARTED, SyncRun.Status.IN_PROGRESS)

Hook = Callable[[int], None]


class Interrupted(Exception):
    """The import cannot go on now and is to be run again later; it continues where it stopped."""


class Overtaken(Exception):
    """Another process goes on with the same import."""


def start(shop_id: int, kinds: Sequence[str] | None = None) -> list[int]:
    """Queue imports and return the ids of their :class:`SyncRun`. One that has not ended yet is answered, not doubled.

    Without ``kinds`` all that the app may read; customers are left out where the shop does not take contacts from its
    store. Imports of a shop run one after the other, in this order. Raises KeyError for an unknown kind.
    """
    ids = []
    with shop_context(shop_id):
        kinds = allowed_kinds() if kinds is None else kinds
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(5174, %s)", [shop_id % 2**31])
        for kind in kinds:
            if kind == "customers" and not options.syncing():
                continue
            run_id = SyncRun.objects.filter(kind=KINDS[kind].name, status__in=OPEN).values_list("pk", flat=True).first()
            ids.append(run_id or SyncRun.objects.create(shop_id=shop_id, kind=kind).pk)
            if not run_id:
                job = app.configure_task(JOB, lock=f"{JOB} {shop_id}")
                job.defer(shop_id=shop_id, sync_run_id=ids[-1])
    return ids


def allowed_kinds() -> list[str]:
    """The kinds for which the current shop's app has the scope, in their order; all where it did not say what it has."""
    scopes = Connection.objects.order_by("id").values_list("scopes", flat=True).first()
    return [kind.name for kind in KINDS.values() if may(scopes or [], kind.scope)]


def run(
    shop_id: int,
    sync_run_id: int,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    after_chunk: Hook = lambda number: None,
) -> SyncRun.Status:
    """Carry an import through, from wherever it stands, and return how it stands now.

    What cannot be mended by waiting ends it with status ERROR and a sentence. ``should_stop`` is asked between chunks;
    ``after_chunk`` gets the number of chunks committed by this call. Raises :class:`Interrupted` where it is worth
    trying later, and :class:`Overtaken`.
    """
    with shop_context(shop_id):
        row = SyncRun.objects.get(pk=sync_run_id)
        if row.status not in OPEN:
            return SyncRun.Status(row.status)
        _update(row.pk, status=SyncRun.Status.IN_PROGRESS, error="")
    kind = KINDS[row.kind]
    try:
        with open_store(shop_id) as store:
            operation = await_operation(store, row, kind, should_stop)
            _apply_file(store, row, kind, operation, should_stop, after_chunk)
        in_shop(shop_id, kind.conclude)
    except (ShopifyError, SignInError) as error:
        if getattr(error, "temporary", error.code == "UNREACHABLE"):
            _note(row, str(error))
            raise Interrupted(str(error)) from error
        return fail(shop_id, sync_run_id, f"Shopify refused: {error.message}.")
    except (BulkError, NotConnected, ForbiddenAddress) as error:
        return fail(shop_id, sync_run_id, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    with shop_context(shop_id):
        _update(row.pk, status=SyncRun.Status.COMPLETE, finished_at=timezone.now(), error="")
    return SyncRun.Status.COMPLETE


def fail(shop_id: int, sync_run_id: int, sentence: str) -> SyncRun.Status:
    """End an import for good, saying why."""
    with shop_context(shop_id):
        SyncRun.objects.filter(pk=sync_run_id, status__in=OPEN).update(
            status=SyncRun.Status.ERROR, error=sentence, finished_at=timezone.now(), heartbeat_at=timezone.now()
        )
    return SyncRun.Status.ERROR


def _update(run_id: int, **fields: Any) -> None:
    SyncRun.objects.filter(pk=run_id).update(heartbeat_at=timezone.now(), **fields)


def _note(row: SyncRun, error: str) -> None:
    with shop_context(row.shop_id):
        _update(row.pk, error=error)


# The bulk operation


def await_operation(store: Store, row: SyncRun, kind: Kind, should_stop: Callable[[], bool]) -> dict[str, Any]:
    """The finished operation, as the store tells it; started if there is none, or if its file is no longer kept."""
    with Bell(BELL) as bell:
        if not row.operation_id:
            _start_operation(store, row, kind)
        pause = FIRST_POLL
        while True:
            operation = mapping(store.graphql.run("bulk_poll", {"id": row.operation_id}).get("bulkOperation"))
            status = text(operation.get("status")) or "EXPIRED"
            with shop_context(row.shop_id):
                _update(row.pk, total=number(operation.get("rootObjectCount")))
            if status == "COMPLETED":
                return operation
            if status == "EXPIRED":
                _start_operation(store, row, kind)
            elif status not in {"CREATED", "RUNNING", "CANCELING"}:
                reason = text(operation.get("errorCode")) or status
                raise BulkError(f"the store could not finish the bulk operation ({reason})")
            if should_stop():
                raise Interrupted("stopped")
            bell.wait(pause)
            pause = min(pause * 1.5, LONGEST_POLL)


def _start_operation(store: Store, row: SyncRun, kind: Kind) -> None:
    """Run the bulk query; a new operation has a new file, which is read from its beginning."""
    query = documents.inline(kind.document)
    try:
        answer = store.graphql.run("bulk_run", {"query": query, "groupObjects": kind.grouped})
        operation = mapping(payload(answer, "bulkOperationRunQuery").get("bulkOperation"))
    except ShopifyError as error:
        if error.code != "OPERATION_IN_PROGRESS":
            raise
        # Our own of an attempt that died before it could write the id down, or those of others: then we wait.
        running = mappings(mapping(store.graphql.run("bulk_running").get("bulkOperations")).get("nodes"))
        ours = [node for node in running if (text(node.get("query")) or "").split() == query.split()]
        if not ours:
            raise Interrupted("the store runs as many bulk operations as it allows") from error
        operation = ours[0]
    operation_id = text(operation.get("id"))
    if operation_id is None:
        raise BulkError("the store did not say which bulk operation it began")
    row.operation_id, row.position = operation_id, 0
    with shop_context(row.shop_id):
        _update(row.pk, operation_id=operation_id, position=0, seen=0, created=0, updated=0, invalid=0)


# The file


def _apply_file(
    store: Store,
    row: SyncRun,
    kind: Kind,
    operation: dict[str, Any],
    should_stop: Callable[[], bool],
    after_chunk: Hook,
) -> None:
    url = text(operation.get("url"))
    if url is None:  # the operation found nothing
        return

    def unless_stopped(arriving: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in arriving:
            if should_stop():
                raise Interrupted("stopped")
            yield chunk

    def after(done: int) -> None:
        if done in STATISTICS_AFTER:
            with connection.cursor() as cursor:
                cursor.execute("select refresh_statistics()")
        after_chunk(done)

    with chunks(url, kind, offset=row.position, sandbox=store.sandbox) as arriving:
        if kind.abreast == 1 or connection.in_atomic_block:  # others would not see what the caller has not committed
            for done, chunk in enumerate(unless_stopped(arriving), start=1):
                in_shop(row.shop_id, partial(_apply_chunk, row, kind, chunk))
                after(done)
        else:
            apply_abreast(unless_stopped(arriving), partial(_in_turn, row, kind), after, abreast=kind.abreast)


def _in_turn(row: SyncRun, kind: Kind, turns: Turns, number: int, chunk: Chunk) -> None:
    work = partial(_apply_chunk, row, kind, chunk, lambda: turns.wait(number))
    in_turn(turns, number, lambda: in_shop(row.shop_id, work, attempts=1), lambda: in_shop(row.shop_id, work))


def _apply_chunk(row: SyncRun, kind: Kind, chunk: Chunk, await_turn: Callable[[], None] = lambda: None) -> None:
    """One chunk and the offset behind it, in the caller's transaction. ``await_turn`` returns when everything before the
    chunk is committed."""
    _still_ours(row, SyncRun.objects.get(pk=row.pk), up_to=chunk.start)
    counts = kind.apply(chunk.items) + Counts(seen=chunk.bad, invalid=chunk.bad)
    await_turn()
    held = SyncRun.objects.select_for_update().get(pk=row.pk)
    _still_ours(row, held, up_to=chunk.start)
    if held.position != chunk.start:
        raise Overtaken(f"import {row.pk} stands at byte {held.position}, not {chunk.start}")
    _update(
        row.pk,
        position=chunk.end,
        seen=F("seen") + counts.seen,
        created=F("created") + counts.created,
        updated=F("updated") + counts.updated,
        invalid=F("invalid") + counts.invalid,
    )


def _still_ours(row: SyncRun, held: SyncRun, *, up_to: int) -> None:
    if (held.operation_id, held.status) != (row.operation_id, SyncRun.Status.IN_PROGRESS) or held.position > up_to:
        raise Overtaken(f"import {row.pk} stands at byte {held.position} of {held.operation_id}, not {up_to}")
