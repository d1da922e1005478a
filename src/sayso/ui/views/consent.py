"""Audience → Consent: who agreed to what, over time, by source, and after each campaign."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from sayso.campaigns import queries as campaign_queries
from sayso.consent import figures as consent_figures
from sayso.consent import queries
from sayso.consent.figures import Flow
from sayso.shops.models import Shop
from sayso.shops.pages import Request, page
from sayso.ui import charts, periods, words

KEEP = 60
"""Seconds that figures are kept: a million ledger entries take more than a second."""

CAMPAIGNS = 12
STATES = ("SUBSCRIBED", "PENDING", "NOT_SUBSCRIBED", "UNKNOWN", "UNSUBSCRIBED", "INVALID", "REDACTED")
STATE_TONES = {"SUBSCRIBED": "good", "PENDING": "info", "UNSUBSCRIBED": "bad"}
NOTABLE_RATE, ENOUGH = 0.02, 100
"""From this opt-out rate on the page marks a campaign, if it reached enough people for a rate to mean anything."""


@require_GET
@page("consent.view")
def overview(request: Request) -> HttpResponse:
    """The frame at once; what has to be counted comes as parts of its own."""
    return render(request, "consent/overview.html", {"tab": "overview", "period": _period(request), **_choices()})


@require_GET
@page("consent.view")
def figures(request: Request) -> HttpResponse:
    """States now and over time, opt-ins and opt-outs by source, refused attempts."""
    period = _period(request)
    counted = _counted(request.shop, period)
    context = {
        "period": period,
        "period_words": periods.PERIODS[period][0],
        **_choices(),
        "states": STATES,
        "now": [(channel, counted["now"].get(channel, {})) for channel in words.CHANNELS],
        "over_time": _over_time(counted["by_day"], period),
        "sources": counted["sources"],
        "sources_chart": _sources_chart(counted["sources"]),
        "refusals": counted["refusals"],
    }
    return render(request, "consent/figures.html", context)


@require_GET
@page("consent.view")
def campaigns(request: Request) -> HttpResponse:
    """The opt-out rate after each of the last campaigns."""
    key = f"consent-campaigns:{request.shop.pk}"
    counted = cache.get(key)
    if counted is None:
        counted = campaign_queries.opt_outs_after(campaign_queries.launched(limit=CAMPAIGNS))
        cache.set(key, counted, KEEP)
    highest = max((one.rate or 0 for one in counted), default=0)
    context = {"counted": counted, "highest": highest, "notable": NOTABLE_RATE, "enough": ENOUGH}
    return render(request, "consent/campaigns.html", context)


def _period(request: Request) -> str:
    period = request.GET.get("period", "")
    return period if period in periods.PERIODS else periods.DEFAULT


def _choices() -> dict[str, Any]:
    return {"periods": {key: name for key, (name, _) in periods.PERIODS.items()}}


def _counted(shop: Shop, period: str) -> dict[str, Any]:
    days = periods.days_of(period)
    key = f"consent:{shop.pk}:{period}:{days[-1]}"
    known = cache.get(key)
    if known is None:
        now = queries.counts()
        found = consent_figures.groups(periods.start_of(period), str(timezone.get_current_timezone()))
        known = {
            "now": now,
            "by_day": consent_figures.states_by_day(found, now, days),
            "sources": consent_figures.by_source(found),
            "refusals": consent_figures.refusals(found),
        }
        cache.set(key, known, KEEP)
    return known


def _over_time(by_day: dict[str, dict[str, list[int]]], period: str) -> list[tuple[str, charts.Chart]]:
    """A chart for each channel on which anybody is in one of the states."""
    title, days = periods.PERIODS[period][0], periods.days_of(period)
    drawn = []
    for channel, states in by_day.items():
        series = [
            charts.Series(words.CONSENT_WORDS[state], STATE_TONES[state], told, running=True)
            for state, told in states.items()
        ]
        if any(any(one.values) for one in series):
            drawn.append((channel, charts.lines(f"{words.CHANNELS[channel]}, last {title}", days, series, width=420)))
    return drawn


def _sources_chart(flows: list[Flow]) -> charts.Chart:
    series = [
        charts.Series("Opt-ins", "good", [flow.opt_ins for flow in flows]),
        charts.Series("Opt-outs", "bad", [flow.opt_outs for flow in flows]),
    ]
    labels = [words.SOURCES.get(flow.source, words.sentence(flow.source)) for flow in flows]
    return charts.stacked_rows("Opt-ins and opt-outs by source", labels, series)
