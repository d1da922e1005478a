"""Reconciliation: the store is laid beside what is held, whatever was or was not delivered (features §8.8).

A run is a :class:`SyncRun` of kind ``reconcile`` with steps: what changed since the last run, or everything and what
vanished; then both sides are counted. Where the counts differ, everything is compared in the same run, for a deletion of
which nobody told changes nothing that a search by ``updated_at`` could find. Each step's position is committed with its
work, so a process may die at any instant and the next one goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from sayso.shops.tenancy import shop_context

from ..connection.client import ShopifyError
from ..connection.scopes import may
from ..connection.tokens import Store
from ..importing.jobs import bring_to_end
from ..importing.runs import Interrupted, Overtaken
from ..models import Connection, SyncDrift, SyncRun, SyncStep
from .full import compare_all
from .kinds import SUBJECTS, Subject
from .mend import SETTLE, Work
from .window import count_difference, database_now, read_window

__all__ = ["KIND", "OVERLAP", "Interrupted", "Overtaken", "run", "start"]

log = logging.getLogger(__name__)

KIND = "reconcile"
JOB = "shopify.reconcile"
OVERLAP = timedelta(minutes=10)
"""What is read once more before the last run: clocks differ, and the store's index of changes lags a little."""

KEPT = timedelta(days=365)
"""How long findings are kept, as the runs they belong to (features §8.7)."""

_ORDER = (SyncStep.Scope.WINDOW, SyncStep.Scope.FULL, SyncStep.Scope.COUNT)
_SUBJECTS = list(SUBJECTS)

Nothing = Callable[[], None]


def start(shop_id: int, *, full: bool = False, kinds: Sequence[str] = tuple(SUBJECTS)) -> int:
    """Queue a run and return its id. One that waits and does as much is answered instead of a second.

    ``full`` compares everything, and finds what vanished. Runs of a shop go one after the other. Raises KeyError for an
    unknown kind.
    """
    scope = SyncStep.Scope.FULL if full else SyncStep.Scope.WINDOW
    wanted = {(SUBJECTS[kind].name, scope.value) for kind in kinds}
    with shop_context(shop_id):
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(5175, %s)", [shop_id % 2**31])
        waiting = SyncRun.objects.filter(kind=KIND, status=SyncRun.Status.NOT_STARTED).first()
        if waiting and wanted <= set(SyncStep.objects.filter(run_id=waiting.pk).values_list("kind", "scope")):
            return waiting.pk
        made = SyncRun.objects.create(shop_id=shop_id, kind=KIND, trigger=SyncRun.Trigger.RECONCILE)
        SyncStep.objects.bulk_create(
            SyncStep(shop_id=shop_id, run_id=made.pk, kind=kind, scope=one)
            for kind in kinds
            for one in (scope, SyncStep.Scope.COUNT)
        )
        app.configure_task(JOB, lock=f"{JOB} {shop_id}").defer(shop_id=shop_id, sync_run_id=made.pk)
    return made.pk


def run(
    shop_id: int,
    sync_run_id: int,
    *,
    settle: timedelta = SETTLE,
    should_stop: Callable[[], bool] = lambda: False,
    after_part: Nothing = lambda: None,
) -> SyncRun.Status:
    """Carry a run through from wherever it stands, and return how it stands now.

    ``settle``: changes younger than this are mended but no findings. ``should_stop`` is asked, and ``after_part`` called,
    between parts that are committed. What cannot be mended by waiting ends the run with ERROR and a sentence. Raises
    :class:`..importing.runs.Interrupted` where it is worth trying later, and :class:`..importing.runs.Overtaken`.
    """

    def work(store: Store, row: SyncRun) -> None:
        while (step := _next(shop_id, row.pk)) is not None:
            _carry_out(store, row, step, settle, should_stop, after_part)
        with shop_context(shop_id):
            SyncDrift.objects.filter(found_at__lt=timezone.now() - KEPT).delete()

    return bring_to_end(shop_id, sync_run_id, work)


def _next(shop_id: int, run_id: int) -> SyncStep | None:
    """The step to carry out: what changed before everything, customers before orders, counting last."""
    with shop_context(shop_id):
        waiting = list(SyncStep.objects.filter(run_id=run_id, status=SyncStep.Status.WAITING))
    known = [step for step in waiting if step.kind in SUBJECTS]
    return min(
        known, key=lambda step: (_ORDER.index(SyncStep.Scope(step.scope)), _SUBJECTS.index(step.kind)), default=None
    )


