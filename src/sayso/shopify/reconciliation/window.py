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
from ..reading import pages
from ..values import mapping
from .mend import Work, read_again

PAGE = 250


def database_now() -> datetime:
    """The database's clock: what it wrote before this moment was held before."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def read_window(
    store: Store, work: Work, step: SyncStep, should_stop: Callable[[], bool], after_part: Callable[[], None]
) -> None:
    """Read everything changed since ``step.since`` by id and mend it, from the page where the step stands.

    Whenever another :data:`..reading.pages.FARTHEST` were read, another search begins, at ``step.position`` (seconds since
    1970; 0 where it is still the first). The page's position is committed when all of it is mended; interrupted, the page
    is read again and finds itself mended. Raises Interrupted and Overtaken, see :mod:`..importing.imports`, and what the
    store's calls raise.
    """
    if step.since is None:
        raise ValueError("a window begins somewhere")
    while True:
        if should_stop():
            raise Interrupted("stopped")
        since = datetime.fromtimestamp(step.position, UTC) if step.position else step.since
        variables = {"first": PAGE, "after": step.cursor or None, "query": f"updated_at:>={pages.search_time(since)}"}
        nodes, end = pages.page_of(store, work.subject.page, work.subject.field, variables)
        with shop_context(work.shop_id):
            worth = work.subject.worth(nodes)
        read_again(store, work, worth, just_listed=True)
        far = step.seen // pages.FARTHEST != (step.seen + len(nodes)) // pages.FARTHEST
        following = pages.begin_again_at(nodes, since) if far and end is not None else None
        with shop_context(work.shop_id):
            if following is not None:
                advance(step, work, seen=len(nodes), cursor="", position=int(following.timestamp()))
            else:
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
    query = f"{work.subject.count_query}:<{pages.search_time(before)}"
    answer = mapping(store.graphql.run(work.subject.count, {"query": query}).get(f"{work.subject.field}Count"))
    told = answer.get("count")
    if not isinstance(told, int) or answer.get("precision") != "EXACT":
        return None
    with shop_context(work.shop_id):
        return told - work.subject.held_before(before.replace(microsecond=0))
