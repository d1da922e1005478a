"""An import from the terminal: carried out by the worker where one runs, else here."""

from __future__ import annotations

import threading
from typing import Any

from django.db import connections
from rich.console import Console

from sayso.audience import upkeep
from sayso.shopify.importing import imports
from sayso.shopify.models import SyncRun
from sayso.shops.tenancy import shop_context

from .progress import follow_import


def carry_through(shop_id: int, *, has_worker: bool, wait: bool = True, dry_run: bool = False) -> list[dict[str, Any]]:
    """Queue the imports of a shop and, if ``wait``, show them until they are over. Answers how each stands.

    ``dry_run``: nothing is kept, and what they would change is answered.
    """
    runs = imports.start(shop_id, trigger=SyncRun.Trigger.DRY_RUN if dry_run else None)
    over = threading.Event()
    done = "read" if dry_run else "imported"
    if wait and has_worker:
        follow_import(shop_id, Console(stderr=True), over, only=runs, done=done)
    elif wait:
        # The jobs stay queued: should this process die, a worker goes on where it stopped; else it finds them done.
        work = threading.Thread(target=_work, args=(shop_id, runs, over), daemon=True)
        work.start()
        follow_import(shop_id, Console(stderr=True), over, patience=3600, only=runs, done=done)
        work.join()
    with shop_context(shop_id):
        rows = SyncRun.objects.filter(pk__in=runs).order_by("pk")
        columns = ("kind", "status", "seen", "created", "updated", "invalid", "failed", "error")
        return [{"run": row.pk} | {name: getattr(row, name) for name in columns} for row in rows]


def _work(shop_id: int, runs: list[int], over: threading.Event) -> None:
    try:
        for run_id in runs:
            try:
                imports.run(shop_id, run_id)
            except (imports.Interrupted, imports.Overtaken) as error:
                imports.fail(shop_id, run_id, f"Interrupted: {error}. Import again; it is quick where nothing changed.")
        upkeep.run(shop_id)
    finally:
        connections.close_all()
        over.set()