def _carry_out(
    store: Store, row: SyncRun, step: SyncStep, settle: timedelta, should_stop: Callable[[], bool], after_part: Nothing
) -> None:
    subject = SUBJECTS[step.kind]
    work = Work(row.shop_id, row.pk, step.pk, subject, settle)
    given = _begin(work, step)
    if not may(given, subject.scope):
        return _end(
            work, step, SyncStep.Status.SKIPPED, f"The app may not read {subject.name}: it lacks {subject.scope}."
        )
    sees_all = may(given, subject.full_scope)
    note = "" if sees_all else f"The app lacks {subject.full_scope}: of {subject.name}, the last 60 days were compared."
    try:
        if step.scope == SyncStep.Scope.COUNT:
            if not sees_all:
                return _end(
                    work, step, SyncStep.Status.SKIPPED, f"The app lacks {subject.full_scope}, so counts say nothing."
                )
            with shop_context(work.shop_id):
                counted = subject.counted()
            if not counted:
                return _end(work, step, SyncStep.Status.SKIPPED, "The shop takes no contacts from its store.")
            return _count(store, work, step)
        if step.scope == SyncStep.Scope.WINDOW:
            read_window(store, work, step, should_stop, after_part)
        else:
            compare_all(store, work, step, sees_all=sees_all, should_stop=should_stop, after_part=after_part)
    except ShopifyError as error:
        if error.code != "ACCESS_DENIED":
            raise
        return _end(work, step, SyncStep.Status.SKIPPED, f"Shopify refused {subject.name}: {error.message}")
    return _end(work, step, SyncStep.Status.DONE, note)


def _begin(work: Work, step: SyncStep) -> list[str]:
    """Note when the step began and what it looks back to; answers the scopes of the connection."""
    with shop_context(work.shop_id):
        if step.began_at is None:
            step.began_at = database_now()
            step.since = _since(work.subject, work.run_id) if step.scope == SyncStep.Scope.WINDOW else None
            step.save(update_fields=["began_at", "since"])
        given: list[str] = Connection.objects.order_by("id").values_list("scopes", flat=True)[0]
        return given


def _since(subject: Subject, run_id: int) -> datetime:
    """When what is held was last known to be whole, and a little before: the last reconciliation of the kind, else its
    import, else the connection."""
    steps = SyncStep.objects.filter(
        kind=subject.name, status=SyncStep.Status.DONE, scope__in=(SyncStep.Scope.WINDOW, SyncStep.Scope.FULL)
    ).exclude(run_id=run_id)
    found = steps.order_by("-began_at").values_list("began_at", flat=True).first()
    if found is None:
        runs = SyncRun.objects.filter(kind=subject.name, status=SyncRun.Status.COMPLETE)
        runs = runs.exclude(trigger=SyncRun.Trigger.DRY_RUN)
        found = runs.order_by("-started_at").values_list("started_at", flat=True).first()
    if found is None:
        found = Connection.objects.order_by("id").values_list("created_at", flat=True)[0]
    return found - OVERLAP


def _end(work: Work, step: SyncStep, status: SyncStep.Status, note: str = "", **fields: object) -> None:
    with shop_context(work.shop_id):
        SyncStep.objects.filter(pk=step.pk).update(status=status, note=note[:500], finished_at=timezone.now(), **fields)


def _count(store: Store, work: Work, step: SyncStep) -> None:
    """Both sides counted. A difference leads to a full comparison in this run; one that remains after it is told."""
    found = count_difference(store, work, timezone.now() - work.settle + timedelta(seconds=1))  # whole seconds
    if found is None:
        return _end(work, step, SyncStep.Status.SKIPPED, "The store does not count so far.")
    with shop_context(work.shop_id):
        steps = SyncStep.objects.filter(kind=work.subject.name)
        last = steps.filter(scope=SyncStep.Scope.COUNT, status=SyncStep.Status.DONE, difference__isnull=False)
        expected = last.order_by("-id").values_list("difference", flat=True).first() or 0
        if found == expected:
            fields = {"status": SyncStep.Status.DONE, "difference": found, "finished_at": timezone.now()}
            SyncStep.objects.filter(pk=step.pk).update(**fields)
            return None
        if not steps.filter(run_id=work.run_id, scope=SyncStep.Scope.FULL).exists():
            SyncStep.objects.create(
                shop_id=work.shop_id, run_id=work.run_id, kind=work.subject.name, scope=SyncStep.Scope.FULL
            )
            return None
        fulls = steps.filter(run_id=work.run_id, scope=SyncStep.Scope.FULL)
        if found != (fulls.values_list("difference", flat=True).first() or 0):
            SyncDrift.objects.create(
                shop_id=work.shop_id, run_id=work.run_id, kind=work.subject.name, what=SyncDrift.What.COUNT,
                field="count", told=f"{found:+d} at the store", mended=False,
            )  # fmt: skip
    return _end(
        work, step, SyncStep.Status.DONE,
        "Everything was compared; what the store counts beyond it was deleted here alone." if found else "",
        difference=found,
    )  # fmt: skip
