"""How a run of the sync is carried on and ends, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy

from sayso.channels.base_url import ForbiddenAddress
from sayso.shops.tenancy import shop_context

from ..connection.client import ShopifyError
from ..connection.signin import SignInError
from ..connection.tokens import NotConnected, Store, open_store
from ..models import SyncRun
from .bulk import BulkError
from .runs import OPEN, Interrupted, Overtaken, fail, update

ATTEMPTS = 13  # after 2, 4, 8 … seconds: four and a half hours in all
RETRY = RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=2, retry_exceptions={Interrupted, Overtaken})


def bring_to_end(shop_id: int, sync_run_id: int, work: Callable[[Store, SyncRun], object]) -> SyncRun.Status:
    """Do the work of an open run and end it: COMPLETE, or ERROR with a sentence where waiting mends nothing. One that has
    ended stays as it is. Raises :class:`.runs.Interrupted` where it is worth trying later, and what else ``work`` raises.
    """
    with shop_context(shop_id):
        row = SyncRun.objects.get(pk=sync_run_id)
        if row.status not in OPEN:
            return SyncRun.Status(row.status)
        update(row.pk, status=SyncRun.Status.IN_PROGRESS, error="")
    try:
        with open_store(shop_id) as store:
            work(store, row)
    except (ShopifyError, SignInError) as error:
        if getattr(error, "temporary", error.code == "UNREACHABLE"):
            with shop_context(shop_id):
                update(row.pk, error=str(error))
            raise Interrupted(str(error)) from error
        return fail(shop_id, sync_run_id, f"Shopify refused: {error.message}.")
    except (BulkError, NotConnected, ForbiddenAddress) as error:
        return fail(shop_id, sync_run_id, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    with shop_context(shop_id):
        update(row.pk, status=SyncRun.Status.COMPLETE, finished_at=timezone.now(), error="")
    return SyncRun.Status.COMPLETE


def carry_on(run: Callable[..., object], context: JobContext, shop_id: int, sync_run_id: int) -> None:
    """Call ``run(shop_id, sync_run_id, should_stop=…)`` for a job with :data:`RETRY`: interrupted, it is queued again and
    goes on where it stopped; after the last attempt, and where something unforeseen happened, the run ends with a
    sentence. Raises what ``run`` raises."""
    try:
        run(shop_id, sync_run_id, should_stop=context.should_abort)
    except Interrupted as error:
        if context.job.attempts >= ATTEMPTS:
            fail(shop_id, sync_run_id, f"Given up after {ATTEMPTS} attempts: {error}.")
        raise
    except Overtaken:
        raise
    except Exception as error:
        fail(shop_id, sync_run_id, f"It ended unexpectedly ({type(error).__name__}); start it again.")
        raise
    finally:
        connections.close_all()
