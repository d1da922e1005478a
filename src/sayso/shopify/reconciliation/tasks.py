"""When a store is reconciled: at three in the morning of the shop, everything once a week; and the job itself."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connections
from django.db.models import Count, Min
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from ..connection import subscriptions
from ..connection.client import ShopifyError
from ..connection.signin import SignInError
from ..connection.tokens import NotConnected
from ..importing.jobs import RETRY, carry_on
from ..importing.runs import OPEN
from ..models import Connection, SyncRun, SyncStep
from . import reconcile as reconciliation
from .kinds import SUBJECTS

log = logging.getLogger(__name__)

HOUR = 3  # of the shop's day
FULL_EVERY = timedelta(days=7) - timedelta(hours=12)  # the same night of the next week, whatever the first one took


@app.task(name=reconciliation.JOB, pass_context=True, retry=RETRY)
def run_reconciliation(context: JobContext, shop_id: int, sync_run_id: int) -> None:
    """Carry one reconciliation on."""
    carry_on(reconciliation.run, context, shop_id, sync_run_id)


@app.task(name="shopify.look_after_connection")
def look_after_connection(shop_id: int, reconcile: bool) -> None:
    """After the store's owner changed what the app may do: read what it missed, and subscribe to what it may hear now.

    In this order: subscribing is tried again every hour, while nothing else would ask for the comparison. That waits for
    its turn in the queue, so what changes before the subscription is there is found by the night's.
    """
    try:
        if reconcile:
            reconciliation.start(shop_id, full=True)
        subscriptions.ensure(shop_id, settings.PUBLIC_URL)
    except (ShopifyError, SignInError, NotConnected) as error:
        log.warning("shop %d: %s", shop_id, error)
    finally:
        connections.close_all()


@app.periodic(cron="*/10 * * * *")
@app.task(name="shopify.reconcile_due", queueing_lock="shopify.reconcile_due")
def start_due(timestamp: int) -> None:
    """Start what is due. Looked at every ten minutes, so that a night on which nothing ran is made up for."""
    try:
        for shop in Shop.objects.filter(status=Shop.Status.ACTIVE):
            due = is_due(shop, timezone.now())
            if due is not None:
                reconciliation.start(shop.pk, full=due)
    finally:
        connections.close_all()


def is_due(shop: Shop, now: datetime) -> bool | None:
    """Whether a reconciliation is due: None no, False of what changed, True of everything.

    None as well while an import runs, and for a store connected since: what an import reads needs no second look.
    """
    night = last_night(now, shop.time_zone)
    with shop_context(shop.pk):
        connection = Connection.objects.order_by("id").first()
        if connection is None or connection.status != "CONNECTED" or connection.created_at >= night:
            return None
        if SyncRun.objects.filter(status__in=OPEN).exists():
            return None
        if SyncRun.objects.filter(kind=reconciliation.KIND, started_at__gte=night).exists():
            return None
        return now - (_last_of_everything() or connection.created_at) >= FULL_EVERY


def _last_of_everything() -> datetime | None:
    """When the newest comparison began that reached its end for every kind: one that a count led to concerns one kind, and
    one that broke off leaves the rest for the next night."""
    ended = SyncStep.objects.filter(scope=SyncStep.Scope.FULL).exclude(status=SyncStep.Status.WAITING)
    runs = ended.values("run_id").annotate(kinds=Count("kind"), at=Min("began_at")).filter(kinds=len(SUBJECTS))
    return runs.order_by("-at").values_list("at", flat=True).first()


def last_night(now: datetime, zone: str) -> datetime:
    """The last three o'clock of a shop's zone; of a zone we do not know, that of UTC."""
    try:
        there = now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        there = now.astimezone(ZoneInfo("UTC"))
    night = there.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return night if night <= there else night - timedelta(days=1)
