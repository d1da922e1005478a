"""What happened with a contact, for the REST API: events, messages and orders in one line of time."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from django.db import connection
from ninja import Router, Schema
from pydantic import AwareDatetime, Field

from sayso.contacts.models import Contact
from sayso.shops.api import (
    DEFAULT_LIMIT,
    ApiRequest,
    Cursor,
    Id,
    Limit,
    Scope,
    invalid,
    missing,
    read_cursor,
    write_cursor,
)

router = Router(tags=["Contacts"])

# The rank breaks ties between kinds of rows, so that the edge of a page never loses one.
SOURCES = {
    "event": """select occurred_at as at, 3 as rank, id, kind as name, actor_kind as actor, origin, null as status, data
        from event where contact_id = %(contact)s""",
    "message": """select queued_at, 2, id, direction, null, origin, status, jsonb_build_object('channel', channel,
        'origin_id', origin_id, 'template_id', template_id, 'body', body, 'error_code', error_code, 'sent_at', sent_at,
        'delivered_at', delivered_at, 'read_at', read_at, 'failed_at', failed_at)
        from message where contact_id = %(contact)s""",
    "order": """select placed_at, 1, id, name, null, 'shopify', status, jsonb_build_object('total', total::text,
        'currency', currency, 'shopify_order_id', shopify_order_id::text)
        from orders where contact_id = %(contact)s""",
}
RANKS = {3: "event", 2: "message", 1: "order"}


class Activity(Schema):
    """One thing that happened."""

    type: Literal["event", "message", "order"]
    id: int
    at: datetime
    name: str = Field(description="Kind of event, direction of the message (`IN`, `OUT`), or name of the order.")
    status: str | None = Field(description="Of a message or an order, as it is now.")
    actor: str | None = Field(description="Of an event: `customer`, `staff`, `system`, `shop` or `provider`.")
    origin: str | None
    data: dict[str, Any]


class Activities(Schema):
    items: list[Activity] = Field(description="Newest first.")
    next_cursor: str | None


@router.get(
    "/contacts/{contact_id}/activity",
    response=Activities,
    auth=Scope("contacts.view"),
    summary="Activity of a contact",
    operation_id="get_activity",
)
def get_activity(
    request: ApiRequest,
    contact_id: Id,
    type: Literal["event", "message", "order"] | None = None,
    since: AwareDatetime | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """Events, messages and orders, newest first."""
    if not Contact.objects.filter(pk=contact_id).exists():
        raise missing(f"contact {contact_id}")
    parameters: dict[str, Any] = {"contact": contact_id, "limit": limit + 1}
    conditions = ["true"]
    if since:
        conditions.append("at >= %(since)s")
        parameters["since"] = since
    if position := read_cursor(cursor, str, int, int):
        conditions.append("(at, rank, id) < (%(at)s, %(rank)s, %(id)s)")
        parameters |= {"at": _moment(position[0]), "rank": position[1], "id": position[2]}
    texts = [text for name, text in SOURCES.items() if type in (None, name)]
    names = "at, rank, id, name, actor, origin, status, data"
    where = " and ".join(conditions)
    union = " union all ".join(
        f"(select * from ({text}) one ({names}) where {where} order by at desc, id desc limit %(limit)s)"  # noqa: S608
        for text in texts
    )
    with connection.cursor() as db:
        db.execute(
            f"select * from ({union}) merged order by at desc, rank desc, id desc limit %(limit)s",  # noqa: S608
            parameters,
        )
        rows = db.fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    following = write_cursor(rows[-1][0].isoformat(), *rows[-1][1:3]) if more else None
    return {"items": [_readable(row) for row in rows], "next_cursor": following}


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise invalid("cursor", "invalid_format", "take it from next_cursor as it is") from None


def _readable(row: tuple[Any, ...]) -> dict[str, Any]:
    at, rank, pk, name, actor, origin, status, data = row
    return {
        "type": RANKS[rank],
        "id": pk,
        "at": at,
        "name": name,
        "status": status,
        "actor": actor,
        "origin": origin,
        "data": json.loads(data) if isinstance(data, str) else data or {},
    }
