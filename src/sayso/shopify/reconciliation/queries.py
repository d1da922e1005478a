"""Reading what reconciliation did, for pages and the terminal. Runs inside one shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..models import SyncDrift, SyncRun, SyncStep
from .reconcile import KIND

WHAT = {
    SyncDrift.What.MISSING: ("Missing here", "warn"),
    SyncDrift.What.STALE: ("Out of date", "warn"),
    SyncDrift.What.CONSENT: ("Wrong consent", "bad"),
    SyncDrift.What.EXTRA: ("Gone from Shopify", "warn"),
    SyncDrift.What.COUNT: ("Counts differ", "bad"),
}
SCOPES = {
    SyncStep.Scope.WINDOW: "changed since the last one",
    SyncStep.Scope.FULL: "all of them, and what vanished",
    SyncStep.Scope.COUNT: "counted on both sides",
}
FIELDS = {
    "first_name": "First name", "last_name": "Last name", "email": "E-mail", "phone": "Phone", "note": "Note",
    "locale": "Language", "country": "Country", "region": "Region", "city": "City", "address": "Address",
    "postcode": "Postcode", "state": "Account", "tags": "Tags", "orders_count": "Orders", "total_spent": "Spent",
    "last_order_at": "Last order", "whatsapp_consent": "WhatsApp consent", "sms_consent": "SMS consent",
    "email_consent": "E-mail consent", "status": "Status", "financial_status": "Payment",
    "fulfillment_status": "Delivery", "total": "Total", "currency": "Currency", "cancelled_at": "Cancelled",
    "cancel_reason": "Reason of the cancellation", "name": "Number",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A step in words."""

    kind: str
    scope: str
    status: str
    seen: int
    drifted: int
    mended: int
    since: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A run with its steps summed up."""

    run: SyncRun
    parts: list[Part]
    drifted: int
    mended: int

    @property
    def running(self) -> bool:
        return self.run.status in (SyncRun.Status.NOT_STARTED, SyncRun.Status.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the report in words."""

    row: SyncDrift
    what: str
    tone: str
    field: str


def latest(limit: int = 5) -> list[Reconciliation]:
    """The newest runs, newest first."""
    runs = list(SyncRun.objects.filter(kind=KIND).order_by("-id")[:limit])
    steps = SyncStep.objects.filter(run_id__in=[run.pk for run in runs]).order_by("pk")
    found: dict[int, list[SyncStep]] = {run.pk: [] for run in runs}
    for step in steps:
        found[step.run_id].append(step)
    return [_summed(run, found[run.pk]) for run in runs]


def one(run_id: int) -> Reconciliation | None:
    """A run by its id."""
    run = SyncRun.objects.filter(kind=KIND, pk=run_id).first()
    return _summed(run, list(SyncStep.objects.filter(run_id=run_id).order_by("pk"))) if run else None


def _summed(run: SyncRun, steps: list[SyncStep]) -> Reconciliation:
    parts = [
        Part(
            step.kind,
            SCOPES[SyncStep.Scope(step.scope)],
            step.status,
            step.seen,
            step.drifted,
            step.mended,
            step.since,
            step.note,
        )
        for step in steps
    ]
    return Reconciliation(run, parts, sum(part.drifted for part in parts), sum(part.mended for part in parts))


def findings(run_id: int, *, after: int = 0, limit: int = 100) -> tuple[list[Finding], int | None]:
    """Rows of a run's report behind the id ``after``, and where the next page begins, if there is one."""
    rows = list(SyncDrift.objects.filter(run_id=run_id, pk__gt=after).order_by("pk")[: limit + 1])
    shown = [
        Finding(row, *WHAT[SyncDrift.What(row.what)], FIELDS.get(row.field, row.field.replace("_", " ").capitalize()))
        for row in rows[:limit]
    ]
    return shown, shown[-1].row.pk if len(rows) > limit else None
