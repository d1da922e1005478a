"""What the pages of staff show of forms, choices and reasons. Runs inside one shop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from sayso.consent import wordings
from sayso.consent.models import Wording

from . import texts
from .models import Feedback, Form, Submission

DAYS = 90


def wordings_of(form: Form) -> list[tuple[str, str, Wording | None]]:
    """(channel, language's name, wording that stands now) for everything the form shows."""
    known = texts.languages()
    standing = {language: wordings.current(form.purpose, language, form.channels) for language in form.languages}
    return [
        (channel, known.get(language, language), standing[language].get(channel))
        for language in form.languages
        for channel in form.channels
    ]


def submissions_of(form_id: int, limit: int = 20) -> list[Submission]:
    return list(Submission.objects.filter(form_id=form_id).order_by("-id")[:limit])


def reasons() -> dict[str, Any]:
    """Why people left in the last :data:`DAYS` days: each reason with its number and share, and what they wrote."""
    since = timezone.now() - timedelta(days=DAYS)
    recent = Feedback.objects.filter(at__gte=since)
    counted = dict(recent.values_list("reason").annotate(Count("id")))
    total = sum(counted.values())
    return {
        "days": DAYS,
        "total": total,
        "counts": [
            (
                reason.label,
                counted.get(reason.value, 0),
                round(100 * counted.get(reason.value, 0) / total) if total else 0,
            )
            for reason in Feedback.Reason
        ],
        "written": list(recent.exclude(text="").order_by("-id")[:50]),
    }
