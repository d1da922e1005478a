"""Sync: how fresh the store's data is, now and over time; every run, its report, and its lists as files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats, timezone
from django.views.decorators.http import require_GET, require_POST

from sayso.events.models import Event
from sayso.intake import freshness as measured
from sayso.shopify import queries
from sayso.shopify.importing import imports, report_queries, runs
from sayso.shopify.models import SyncRun
from sayso.shops.pages import Request, page
from sayso.ui import charts
from sayso.ui.requests import number

PAGE = 30
PERIODS: dict[str, tuple[str, timedelta, timedelta, str]] = {
    "3h": ("3 hours", timedelta(hours=3), timedelta(minutes=5), "H:i"),
    "2d": ("2 days", timedelta(days=2), timedelta(hours=1), "D H:i"),
    "30d": ("30 days", timedelta(days=30), timedelta(days=1), "j M"),
    "1y": ("12 months", timedelta(days=364), timedelta(days=7), "j M"),
}
"""Key → name, length, step, and how a step is named."""
DEFAULT = "2d"
QUOTED = ("=", "+", "-", "@", "\t", "\r")


@require_GET
@page("shopify.view")
def overview(request: Request) -> HttpResponse:
    rows = SyncRun.objects.order_by("-started_at", "-pk")
    trigger = request.GET.get("trigger", "")
    if trigger in SyncRun.Trigger.values:
        rows = rows.filter(trigger=trigger)
    before = number(request.GET, "before")
    if before is not None:
        last = get_object_or_404(SyncRun, pk=before)
        rows = rows.filter(started_at__lte=last.started_at).exclude(started_at=last.started_at, pk__gte=last.pk)
    found = list(rows[: PAGE + 1])
    shown = [queries.Progress(run) for run in found[:PAGE]]
    context = {
        "tab": "runs",
        "progresses": shown,
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        "paged": before is not None,
        "trigger": trigger,
        "triggers": SyncRun.Trigger.values,
        "running": any(progress.running for progress in shown),
        "connected": bool(queries.connections()),
        "today": timezone.localdate(),
        "period": _period(request),
        "periods": {key: name for key, (name, *_) in PERIODS.items()},
    }
    return render(request, "ui/sync/page.html", context)


@require_GET
@page("shopify.view")
def freshness(request: Request) -> HttpResponse:
    """Now, and as a chart over the period asked for."""
    period = _period(request)
    title, length, step, written = PERIODS[period]
    now = timezone.localtime()
    since = _floor(now - length, step)
    found = measured.lags(request.shop.pk, since, step)
    known = {lag.at: lag for lag in found}
    steps = [since + index * step for index in range((now - since) // step + 1)]
    series = [
        charts.Series("Half of them within", "info", [_of(known.get(at), "p50") for at in steps], running=True),
        charts.Series("99 of 100 within", "warn", [_of(known.get(at), "p99") for at in steps], running=True),
    ]
    labels = [formats.date_format(timezone.localtime(at), written) for at in steps]
    context = {
        "freshness": queries.freshness(request.shop.pk),
        "chart": charts.bars(f"Milliseconds until a change was visible, last {title}", labels, series),
        "title": title,
        "applied": sum(lag.applied for lag in found),
    }
    return render(request, "ui/sync/freshness.html", context)


def _of(lag: measured.Lag | None, name: str) -> int:
    return getattr(lag, name) if lag else 0


def _period(request: Request) -> str:
    period = request.GET.get("period", "")
    return period if period in PERIODS else DEFAULT


def _floor(at: datetime, step: timedelta) -> datetime:
    """The first moment of the step that holds ``at``, by the clock on the wall."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if step >= timedelta(days=1) else midnight + (at - midnight) // step * step


@require_GET
@page("shopify.view")
def report(request: Request, run_id: int) -> HttpResponse:
    """One run: its counts, what was wrong with what, what became of consent."""
    run = get_object_or_404(SyncRun, pk=run_id)
    context: dict[str, Any] = {
        "run": run,
        "progress": queries.Progress(run),
        "unchanged": run.unchanged,
        "problems": report_queries.problems(run.pk),
        "consent": report_queries.consent(run.pk),
        "lists": report_queries.lists(run),
        "dry": run.trigger == SyncRun.Trigger.DRY_RUN,
        "live": run.trigger == SyncRun.Trigger.LIVE,
        "store": request.shop.domain.partition(".")[0],
        "today": timezone.localdate(),
    }
    if context["live"]:
        context["delivered"], context["parked"] = report_queries.delivered(run, request.shop.time_zone)
    return render(request, "ui/sync/run.html", context)


@require_GET
@page("contacts.export")
def download(request: Request, run_id: int, which: str) -> StreamingHttpResponse:
    """A list of the report as CSV, streamed; the download is an event, for the lists name people."""
    run = get_object_or_404(SyncRun, pk=run_id)
    if which not in report_queries.LISTS or (which != "invalid" and not report_queries.lists(run)):
        raise Http404("There is no such list in this report.")
    Event.objects.create(
        shop_id=request.shop.pk, kind="export.created", occurred_at=timezone.now(), actor_kind="staff",
        actor_id=str(request.user.pk), origin="sync", data={"what": f"{which} of sync run {run.pk}", "format": "csv"},
    )  # fmt: skip
    return StreamingHttpResponse(
        _lines(request.shop.pk, run, which),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="sync-{run.pk}-{which}.csv"'},
    )


class _Line:
    """A file that hands back what is written to it: csv writes, the response sends."""

    def write(self, text: str) -> str:
        return text


def _lines(shop_id: int, run: SyncRun, which: str) -> Iterator[str]:
    writer = csv.writer(_Line())
    for row in report_queries.rows(shop_id, run, which):
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> str:
    """A text that a spreadsheet would take for a formula is quoted (features §3); a phone number is none."""
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(QUOTED) and not text[1:].isdigit() else text


@require_POST
@page("shopify.edit")
def begin(request: Request) -> HttpResponse:
    """Import everything again, or say what that would change."""
    dry = request.POST.get("dry_run") == "1"
    started = imports.start(request.shop.pk, trigger=SyncRun.Trigger.DRY_RUN if dry else None)
    _tell(request, "sync.started", {"runs": started, "dry_run": dry})
    if dry:
        messages.success(request, "The dry run is queued. It changes nothing; its report says what an import would.")
    else:
        messages.success(request, "The import is queued. What is unchanged stays as it is.")
    return redirect("sync")


@require_POST
@page("shopify.edit")
def resume(request: Request, run_id: int) -> HttpResponse:
    """Go on with an import that stopped with an error."""
    try:
        runs.resume(request.shop.pk, run_id)
    except runs.CannotResume as trouble:
        messages.error(request, str(trouble))
    else:
        _tell(request, "sync.resumed", {"run": run_id})
        messages.success(request, "It goes on where it stopped.")
    return redirect("sync_run", run_id=run_id) if SyncRun.objects.filter(pk=run_id).exists() else redirect("sync")


def _tell(request: Request, kind: str, data: dict[str, Any]) -> None:
    Event.objects.create(
        shop_id=request.shop.pk, kind=kind, occurred_at=timezone.now(), actor_kind="staff",
        actor_id=str(request.user.pk), origin="sync", data=data,
    )  # fmt: skip
