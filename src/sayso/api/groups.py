"""Groups over the REST API: finding them, and who is in one. What comes from Shopify is changed there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db import connection
from django.db.models import Q
from ninja import Query, Router, Schema
from pydantic import BaseModel, Field

from sayso.audience import queries
from sayso.audience.models import Group
from sayso.shops.api import (
    DEFAULT_LIMIT,
    ApiRequest,
    Cursor,
    Id,
    Limit,
    Scope,
    Text,
    invalid,
    missing,
    read_cursor,
    write_cursor,
)

from .contacts import ContactDetail, readable

router = Router(tags=["Groups"])


class GroupOut(Schema):
    id: int
    kind: str = Field(description="`SHOPIFY_SEGMENT`, `SHOPIFY_TAG` or `SHOPIFY_GUESTS`.")
    name: str
    source_type: str | None
    external_id: str | None = Field(description="Shopify's number of a segment; a tag in lower case.")
    query: str | None = Field(description="The conditions of a segment, in Shopify's words.")
    members_count: int | None = Field(description="As of `counted_at`; null before it was ever counted.")
    counted_at: datetime | None
    members_at: datetime | None = Field(description="When the members of a segment were last compared with Shopify.")
    gone_at: datetime | None = Field(description="It was deleted in Shopify; the members are the last ones.")


class Groups(Schema):
    items: list[GroupOut] = Field(description="In the order of their making.")
    next_cursor: str | None


class GroupContacts(Schema):
    items: list[ContactDetail] = Field(description="Newest contact first.")
    next_cursor: str | None


class Filters(BaseModel):
    search: Annotated[Text, Field(max_length=100)] = Field("", description="Part of the name.")
    kind: Group.Kind | None = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


class Paging(BaseModel):
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


@router.get("/groups", response=Groups, auth=Scope("lists.view"), summary="Find groups", operation_id="list_groups")
def list_groups(request: ApiRequest, filters: Query[Filters]) -> dict[str, Any]:
    """The groups of the shop: every segment and tag of its store, and the guests."""
    if unknown := sorted(set(request.GET) - set(Filters.model_fields)):
        raise invalid(unknown[0], "must_be_empty", "there is no such filter")
    wanted = Q(name__icontains=filters.search) if filters.search else Q()
    if filters.kind is not None:
        wanted &= Q(kind=filters.kind)
    if (position := read_cursor(filters.cursor, int)) is not None:
        wanted &= Q(pk__gt=position[0])
    rows = list(queries.shown().filter(wanted).order_by("pk")[: filters.limit + 1])
    more, rows = len(rows) > filters.limit, rows[: filters.limit]
    return {"items": [_json(row) for row in rows], "next_cursor": write_cursor(rows[-1].pk) if more else None}


@router.get(
    "/groups/{group_id}", response=GroupOut, auth=Scope("lists.view"), summary="A group", operation_id="get_group"
)
def get_group(request: ApiRequest, group_id: Id) -> dict[str, Any]:
    """Also one that is gone in Shopify, with `gone_at`."""
    return _json(_group(group_id))


@router.get(
    "/groups/{group_id}/contacts",
    response=GroupContacts,
    auth=Scope("contacts.view"),
    summary="The contacts of a group",
    operation_id="list_group_contacts",
)
def list_group_contacts(request: ApiRequest, group_id: Id, paging: Query[Paging]) -> dict[str, Any]:
    """Deleted and redacted contacts are members of nothing."""
    group = _group(group_id)
    source, parameters = queries.members(group)
    if (position := read_cursor(paging.cursor, int)) is not None:
        source, parameters = f"{source} and c.id < %s", [*parameters, position[0]]
    with connection.cursor() as cursor:
        cursor.execute(
            f"select c.id from {source} order by c.id desc limit %s",  # noqa: S608 (our own condition)
            [*parameters, paging.limit + 1],
        )
        ids = [contact_id for (contact_id,) in cursor.fetchall()]
    more, ids = len(ids) > paging.limit, ids[: paging.limit]
    return {"items": readable(ids), "next_cursor": write_cursor(ids[-1]) if more else None}


def _group(group_id: int) -> Group:
    found = queries.group(group_id)
    if found is None:
        raise missing(f"group {group_id}")
    return found


def _json(group: Group) -> dict[str, Any]:
    names = ("id", "kind", "name", "source_type", "external_id", "query", "members_count", "counted_at", "members_at")
    return {name: getattr(group, name) for name in names} | {"gone_at": group.gone_at if group.gone else None}
