"""Runs of the sync: queued, carried on after an error, ended. What an import does is in :mod:`.imports`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from sayso.shops.tenancy import shop_context

from .. import options
from ..connection.scopes import may
from ..models import Connection, SyncRun
from .kinds import KINDS, PAGED_KINDS, Kind, PagedKind

JOB = "shopify.import"
OPEN = (SyncRun.Status.NOT_STARTED, SyncRun.Status.IN_PROGRESS)
Trigger = SyncRun.Trigger
ALL_KINDS: dict[str, Kind | PagedKind] = {**KINDS, **PAGED_KINDS}


class Interrupted(Exception):
    """The import cannot go on now and is to be run again later; it continues where it stopped."""


class Overtaken(Exception):
    """Another process goes on with the same import."""


class CannotResume(Exception):
    """This run cannot be carried on; the sentence says why."""


def start(shop_id: int, kinds: Sequence[str] | None = None, trigger: SyncRun.Trigger | None = None) -> list[int]:
    """Queue imports and return the ids of their :class:`SyncRun`. One that has not ended yet is answered, not doubled.

    Without ``kinds`` all that the app may read; customers are left out where the shop does not take contacts from its
    store. Imports of a shop are applied one after the other, in this order; the store prepares their files at the same time.
    Without ``trigger`` the first of a kind is the initial one, every other a manual one. A dry run is no import:
    neither answers for the other, and there is none of what is read by pages. Raises KeyError for an unknown kind.
    """
    ids = []
    with shop_context(shop_id):
        _one_at_a_time(shop_id)
        for kind in allowed_kinds() if kinds is None else kinds:
            if kind == "customers" and not options.syncing():
                continue
            if kind in PAGED_KINDS and trigger == Trigger.DRY_RUN:
                continue
            own = SyncRun.objects.filter(kind=ALL_KINDS[kind].name)
            real = own.exclude(trigger=Trigger.DRY_RUN)
            alike = own.filter(trigger=Trigger.DRY_RUN) if trigger == Trigger.DRY_RUN else real
            run_id = alike.filter(status__in=OPEN).values_list("pk", flat=True).first()
            if run_id is None:
                why = trigger or (Trigger.MANUAL if real.exists() else Trigger.INITIAL)
                run_id = SyncRun.objects.create(shop_id=shop_id, kind=kind, trigger=why).pk
                _queue(shop_id, run_id)
            ids.append(run_id)
    return ids


def allowed_kinds() -> list[str]:
    """The kinds for which the current shop's app has the scope, in their order; all where it did not say what it has."""
    scopes = Connection.objects.order_by("id").values_list("scopes", flat=True).first()
    return [kind.name for kind in ALL_KINDS.values() if may(scopes or [], kind.scope)]


def resume(shop_id: int, sync_run_id: int) -> None:
    """Queue an import that ended with an error once more; it goes on at the byte where it stopped.

    Raises :class:`CannotResume`.
    """
    with shop_context(shop_id):
        _one_at_a_time(shop_id)
        row = SyncRun.objects.filter(pk=sync_run_id).first()
        if row is None or row.kind not in ALL_KINDS:
            raise CannotResume("There is no such import in this shop.")
        if row.status != SyncRun.Status.ERROR:
            raise CannotResume("Only an import that stopped with an error can be resumed.")
        newer = SyncRun.objects.filter(kind=row.kind, pk__gt=row.pk)
        newer = (
            newer.filter(trigger=Trigger.DRY_RUN)
            if row.trigger == Trigger.DRY_RUN
            else newer.exclude(trigger=Trigger.DRY_RUN)
        )
        if newer.exists():
            raise CannotResume("A newer import of the same kind has taken its place.")
        update(row.pk, status=SyncRun.Status.NOT_STARTED, error="", finished_at=None)
        _queue(shop_id, row.pk)


def fail(shop_id: int, sync_run_id: int, sentence: str) -> SyncRun.Status:
    """End an import for good, saying why."""
    with shop_context(shop_id):
        SyncRun.objects.filter(pk=sync_run_id, status__in=OPEN).update(
            status=SyncRun.Status.ERROR, error=sentence, finished_at=timezone.now(), heartbeat_at=timezone.now()
        )
    return SyncRun.Status.ERROR


def update(run_id: int, **fields: Any) -> None:
    """Set columns of a run and its heartbeat, in the caller's transaction of the shop."""
    SyncRun.objects.filter(pk=run_id).update(heartbeat_at=timezone.now(), **fields)


def _one_at_a_time(shop_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(5174, %s)", [shop_id % 2**31])


def _queue(shop_id: int, sync_run_id: int) -> None:
    app.configure_task(JOB, lock=f"{JOB} {shop_id}").defer(shop_id=shop_id, sync_run_id=sync_run_id)
