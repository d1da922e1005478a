"""What the Shopify room does in the background: imports, and an hourly look at the subscriptions."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import connections
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from sayso.shops.models import Shop

from . import imports, subscriptions
from .client import ShopifyError
from .signin import SignInError
from .tokens import NotConnected

log = logging.getLogger(__name__)

IMPORT_ATTEMPTS = 12  # the waits between them add up to about eleven hours


@app.task(
    name=imports.JOB,
    pass_context=True,
    retry=RetryStrategy(
        max_attempts=IMPORT_ATTEMPTS, exponential_wait=3, retry_exceptions={imports.Interrupted, imports.Overtaken}
    ),
)
def run_import(context: JobContext, shop_id: int, sync_run_id: int) -> None:
    """Carry one import on. Interrupted, it is queued again and goes on where it stopped."""
    try:
        imports.run(shop_id, sync_run_id, should_stop=context.should_abort)
    except imports.Interrupted as error:
        if context.job.attempts >= IMPORT_ATTEMPTS:
            imports.fail(shop_id, sync_run_id, f"Given up after {IMPORT_ATTEMPTS} attempts: {error}.")
        raise
    finally:
        connections.close_all()


@app.periodic(cron="23 * * * *")
@app.task(name="shopify.ensure_subscriptions", queueing_lock="shopify.ensure_subscriptions")
def ensure_subscriptions(timestamp: int) -> None:
    """Make again what Shopify dropped. One shop's trouble does not keep the others waiting."""
    try:
        for shop_id in Shop.objects.filter(status=Shop.Status.ACTIVE).values_list("pk", flat=True):
            try:
                subscriptions.ensure(shop_id, settings.PUBLIC_URL)
            except (ShopifyError, SignInError, NotConnected) as error:
                log.warning("the subscriptions of shop %d could not be checked: %s", shop_id, error)
    finally:
        connections.close_all()
