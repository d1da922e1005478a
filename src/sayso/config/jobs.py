"""Coarse jobs and schedules, by procrastinate. Rooms define theirs in ``tasks.py``; the hot loops are not here.

A job deferred inside a transaction is part of it. Jobs are at least once: each must be resumable.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from procrastinate import App, JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector

CONCURRENCY = 2
POLL = 5.0  # seconds, in case an announcement is lost
LOOK = 0.25  # seconds between two looks at whether to stop
STALLED = 60.0  # seconds without a heartbeat, which comes every 10: six lost ones
PATIENCE = 20.0  # seconds a running job is given when the worker stops; then it is aborted, and rescued later


@app.periodic(cron="* * * * *")
@app.task(name="config.rescue_stalled_jobs", queueing_lock="config.rescue_stalled_jobs", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Queue the jobs of workers that died again: procrastinate leaves them running for ever."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
        await manager.retry_job(job)


def _close_after(call_next: Callable[[], Any], context: JobContext, worker: object) -> Any:
    """Jobs are coarse and run in threads that come and go: a connection that stayed open would never be closed."""
    try:
        return call_next()
    finally:
        connections.close_all()


async def _close_after_async(call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: object) -> Any:
    try:
        return await call_next()
    finally:
        await sync_to_async(connections.close_all)()


def worker_app() -> App:
    """The same tasks over connections that suit a worker.

    ``with_connector`` rather than ``replace_connector``: the latter would also change how the other threads of this
    process defer jobs, and take them out of their transactions.
    """
    return app.with_connector(PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=4))


def run(stop: threading.Event) -> None:
    """Work on jobs until ``stop`` is set."""
    asyncio.run(_run(stop))


async def _run(stop: threading.Event) -> None:
    worker = worker_app()
    async with worker.open_async():
        task = asyncio.create_task(
            worker.run_worker_async(
                concurrency=CONCURRENCY,
                install_signal_handlers=False,
                fetch_job_polling_interval=POLL,
                shutdown_graceful_timeout=PATIENCE,
                delete_jobs="successful",
                task_middleware=[_close_after, _close_after_async],
            )
        )
        while not stop.is_set() and not task.done():
            await asyncio.wait([task], timeout=LOOK)
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=stop.is_set())
