"""Bulk operations of the store: asked for together, waited for one by one.

Source: Shopify, *Perform bulk operations*: at most five at a time of one app in one shop; links to their files hold
seven days.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sayso.events.listen import Bell
from sayso.shops.tenancy import shop_context

from .. import documents
from ..connection.client import ShopifyError, payload
from ..connection.tokens import Store
from ..models import SyncRun
from ..values import mapping, mappings, number, text
from .bulk import BulkError
from .kinds import KINDS, Kind
from .runs import OPEN, Interrupted, update

log = logging.getLogger(__name__)

BELL = "sayso_bulk"  # rung by the delivery that says a bulk operation ended
FIRST_POLL, LONGEST_POLL = 0.1, 10.0  # seconds
AT_A_TIME = 5
BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
"""Both say that as many run as may, and that waiting helps."""


def start_together(store: Store, row: SyncRun) -> bool:
    """Ask for the files of all imports of the shop that wait for their turn, ``row``'s first, as many as the store
    allows: it prepares the next ones while this one is applied. What it refuses now is asked for in its turn. Answers
    whether ``row``'s was asked for now."""
    began = not row.operation_id
    with shop_context(row.shop_id):
        waiting = list(SyncRun.objects.filter(status__in=OPEN, operation_id="", kind__in=KINDS).order_by("pk"))
    for one in sorted(waiting, key=lambda other: (other.pk != row.pk, other.pk))[:AT_A_TIME]:
        try:
            start(store, row if one.pk == row.pk else one, KINDS[one.kind])
        except (ShopifyError, BulkError, Interrupted) as error:
            if one.pk == row.pk:
                raise
            log.info("the file of import %d is asked for in its turn: %s", one.pk, error)
            break
    return began


def await_operation(
    store: Store, row: SyncRun, kind: Kind, should_stop: Callable[[], bool], *, fresh: bool = False
) -> dict[str, Any]:
    """The finished operation, as the store tells it; started if there is none, or if its file is no longer kept.

    One that failed is asked for once more, unless it is ``fresh``: asked for a moment ago. Raises
    :class:`.bulk.BulkError` where the store cannot do it.
    """
    with Bell(BELL) as bell:
        if not row.operation_id:
            start(store, row, kind)
            fresh = True
        pause = FIRST_POLL
        while True:
            operation = mapping(store.graphql.run("bulk_poll", {"id": row.operation_id}).get("bulkOperation"))
            status = text(operation.get("status")) or "EXPIRED"
            with shop_context(row.shop_id):
                update(row.pk, total=number(operation.get("rootObjectCount")))
            if status == "COMPLETED":
                return operation
            if status in {"CREATED", "RUNNING", "CANCELING"}:
                pass
            elif status == "EXPIRED" or not fresh:
                start(store, row, kind)
                fresh = True
            else:
                reason = text(operation.get("errorCode")) or status
                raise BulkError(f"the store could not finish the bulk operation ({reason})")
            if should_stop():
                raise Interrupted("stopped")
            bell.wait(pause)
            pause = min(pause * 1.5, LONGEST_POLL)


def start(store: Store, row: SyncRun, kind: Kind) -> None:
    """Run the bulk query; a new operation has a new file, which is read from its beginning.

    What was new or changed in the file before stays counted: in the new one it is unchanged.
    """
    row.operation_id, row.position = ask(store, kind, adopt=True), 0
    with shop_context(row.shop_id):
        update(row.pk, operation_id=row.operation_id, position=0, seen=0, invalid=0, failed=0)


def ask(store: Store, kind: Kind, *, adopt: bool) -> str:
    """Run the bulk query of a kind and answer the id of the operation.

    ``adopt``: one of the same query that runs already will do, our own of an attempt that died before it could write the
    id down. Raises :class:`.runs.Interrupted` where the store runs as many as it allows.
    """
    query = documents.inline(kind.document)
    try:
        answer = store.graphql.run("bulk_run", {"query": query, "groupObjects": kind.grouped})
        operation = mapping(payload(answer, "bulkOperationRunQuery").get("bulkOperation"))
    except ShopifyError as error:
        if error.code not in BUSY:
            raise
        running = mappings(mapping(store.graphql.run("bulk_running").get("bulkOperations")).get("nodes"))
        ours = [node for node in running if (text(node.get("query")) or "").split() == query.split()]
        if not (adopt and ours):
            raise Interrupted("the store runs as many bulk operations as it allows") from error
        operation = ours[0]
    operation_id = text(operation.get("id"))
    if operation_id is None:
        raise BulkError("the store did not say which bulk operation it began")
    return operation_id
