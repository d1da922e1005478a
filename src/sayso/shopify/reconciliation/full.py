"""A comparison of everything: a bulk file read as a stream, and what is held that the file does not have.

A chunk of the file is laid beside what is held; what differs is applied from the file where the file is newer, and read
again by id where that does not settle it. Ids go to ``staging.reconcile_listed`` with the position, in one transaction.
What is held and was not listed is asked for by id before it counts as vanished, so nothing is removed for the age of a
file or a line that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection, transaction

from sayso.events.listen import Bell
from sayso.shops import staging
from sayso.shops.tenancy import shop_context

from ..conflicts import REFUSED, in_shop, is_conflict
from ..connection.scopes import ask as ask_scopes
from ..connection.scopes import granted
from ..connection.tokens import Store
from ..importing.bulk import BulkError
from ..importing.kinds import KINDS
from ..importing.operations import BELL, ask
from ..importing.pipeline import Chunk, chunks
from ..importing.runs import Interrupted, Overtaken
from ..models import SyncStep
from ..values import mapping, text
from .mend import Work, being_told, differs, findings, read_again, record
from .window import advance

FIRST_POLL, LONGEST_POLL = 0.1, 10.0  # seconds between two looks at a bulk operation
READ_A_TIME = 500  # ids held that were not listed, looked up at once


def compare_all(
    store: Store,
    work: Work,
    step: SyncStep,
    *,
    sees_all: bool,
    should_stop: Callable[[], bool],
    after_part: Callable[[], None],
) -> None:
    """Carry a full comparison through, from wherever it stands. Raises as :func:`.window.read_window` does,
    and :class:`..importing.bulk.BulkError`."""
    kind = KINDS[work.subject.name]
    url = _finished(store, work, step, should_stop)
    if url is not None:
        with chunks(url, kind, offset=step.position, sandbox=store.sandbox) as arriving:
            for chunk in arriving:
                if should_stop():
                    raise Interrupted("stopped")
                left = in_shop(work.shop_id, partial(_compare_chunk, work, chunk))
                read_again(store, work, left)
                in_shop(work.shop_id, partial(_list_chunk, work, step, chunk))
                after_part()
    with shop_context(work.shop_id):
        listed = _listed(step)
    if listed != step.seen:  # the server crashed, and with it went what it had not to keep
        with shop_context(work.shop_id):
            begin_again(step, work)
        raise Interrupted("the list of what the store holds was lost in a crash; it is made again")
    _remove_vanished(store, work, step, sees_all and _sees_all_now(store, work), should_stop)
    in_shop(work.shop_id, partial(_conclude, work, step, kind.conclude))


def begin_again(step: SyncStep, work: Work) -> None:
    """Forget how far the step got; in the shop's transaction."""
    if step.listing is not None:
        staging.drop_run(step.listing, "reconcile_listed")
    SyncStep.objects.filter(pk=step.pk).update(operation_id="", position=0, seen=0, listing=None)
    step.operation_id, step.position, step.seen, step.listing = "", 0, 0, None


def _compare_chunk(work: Work, chunk: Chunk) -> list[int]:
    """Mend what the file can mend; answers the ids that have to be read again."""
    subject = work.subject
    things: dict[int, Any] = {}
    wholes: dict[int, Any] = {}
    for thing in chunk.items:
        picture = subject.from_file(thing)
        number = subject.id_of(picture)
        things[number], wholes[number] = thing, picture
    compared = dict(zip(wholes, subject.compare(list(wholes.values())), strict=True))
    wrong = {number: found for number, found in compared.items() if differs(found)}
    live = being_told(work, {number: wholes[number] for number in wrong})
    wrong = {number: found for number, found in wrong.items() if number not in live}
    if not wrong:
        return []
    try:
        with transaction.atomic():
            KINDS[subject.name].apply([things[number] for number in wrong])
    except REFUSED as error:  # one of them cannot be stored: read by id, each can be looked at by itself
        if is_conflict(error):
            raise
        return list(wrong)
    again = dict(zip(wrong, subject.compare([wholes[number] for number in wrong]), strict=True))
    settled = {number: found for number, found in wrong.items() if not again[number].differences}
    record(work, findings(work, settled, again, {number: subject.at_of(wholes[number]) for number in settled}))
    return [number for number in wrong if number not in settled]


def _list_chunk(work: Work, step: SyncStep, chunk: Chunk) -> None:
    ids = {number for thing in chunk.items if (number := work.subject.listed_id(thing)) is not None}
    staging.copy_in("reconcile_listed", ("run", "shopify_id"), (f"{step.listing}\t{number}" for number in ids))
    advance(step, work, seen=len(ids), position=chunk.end)


def _listed(step: SyncStep) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from staging.reconcile_listed where run = %s", [step.listing])
        found: int = cursor.fetchone()[0]
    return found


def _sees_all_now(store: Store, work: Work) -> bool:
    """Whether the app is certainly shown all there is. A permission that was taken back since the last look hides orders as
    if they had been deleted, and a deletion is for ever; so it is asked for here, and not knowing is no."""
    needed = work.subject.full_scope
    return needed is None or needed in granted(ask_scopes(store))


def _remove_vanished(store: Store, work: Work, step: SyncStep, sees_all: bool, should_stop: Callable[[], bool]) -> None:
    after = 0
    while True:
        if should_stop():
            raise Interrupted("stopped")
        with shop_context(work.shop_id):
            ids = work.subject.vanished(step.listing or 0, after, READ_A_TIME, sees_all)
        if not ids:
            return
        read_again(store, work, ids)
        after = ids[-1]


def _conclude(work: Work, step: SyncStep, conclude: Callable[[], object]) -> None:
    conclude()
    SyncStep.objects.filter(pk=step.pk).update(difference=work.subject.deleted_here(step.listing or 0))
    staging.drop_run(step.listing or 0, "reconcile_listed")


# The bulk operation


def _finished(store: Store, work: Work, step: SyncStep, should_stop: Callable[[], bool]) -> str | None:
    """Where the file is; None if the store holds nothing. Begins the operation, again if its file is no longer kept."""
    with Bell(BELL) as bell:
        pause = FIRST_POLL
        while True:
            if not step.operation_id:
                _start(store, work, step)
            operation = mapping(store.graphql.run("bulk_poll", {"id": step.operation_id}).get("bulkOperation"))
            status = text(operation.get("status")) or "EXPIRED"
            if status == "COMPLETED":
                return text(operation.get("url"))
            if status == "EXPIRED":
                with shop_context(work.shop_id):
                    begin_again(step, work)
                continue
            if status not in {"CREATED", "RUNNING", "CANCELING"}:
                with shop_context(work.shop_id):
                    begin_again(step, work)
                raise BulkError(
                    f"the store could not finish the bulk operation ({text(operation.get('errorCode')) or status})"
                )
            if should_stop():
                raise Interrupted("stopped")
            bell.wait(pause)
            pause = min(pause * 1.5, LONGEST_POLL)


def _start(store: Store, work: Work, step: SyncStep) -> None:
    # A file of its own: one that was begun before may be older than what this comparison has to find.
    operation_id = ask(store, KINDS[work.subject.name], adopt=False)
    with shop_context(work.shop_id):
        held = SyncStep.objects.select_for_update().get(pk=step.pk)
        if held.operation_id:
            raise Overtaken(f"step {step.pk} of reconciliation {work.run_id} goes on elsewhere")
        step.operation_id, step.position, step.seen, step.listing = operation_id, 0, 0, staging.new_run()
        SyncStep.objects.filter(pk=step.pk).update(operation_id=operation_id, position=0, seen=0, listing=step.listing)
