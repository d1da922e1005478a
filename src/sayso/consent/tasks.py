"""What the consent room does in the background."""

from __future__ import annotations

from django.db import connections
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from . import exports, inferred
from .ledger import checkpoint
from .ledger.keys import KeyTrouble
from .proof.writing import Stopped

EXPORT_ATTEMPTS = 8  # after 2, 4, 8 … seconds


@app.periodic(cron="*/10 * * * *")
@app.task(name="consent.checkpoint", queueing_lock="consent.checkpoint")
def make_checkpoints(timestamp: int) -> None:
    """Sign what was added, shop by shop."""
    try:
        for _ in checkpoint.every_shop():
            pass
    finally:
        connections.close_all()


@app.task(
    name=exports.JOB,
    pass_context=True,
    retry=RetryStrategy(max_attempts=EXPORT_ATTEMPTS, exponential_wait=2, retry_exceptions={Stopped, checkpoint.Busy}),
)
def run_export(context: JobContext, shop_id: int, export_id: int) -> None:
    """Write one export. Interrupted, it is queued again and goes on where it stopped."""
    try:
        exports.run(shop_id, export_id, should_stop=context.should_abort)
    except Stopped:
        raise
    except checkpoint.Busy as error:
        if context.job.attempts >= EXPORT_ATTEMPTS:
            exports.fail(shop_id, export_id, f"The ledger could not be signed: {error}. Start it again later.")
        raise
    except KeyTrouble as error:
        exports.fail(shop_id, export_id, f"The ledger cannot be signed: {error}.")
    except OSError as error:
        exports.fail(shop_id, export_id, f"The file could not be written ({error.strerror}); start it again.")
        raise
    except Exception as error:
        exports.fail(shop_id, export_id, f"It ended unexpectedly ({type(error).__name__}); start it again.")
        raise
    finally:
        connections.close_all()


@app.periodic(cron="37 * * * *")
@app.task(name="consent.expire_exports", queueing_lock="consent.expire_exports")
def expire_exports(timestamp: int) -> None:
    """Delete files that were kept a day."""
    try:
        exports.expire()
    finally:
        connections.close_all()


@app.task(name=inferred.JOB, retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def follow_option(shop_id: int) -> None:
    """Bring every contact to the shop's consent option."""
    try:
        inferred.follow_option(shop_id)
    finally:
        connections.close_all()
