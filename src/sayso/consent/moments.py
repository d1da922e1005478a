"""Moments as people type them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def local(text: str) -> datetime | None:
    """A moment from a date picker (``2026-11-01T12:00``), in the zone of the page; to the end of the minute or second
    that it names. None for nothing, or for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1900 <= found.year <= 9000:
        return None
    found = found.replace(second=59 if len(text) <= len("2026-11-01T12:00") else found.second, microsecond=999_999)
    return timezone.make_aware(found) if timezone.is_naive(found) else found
