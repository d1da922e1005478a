"""Reading groups. Runs inside one shop. Deleted and redacted contacts are members of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from sayso.contacts.models import Contact

from .models import Group, GroupMember

SHOPIFY_KINDS = (Group.Kind.SHOPIFY_SEGMENT, Group.Kind.SHOPIFY_TAG, Group.Kind.SHOPIFY_GUESTS)
GONE = "gone"
_GONE = Q(gone_at__isnull=False) & (Q(seen_at__isnull=True) | Q(gone_at__gte=F("seen_at")))


@dataclass(frozen=True)
class Found:
    """A page of groups."""

    groups: Sequence[Group]
    more: bool


def shown() -> QuerySet[Group]:
    """All groups but those of which nothing is known save that they are gone."""
    return Group.objects.exclude(_GONE & Q(named_at__isnull=True, members_at__isnull=True))


def find(*, text: str = "", kind: str = "", page: int = 1, size: int = 50) -> Found:
    """Groups by name, guests and segments before tags. ``kind`` is a :class:`Group.Kind` or :data:`GONE`."""
    found = shown()
    if text:
        found = found.filter(name__icontains=text)
    if kind == GONE:
        found = found.filter(_GONE)
    elif kind:
        found = found.filter(kind=kind)
    rows = found.order_by("kind", Lower("name"), "pk")  # SHOPIFY_GUESTS, _SEGMENT, _TAG
    start = (page - 1) * size
    page_of = list(rows[start : start + size + 1])
    return Found(page_of[:size], more=len(page_of) > size)


def group(group_id: int) -> Group | None:
    """One group; None where the shop has none of that id."""
    return Group.objects.filter(pk=group_id).first()


def any_groups() -> bool:
    return Group.objects.exists()


def of_contact(contact: Contact) -> list[Group]:
    """The groups a contact is in, by name: those with stored members, and those of its tags."""
    if contact.deleted_at is not None or contact.redacted_at is not None:
        return []
    stored = GroupMember.objects.filter(contact_id=contact.pk, member=True).values("group_id")
    tags = Q(source_type=Group.Source.TAG, external_id__in=sorted({tag.lower() for tag in contact.tags}))
    return list(Group.objects.filter(Q(pk__in=stored) | tags).order_by("kind", Lower("name"), "pk"))


def members(group: Group) -> tuple[str, list[Any]]:
    """FROM and WHERE of the contacts ``c`` in a group, with their parameters."""
    living = "c.shop_id = %s and c.deleted_at is null and c.redacted_at is null"
    if group.source_type == Group.Source.TAG:
        return f"contact c where {living} and c.tags && %s::varchar[]", [group.shop_id, group.spellings]
    joined = "group_member m join contact c on c.shop_id = m.shop_id and c.id = m.contact_id"
    return (
        f"{joined} where {living} and m.shop_id = %s and m.group_id = %s and m.member and m.contact_id is not null",
        [group.shop_id, group.shop_id, group.pk],
    )
