"""The dashboard: consent, messages and the sync at a glance."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from sayso.consent import queries as consent
from sayso.consent.events import State
from sayso.messaging import queries as messaging
from sayso.shopify import panels as shopify
from sayso.shops.models import Shop
from sayso.shops.pages import Request, page
from sayso.ui import activity, charts, words
from sayso.ui.views.contacts import primary_channel

DAYS = 30
KEEP = 30
"""Seconds that counts of all contacts and messages are kept: a million of each take about a second."""

MESSAGE_GROUPS = (
    ("Read", "good", ("READ",)),
    ("Delivered", "info", ("DELIVERED",)),
    ("Sent", "calm", ("SENT", "UNCONFIRMED")),
    ("Waiting", "faint", ("QUEUED", "SENDING")),
    ("Failed", "bad", ("FAILED",)),
    ("Skipped", "warn", ("SKIPPED",)),
)
STATE_TONES = {
    "SUBSCRIBED": "good",
    "PENDING": "info",
    "NOT_SUBSCRIBED": "calm",
    "UNSUBSCRIBED": "bad",
    "UNKNOWN": "faint",
    "INVALID": "warn",
    "REDACTED": "mute",
}


@require_GET
@page("analytics.view")
def dashboard(request: Request) -> HttpResponse:
    """The frame at once, the counted part as its own request: counting must not hold up the page."""
    context = {
        "sync": shopify.dashboard(request.shop.pk),
        "recent": activity.recent(limit=12),
    }
    return render(request, "ui/dashboard/page.html", context)


@require_GET
@page("analytics.view")
def figures(request: Request) -> HttpResponse:
    """Consent by channel, messages and opt-ins by day, with charts."""
    counted = _counted(request.shop)
    by_channel = counted["consent"]
    primary = primary_channel(request)
    context = {
        "channels": words.CHANNELS,
        "primary": primary,
        "primary_counts": [(state.value, by_channel[primary].get(state.value, 0)) for state in State],
        "total": sum(by_channel[primary].values()),
        "consent_chart": _consent_chart(by_channel),
        "messages_chart": _messages_chart(counted["messages"], counted["days"]),
        "flow_chart": _flow_chart(counted["flow"], counted["days"]),
    }
    return render(request, "ui/dashboard/figures.html", context)


def _counted(shop: Shop) -> dict[str, Any]:
    key = f"dashboard:{shop.pk}"
    known = cache.get(key)
    if known is None:
        today = timezone.localdate()
        days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        since = datetime.combine(days[0], time.min, timezone.get_current_timezone())
        known = {
            "consent": consent.counts(),
            "messages": messaging.by_day(since, str(timezone.get_current_timezone())),
            "flow": consent.flow(since, str(timezone.get_current_timezone())),
            "days": days,
        }
        cache.set(key, known, KEEP)
    return known


def _consent_chart(by_channel: dict[str, dict[str, int]]) -> charts.Chart:
    series = [
        charts.Series(
            words.CONSENT[state][0],
            STATE_TONES[state],
            [by_channel[channel].get(state, 0) for channel in words.CHANNELS],
        )
        for state in State
    ]
    return charts.stacked_rows(
        "Contacts by consent", list(words.CHANNELS.values()), [one for one in series if any(one.values)]
    )


def _messages_chart(by_day: dict[date, dict[str, int]], days: list[date]) -> charts.Chart:
    series = [
        charts.Series(name, tone, [sum(by_day.get(day, {}).get(status, 0) for status in statuses) for day in days])
        for name, tone, statuses in MESSAGE_GROUPS
    ]
    return charts.stacked_days("Messages, last 30 days", days, [one for one in series if any(one.values)])


def _flow_chart(flow: dict[date, tuple[int, int]], days: list[date]) -> charts.Chart:
    series = [
        charts.Series("Opt-ins", "good", [flow.get(day, (0, 0))[0] for day in days]),
        charts.Series("Opt-outs", "bad", [flow.get(day, (0, 0))[1] for day in days]),
    ]
    return charts.lines("Opt-ins and opt-outs, last 30 days", days, series)
