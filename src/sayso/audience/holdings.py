"""What this room holds about a person, for access and erasure."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from sayso.shops.personal import Holding, Row, Subject

from .models import Group, GroupMember


def _memberships(subject: Subject) -> Iterator[Row]:
    rows = GroupMember.objects.filter(_of(subject), member=True).order_by("pk")
    names = dict(Group.objects.filter(pk__in=rows.values("group_id")).values_list("pk", "name"))
    for row in rows.values("group_id", "contact_id", "shopify_customer_id", "at").iterator():
        yield {"group": names[row["group_id"]]} | row


def _forget(subject: Subject) -> int:
    """Also what waits for a customer who never came."""
    count, _ = GroupMember.objects.filter(_of(subject)).delete()
    return count


def _of(subject: Subject) -> Q:
    return Q(contact_id__in=list(subject.contact_ids)) | Q(shopify_customer_id__in=list(subject.customer_ids))


ALL = (Holding("groups", "Groups they are in", ("group_member",), _memberships, _forget),)
