"""What the Shopify room does in the background: imports, an hourly look at the subscriptions, and polling."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from sayso.audience import pictures
from sayso.intake.failure import describe
from sayso.shops.models import Shop

from . import abandoned, segments, segments_due
from .connection import subscriptions
from .connection.client import ShopifyError
from .connection.signin import SignInError
from .connection.tokens import NotConnected, open_store
from .importing import imports
from .importing.jobs import ATTEMPTS, RETRY, carry_on
from .reading import poll
from .reconciliation import tasks as reconcile_tasks

__all__ = ["reconcile_tasks"]

log = logging.getLogger(__name__)


@app.task(name=imports.JOB, pass_context=True, retry=RETRY)
def run_import(context: JobContext, shop_id: int, sync_run_id: int) -> None:
    """Carry one import on."""
    carry_on(imports.run, context, shop_id, sync_run_id)


@app.task(
    name=segments.JOB,
    pass_context=True,
    retry=RetryStrategy(
        max_attempts=ATTEMPTS,
        exponential_wait=2,
        retry_exceptions={segments.Stopped, pictures.Overtaken, ShopifyError, SignInError},
    ),
)
def read_segments(context: JobContext, shop_id: int) -> None:
    """Read who is in segments that are new or have other rules; what is left undone the night's comparison does."""
    try:
        with open_store(shop_id) as store:
            segments.read_new(store, segments.Watch(context.should_abort))
    except NotConnected as error:
        log.warning("shop %d: %s", shop_id, error)
    finally:
        connections.close_all()


@app.periodic(cron="*/15 * * * *")
@app.task(name="shopify.compare_segments", queueing_lock="shopify.compare_segments")
def compare_segments(timestamp: int) -> None:
    """Every night at half past three of the shop: the members of all segments, compared with Shopify."""
    _for_each_shop(lambda shop: segments_due.start_if_due(shop, timezone.now()))


@app.periodic(cron="23 * * * *")
@app.task(name="shopify.ensure_subscriptions", queueing_lock="shopify.ensure_subscriptions")
def ensure_subscriptions(timestamp: int) -> None:
    """Make again what Shopify dropped."""
    _for_each_shop(lambda shop: subscriptions.ensure(shop.pk, settings.PUBLIC_URL))


@app.periodic(cron="*/5 * * * *")
@app.task(name="shopify.poll", queueing_lock="shopify.poll")
def poll_stores(timestamp: int) -> None:
    """Ask the stores that cannot deliver to us what changed."""

    def ask(shop: Shop) -> None:
        if not subscriptions.can_push(settings.PUBLIC_URL, sandbox=shop.is_sandbox):
            poll.poll(shop.pk)
            segments.look(shop.pk)

    _for_each_shop(ask)


@app.periodic(cron="*/10 * * * *")
@app.task(name="shopify.abandoned_checkouts", queueing_lock="shopify.abandoned_checkouts")
def find_abandoned_checkouts(timestamp: int) -> None:
    """Ask every store for the checkouts of the last 48 hours (features §8.8), and settle what guests ticked."""

    def look(shop: Shop) -> None:
        abandoned.settle_guests(shop.pk)
        abandoned.poll(shop.pk)

    _for_each_shop(look)


def _for_each_shop(work: Callable[[Shop], object]) -> None:
    """One store's trouble does not keep the others waiting."""
    try:
        for shop in Shop.objects.filter(status=Shop.Status.ACTIVE):
            try:
                work(shop)
            except (ShopifyError, SignInError, NotConnected) as error:
                log.warning("shop %d: %s", shop.pk, error)
            except (OperationalError, InterfaceError):
                raise  # the database is gone or busy, for all of them
            except Exception as error:
                log.error("shop %d: %s", shop.pk, describe(error))
    finally:
        connections.close_all()
