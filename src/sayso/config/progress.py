"""An import as the terminal shows it: a bar for each kind, with rate and time left."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import connection

from sayso.shopify.models import SyncRun
from sayso.shopify.queries import NO_IMPORT
from sayso.shops.tenancy import shop_context

if TYPE_CHECKING:
    from rich.console import Console

LOOK = 0.25  # seconds between two looks
COUNTED = {"segments": "members of segments"}  # where the rows of a kind are not what it is named after
OVER = (SyncRun.Status.COMPLETE, SyncRun.Status.ERROR)


def follow_import(
    shop_id: int,
    console: Console,
    stopping: threading.Event,
    patience: float = 60,
    only: Sequence[int] | None = None,
    done: str = "imported",
) -> None:
    """Show the shop's imports until all are over, ``stopping`` is set, or nothing has moved for ``patience`` seconds.

    Shows nothing where all were over before. ``only``: these runs, else the newest import of each kind.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("sayso: importing {task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    bars: dict[int, TaskID] = {}
    still = 0.0
    before: list[tuple] = []
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            while still < patience and not stopping.is_set():
                runs = _runs(shop_id, only)
                if runs and all(status in OVER for _, _, status, _, _ in runs):
                    break
                still = still + LOOK if runs == before else 0.0
                before = runs
                for run_id, kind, _, seen, total in runs:
                    if run_id not in bars:
                        bars[run_id] = progress.add_task(kind, total=total, rate="")
                    speed = progress.tasks[bars[run_id]].speed
                    rate = f"{speed:,.0f}/s" if speed else ""
                    progress.update(bars[run_id], completed=seen, total=total, rate=rate)
                stopping.wait(LOOK)
        for run_id, kind, status, seen, _ in _runs(shop_id, only) if bars else ():
            if run_id in bars:
                told = f"{COUNTED.get(kind, kind)}: {seen:,} {done}" if status == "COMPLETE" else f"{kind}: {status}"
                console.print(f"sayso: {told}")
    finally:
        connection.close()


def _runs(shop_id: int, only: Sequence[int] | None) -> list[tuple]:
    """Those runs, or the newest import of each kind."""
    with shop_context(shop_id):
        if only is not None:
            rows = SyncRun.objects.filter(pk__in=only).order_by("pk")
        else:
            imports = SyncRun.objects.exclude(trigger__in=NO_IMPORT)
            rows = imports.order_by("kind", "-id").distinct("kind")
        return list(rows.values_list("id", "kind", "status", "seen", "total"))
