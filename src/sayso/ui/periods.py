"""The periods that pages about consent offer."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.utils import timezone

PERIODS: dict[str, tuple[str, int]] = {
    "7": ("7 days", 7),
    "30": ("30 days", 30),
    "90": ("90 days", 90),
    "365": ("12 months", 365),
}
DEFAULT = "30"


def days_of(period: str) -> list[date]:
    """The days of a period up to today in the shop's zone, oldest first."""
    today = timezone.localdate()
    return [today - timedelta(days=back) for back in range(PERIODS[period][1] - 1, -1, -1)]


def start_of(period: str) -> datetime:
    """The first moment of a period's first day."""
    return datetime.combine(days_of(period)[0], time.min, timezone.get_current_timezone())
