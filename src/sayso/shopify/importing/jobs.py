"""How a run of the sync is carried on in the background, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections
from procrastinate import JobContext, RetryStrategy

from .runs import Interrupted, Overtaken, fail

ATTEMPTS = 13  # after 2, 4, 8 … seconds: four and a half hours in all
RETRY = RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=2, retry_exceptions={Interrupted, Overtaken})


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
