"""Importing what a store holds: a bulk operation, its file read as a stream, applied chunk by chunk.

Each chunk is one transaction together with the offset it reaches and its part of the report, so a process may die at
any instant: the next one goes on behind the last chunk that was committed, and nothing is applied twice. Customers are
applied by two connections, see :mod:`.abreast`. A dry run goes the same way, and keeps of each chunk the report alone.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from sayso.audience import pictures
from sayso.shops.tenancy import shop_context

from ..conflicts import in_shop
from ..connection.tokens import Store
from ..models import SyncRun
from ..segments import Progress, Stopped, Watch
from ..values import text
from . import operations, reports
from .abreast import Turns, apply_abreast, in_turn
from .bulk import LinkExpired, Root, Unread
from .jobs import bring_to_end
from .kinds import KINDS, PAGED_KINDS, Kind, PagedKind
from .operations import BELL, await_operation
from .pipeline import Chunk, chunks
from .runs import JOB, OPEN, Interrupted, Overtaken, allowed_kinds, fail, start, update

__all__ = [
    "BELL",
    "JOB",
    "OPEN",
    "Interrupted",
    "Overtaken",
    "allowed_kinds",
    "await_operation",
    "fail",
    "run",
    "start",
]

log = logging.getLogger(__name__)

STATISTICS_AFTER = frozenset({1, 4, 16, 64})  # chunks; the planner knows nothing of fresh rows, where there are any

Hook = Callable[[int], None]


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

    def work(store: Store, row: SyncRun) -> None:
        kind = KINDS.get(row.kind) or PAGED_KINDS[row.kind]
        if isinstance(kind, PagedKind):
            _carry_pages(store, row, kind, should_stop, after_chunk)
        else:
            fresh = operations.start_together(store, row)
            _carry_file(store, row, kind, should_stop, after_chunk, fresh=fresh)
        if row.trigger != SyncRun.Trigger.DRY_RUN:
            in_shop(shop_id, kind.conclude)

    return bring_to_end(shop_id, sync_run_id, work)


# Pages


def _carry_pages(
    store: Store, row: SyncRun, kind: PagedKind, should_stop: Callable[[], bool], after_chunk: Hook
) -> None:
    """``position`` is 1 from the moment on that it is known what is to be read."""
    chunks_done = itertools.count(1)

    def told(progress: Progress) -> None:  # in the transaction that brought it
        total = Coalesce(F("total"), 0) + progress.size
        update(
            row.pk,
            position=1,
            total=Greatest(total, F("seen") + progress.seen),
            seen=F("seen") + progress.seen,
            created=F("created") + progress.joined,
            updated=F("updated") + progress.left,
        )

    try:
        watch = Watch(should_stop, told, lambda: after_chunk(next(chunks_done)))
        kind.carry(store, anew=row.position == 0, watch=watch)
    except Stopped as error:
        raise Interrupted("stopped") from error
    except pictures.Overtaken as error:
        raise Overtaken(str(error)) from error


# Files


def _carry_file(
    store: Store, row: SyncRun, kind: Kind, should_stop: Callable[[], bool], after_chunk: Hook, *, fresh: bool
) -> None:
    """Apply the file to its end. A link that no longer holds is asked for again, and the reading goes on at the byte
    where it stopped; where that does not help the operation is run again."""
    failures = 0
    while True:
        operation = await_operation(store, row, kind, should_stop, fresh=fresh)
        try:
            return _apply_file(store, row, kind, operation, should_stop, after_chunk)
        except LinkExpired:
            with shop_context(row.shop_id):
                position = SyncRun.objects.values_list("position", flat=True).get(pk=row.pk)
            failures = 1 if position > row.position else failures + 1
            if failures > 2:
                raise
            row.position, fresh = position, failures == 2
            if fresh:
                operations.start(store, row, kind)
            log.info("the link to the file of import %d expired at byte %d and is asked for again", row.pk, position)


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
            with shop_context(row.shop_id):
                fresh = SyncRun.objects.get(pk=row.pk).created > 0
            if fresh:
                with connection.cursor() as cursor:
                    cursor.execute("select refresh_statistics()")
        after_chunk(done)

    with chunks(url, _lenient(kind), offset=row.position, sandbox=store.sandbox) as arriving:
        if kind.abreast == 1 or connection.in_atomic_block:  # others would not see what the caller has not committed
            for done, chunk in enumerate(unless_stopped(arriving), start=1):
                in_shop(row.shop_id, partial(_apply_chunk, row, kind, chunk))
                after(done)
        else:
            apply_abreast(unless_stopped(arriving), partial(_in_turn, row, kind), after, abreast=kind.abreast)


def _lenient(kind: Kind) -> Kind:
    """The kind with a reader that answers for what it cannot read instead of refusing it: the report tells of it."""

    def read(root: Root[Any]) -> Any:
        if isinstance(root, Unread):
            return reports.unreadable(root.bad.line, root.bad.reason)
        try:
            return kind.read(root)
        except ValueError as error:
            return reports.unreadable(str(getattr(root.node, "id", "")).encode(), str(error))

    return replace(kind, read=read)


def _in_turn(row: SyncRun, kind: Kind, turns: Turns, number: int, chunk: Chunk) -> None:
    work = partial(_apply_chunk, row, kind, chunk, lambda: turns.wait(number))
    in_turn(turns, number, lambda: in_shop(row.shop_id, work, attempts=1), lambda: in_shop(row.shop_id, work))


def _apply_chunk(row: SyncRun, kind: Kind, chunk: Chunk, await_turn: Callable[[], None] = lambda: None) -> None:
    """One chunk, its part of the report and the offset behind it, in the caller's transaction. ``await_turn`` returns
    when everything before the chunk is committed."""
    _still_ours(row, SyncRun.objects.get(pk=row.pk), up_to=chunk.start)
    done = reports.carry_out(kind, chunk.items, dry=row.trigger == SyncRun.Trigger.DRY_RUN)
    await_turn()
    held = SyncRun.objects.select_for_update().get(pk=row.pk)
    _still_ours(row, held, up_to=chunk.start)
    if held.position != chunk.start:
        raise Overtaken(f"import {row.pk} stands at byte {held.position}, not {chunk.start}")
    reports.keep(row.pk, done, position=chunk.end)


def _still_ours(row: SyncRun, held: SyncRun, *, up_to: int) -> None:
    if (held.operation_id, held.status) != (row.operation_id, SyncRun.Status.IN_PROGRESS) or held.position > up_to:
        raise Overtaken(f"import {row.pk} stands at byte {held.position} of {held.operation_id}, not {up_to}")
