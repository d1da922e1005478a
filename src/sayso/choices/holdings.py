"""What this room holds about a person, for access and erasure."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.shops.personal import Holding, Row, Subject

from .models import Feedback, Submission


def _submissions(subject: Subject) -> Iterator[Row]:
    rows = Submission.objects.filter(contacts__overlap=list(subject.contact_ids)).order_by("id")
    for row in rows.values(
        "id", "form_id", "form_version", "language", "channels", "topics", "wordings", "submitted_at"
    ).iterator():
        yield dict(row)


def _feedback(subject: Subject) -> Iterator[Row]:
    rows = Feedback.objects.filter(contact_id__in=list(subject.contact_ids)).order_by("id")
    for row in rows.values("contact_id", "channel", "reason", "text", "at").iterator():
        yield dict(row)


def _scrub_feedback(subject: Subject) -> int:
    return Feedback.objects.filter(contact_id__in=list(subject.contact_ids)).exclude(text="").update(text="")


ALL = (
    Holding(
        "form_submissions", "Forms handed in", ("form_submission",), _submissions, None,
        why_kept="Which form, version and wording, and when. What was typed left the row when it was taken in.",
    ),
    Holding("unsubscribe_feedback", "Why they unsubscribed", ("unsubscribe_feedback",), _feedback, _scrub_feedback),
)  # fmt: skip
