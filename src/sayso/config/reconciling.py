"""A reconciliation from the terminal: carried out by the worker where one runs, else here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from sayso.shopify.importing import imports
from sayso.shopify.reconciliation import queries as reconcile_queries
from sayso.shopify.reconciliation import reconcile
from sayso.shops.tenancy import shop_context

LOOK = 0.5  # seconds between two looks at a run that the worker carries out


@dataclass(frozen=True, slots=True)
class Done:
    """How a run stands, and its findings."""

    over: bool
    error: str
    seen: int
    drifted: int
    mended: int
    rows: list[dict[str, Any]]


def carry_through(shop_id: int, *, full: bool, has_worker: bool, wait: bool = True) -> Done:
    """Queue a run and, if ``wait``, see it to its end. Without a worker it is carried out here; the job stays queued, so
    that a worker goes on should this process die, and else finds it done."""
    run_id = reconcile.start(shop_id, full=full)
    if wait and not has_worker:
        try:
            reconcile.run(shop_id, run_id)
        except (imports.Interrupted, imports.Overtaken) as error:
            imports.fail(shop_id, run_id, f"Interrupted: {error}. Start it again; what was mended stays so.")
    pause = threading.Event()
    while (done := _look(shop_id, run_id)) and wait and not done.over:
        pause.wait(LOOK)
    return done


def _look(shop_id: int, run_id: int) -> Done:
    with shop_context(shop_id):
        found = reconcile_queries.one(run_id)
        if found is None:
            raise LookupError(f"there is no reconciliation {run_id}")
        rows: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None and not found.running:
            page, after = reconcile_queries.findings(run_id, after=after)
            rows += [
                {
                    "kind": one.row.kind,
                    "what": one.row.what,
                    "id": one.row.shopify_id,
                    "field": one.row.field,
                    "here": one.row.held,
                    "in_shopify": one.row.told,
                    "topic": one.row.topic,
                    "mended": one.row.mended,
                }
                for one in page
            ]
        return Done(not found.running, found.run.error, found.run.seen, found.drifted, found.mended, rows)
