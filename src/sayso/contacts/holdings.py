"""What this room holds about a person beside the contact itself (which the privacy room declares): with whom they were
made one."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.models import Q

from sayso.shops.personal import Holding, Row, Subject

from .models import ContactMerge


def _merges(subject: Subject) -> Iterator[Row]:
    ids = list(subject.contact_ids)
    rows = ContactMerge.objects.filter(Q(survivor_id__in=ids) | Q(merged_id__in=ids)).order_by("pk")
    for row in rows.values("survivor_id", "merged_id", "cause", "actor_kind", "merged_at", "undone_at"):
        yield dict(row)


def _forget(subject: Subject) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select contact_merges_forget(%s)", [list(subject.contact_ids)])
        return cursor.fetchone()[0]


ALL = (
    Holding(
        "merges", "Contacts that were made one", ("contact_merge",), _merges, _forget,
        why_kept="That two numbers of contacts are one person, so that what is said of the one reaches the other; without"
        " anything that names the person.",
    ),
)  # fmt: skip
