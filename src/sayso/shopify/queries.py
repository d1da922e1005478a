"""Reading the connection: how fresh the shop's data is, and how far an import got. Runs inside one shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from .models import Connection, SyncRun

NO_IMPORT = (SyncRun.Trigger.LIVE, SyncRun.Trigger.RECONCILE, SyncRun.Trigger.DRY_RUN)
LATE_AFTER = timedelta(minutes=5)
"""A delivery that has waited longer than this is shown as late."""


@dataclass(frozen=True)
class Freshness:
    """How the live sync is doing."""

    received_at: datetime | None  # the newest delivery
    drained_at: datetime | None
    lag: float | None  # seconds from received to applied, of the newest applied delivery
    waiting: int
    oldest_waiting: datetime | None
    parked: int

    @property
    def late(self) -> bool:
        return self.oldest_waiting is not None and timezone.now() - self.oldest_waiting > LATE_AFTER


@dataclass(frozen=True)
class Progress:
    """An import as a person watches it."""

    run: SyncRun

    @property
    def running(self) -> bool:
        return self.run.status == SyncRun.Status.IN_PROGRESS

    @property
    def rate(self) -> float:
        """Root objects a second, while it worked: waiting for the store, and for somebody to resume it, do not count."""
        seconds = self.run.worked or (self.run.heartbeat_at - self.run.started_at).total_seconds()
        return self.run.seen / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        if not self.running or not self.run.total or not self.rate:
            return None
        return max(0, self.run.total - self.run.seen) / self.rate


def connections() -> list[Connection]:
    return list(Connection.objects.order_by("id"))


def imports(limit: int = 10) -> list[Progress]:
    """The newest imports, newest first."""
    imports = SyncRun.objects.exclude(trigger__in=(SyncRun.Trigger.LIVE, SyncRun.Trigger.RECONCILE))
    return [Progress(run) for run in imports.order_by("-id")[:limit]]


def latest_imports() -> list[Progress]:
    """The newest import of each kind."""
    real = SyncRun.objects.exclude(trigger__in=NO_IMPORT)
    return [Progress(run) for run in real.order_by("kind", "-id").distinct("kind")]


def freshness(shop_id: int) -> Freshness:
    """Deliveries carry no policy, so the shop is named. Each part reads a handful of rows of an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select (select max(received_at) from (
                    select received_at from delivery where shop_id = %(shop)s and state = 'NEW'
                    union all (select received_at from delivery where shop_id = %(shop)s and state = 'DONE'
                        order by received_at desc limit 1)) r),
                last.drained_at, extract(epoch from last.drained_at - last.received_at)::float,
                waiting.number, waiting.oldest, parked.number
            from (select count(*) as number, min(received_at) as oldest from (
                    select received_at from delivery where shop_id = %(shop)s and state = 'NEW' limit 100000) w) waiting
            cross join (select count(*) as number from delivery
                where shop_id = %(shop)s and state = 'PARKED') parked
            left join lateral (select received_at, drained_at from delivery
                where shop_id = %(shop)s and state = 'DONE' order by received_at desc limit 1) last on true""",
            {"shop": shop_id},
        )
        return Freshness(*cursor.fetchone())
