"""What changed at the store since the last run, by pages; and whether both sides count the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection
from django.db.models import F
from django.utils import timezone

from sayso.shops.tenancy import shop_context

from ..connection.tokens import Store
from ..importing.runs import Interrupted, Overtaken
from ..models import SyncRun, SyncStep
from ..values import mapping, mappings, text
from .mend import Work, read_again

PAGE = 250


def database_now() -> datetime:
    """The database's clock: what it wrote before this moment was held before."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def search_time(moment: datetime) -> str:
    """A moment as the store's search takes it."""
    return f"'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"


def read_window(
    store: Store, work: Work, step: SyncStep, should_stop: Callable[[], bool], after_part: Callable[[], None]
) -> None:
    """Read everything changed since ``step.since`` by id and mend it, from the page where the step stands.

    The page's position is committed when all of it is mended; interrupted, the page is read again and finds itself
    mended. Raises Interrupted and Overtaken, see :mod:`..importing.imports`, and what the store's calls raise.
    """
    if step.since is None:
        raise ValueError("a window begins somewhere")
    query = f"updated_at:>={search_time(step.since)}"
    while True:
        if should_stop():
            raise Interrupted("stopped")
        page = mapping(
            store.graphql.run(work.subject.page, {"first": PAGE, "after": step.cursor or None, "query": query}).get(
                work.subject.field
            )
        )
        nodes = mappings(page.get("nodes"))
        with shop_context(work.shop_id):
            worth = work.subject.worth(nodes)
        read_again(store, work, worth)
        info = mapping(page.get("pageInfo"))
        end = text(info.get("endCursor")) if info.get("hasNextPage") else None
        with shop_context(work.shop_id):
            advance(step, work, seen=len(nodes), cursor=end or step.cursor)
        after_part()
        if end is None:
            return


def advance(step: SyncStep, work: Work, *, seen: int, **position: str | int) -> None:
    """Move a step on from where this process left it. Raises :class:`..importing.runs.Overtaken` if another one did."""
    held = SyncStep.objects.select_for_update().get(pk=step.pk)
    if (held.cursor, held.position, held.listing, held.status) != (
        step.cursor, step.position, step.listing, SyncStep.Status.WAITING,
    ):  # fmt: skip
        raise Overtaken(f"step {step.pk} of reconciliation {work.run_id} goes on elsewhere")
    SyncStep.objects.filter(pk=step.pk).update(seen=F("seen") + seen, **position)
    SyncRun.objects.filter(pk=work.run_id).update(seen=F("seen") + seen, heartbeat_at=timezone.now())
    step.seen += seen
    for name, value in position.items():
        setattr(step, name, value)


def count_difference(store: Store, work: Work, before: datetime) -> int | None:
    """Things at the store less those held, of those from before a moment; None if the store does not count so far."""
    query = f"{work.subject.count_query}:<{search_time(before)}"
    answer = mapping(store.graphql.run(work.subject.count, {"query": query}).get(f"{work.subject.field}Count"))
    told = answer.get("count")
    if not isinstance(told, int) or answer.get("precision") != "EXACT":
        return None
    with shop_context(work.shop_id):
        return told - work.subject.held_before(before.replace(microsecond=0))
