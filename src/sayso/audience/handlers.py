"""What groups do because something happened to a contact. Events of imports are not offered: :mod:`.upkeep` follows them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from sayso.events.consumers import Seen, consumer
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from . import assign
from .settings import sync_groups

CREATED, GONE = "contact.created", ("contact.deleted", "contact.redacted")
ADDED, REMOVED = "contact.tags_added", "contact.tags_removed"


@consumer("audience.groups", CREATED, *GONE, ADDED, REMOVED)
def follow(seen: Sequence[Seen]) -> None:
    """New tags become groups, counts of tags are made again, guests join their group."""
    made = [event.contact_id for event in seen if event.kind == CREATED and event.contact_id]
    assign.guests(made)
    gone = [event.contact_id for event in seen if event.kind in GONE and event.contact_id]
    changed = {tag for event in seen if event.kind in (ADDED, REMOVED) for tag in event.data.get("tags", ())}
    touched = {event.contact_id for event in seen if event.kind in (CREATED, ADDED) and event.contact_id}
    if sync_groups(Shop.objects.get(pk=current_shop_id())):
        # As they are held now: a spelling that came and went makes no group.
        assign.tags_met(_tags_of(touched))
        assign.count(new=True)  # of few members yet; the others are counted every minute
    assign.tags_count_due(changed | _tags_of(gone, living=False))


def _tags_of(contact_ids: Sequence[int] | set[int], *, living: bool = True) -> set[str]:
    if not contact_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            """select distinct tag from contact c cross join lateral unnest(c.tags) as tag where c.id = any(%s)
            and (not %s or (c.deleted_at is null and c.redacted_at is null))""",
            [sorted(contact_ids), living],
        )
        return {tag for (tag,) in cursor.fetchall()}
