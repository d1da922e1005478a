"""The contact list: contacts with their consent, 50 a page, newest first.

Written as SQL, because every page of a million contacts must come from an index: paging by contact id, states from the
index of ``consent_state``, names from the trigram index on ``search``, tags from theirs. Row-level security allows an
index only to operators marked leakproof, so patterns meet the plain column and tags use ``@>`` (decision 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.http import QueryDict

from sayso.consent.events import Channel, State
from sayso.contacts.models import Contact
from sayso.contacts.queries import search_patterns

from .requests import number

PAGE = 50
COUNT_CAP = 10_000
"""Counting stops here: at a million contacts an exact count costs 150 ms, up to the cap 5."""

VIEWS = {
    "": "All",
    "awaiting": "Awaiting confirmation",
    "excluded": "Excluded",
    "deleted": "Deleted",
}

COLUMNS = (
    "c.id, c.first_name, c.last_name, c.email, c.phone, c.tags, c.orders_count, c.total_spent, c.updated_at,"
    " c.excluded, c.deleted_at, c.redacted_at, c.source, s.whatsapp_state, s.sms_state, s.email_state"
)


@dataclass(frozen=True)
class Filters:
    """What the page's address asks for; anything it does not understand is left out."""

    q: str = ""
    channel: str = Channel.WHATSAPP.value
    state: str = ""
    tags: tuple[str, ...] = ()
    view: str = ""
    before: int | None = None
    after: int | None = None

    @classmethod
    def read(cls, query: QueryDict, primary_channel: str) -> Filters:
        channel = query.get("channel", "")
        state = query.get("state", "")
        view = query.get("view", "")
        return cls(
            q=query.get("q", "").replace("\x00", "").strip()[:100],
            channel=channel if channel in set(Channel) else primary_channel,
            state=state if state in set(State) else "",
            tags=tuple(tag.replace("\x00", "") for tag in query.getlist("tag") if tag.strip())[:10],
            view=view if view in VIEWS else "",
            before=number(query, "before"),
            after=number(query, "after"),
        )

    @property
    def any(self) -> bool:
        return bool(self.q or self.state or self.tags or self.view)


@dataclass(frozen=True)
class Row:
    contact: Contact
    states: tuple[tuple[str, str], ...]  # (channel, state)


@dataclass(frozen=True)
class ListPage:
    rows: list[Row]
    total: int
    capped: bool
    older: int | None = None
    newer: int | None = None


@dataclass
class _Where:
    joins: str = "contact c left join consent_state s on s.shop_id = c.shop_id and s.contact_id = c.id"
    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)
    key: str = "c.id"

    def add(self, condition: str, *parameters: Any) -> None:
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    @property
    def text(self) -> str:
        return " and ".join(self.conditions)


def fetch(shop_id: int, filters: Filters) -> ListPage:
    """One page and the total. Must run inside the shop."""
    where = _where(shop_id, filters)
    total, capped = _count(where)
    backwards = filters.after is not None
    order = "asc" if backwards else "desc"
    conditions, parameters = where.text, list(where.parameters)
    if filters.after is not None:
        conditions, parameters = f"{conditions} and {where.key} > %s", [*parameters, filters.after]
    elif filters.before is not None:
        conditions, parameters = f"{conditions} and {where.key} < %s", [*parameters, filters.before]
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {COLUMNS} from {where.joins} where {conditions} order by {where.key} {order} limit {PAGE + 1}",  # noqa: S608
            parameters,
        )
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    more = len(found) > PAGE
    found = found[:PAGE]
    if backwards:
        found.reverse()
    rows = [_row(values) for values in found]
    if not rows:
        return ListPage(rows, total, capped)
    has_newer = more if backwards else filters.before is not None
    has_older = True if backwards else more
    return ListPage(
        rows,
        total,
        capped,
        older=rows[-1].contact.pk if has_older else None,
        newer=rows[0].contact.pk if has_newer else None,
    )


def _where(shop_id: int, filters: Filters) -> _Where:
    where = _Where()
    where.add("c.shop_id = %s", shop_id)
    state, channel = filters.state, filters.channel
    if filters.view == "deleted":
        where.add("(c.deleted_at is not null or c.redacted_at is not null)")
    else:
        where.add("c.deleted_at is null")
        if state != State.REDACTED:
            where.add("c.redacted_at is null")
    if filters.view == "excluded":
        where.add("c.excluded")
    if filters.view == "awaiting":
        state = State.PENDING.value
    for pattern in search_patterns(filters.q):
        where.add("c.search like %s", pattern)
    if filters.tags:
        where.add("c.tags @> %s::varchar[]", list(filters.tags))
    if state == State.UNKNOWN:
        where.add(f"coalesce(s.{channel}_state, 'UNKNOWN') = 'UNKNOWN'")
    elif state:
        # An inner join lets the index on (shop_id, state, contact_id) give the page in order.
        where.joins = where.joins.replace("left join", "join")
        where.add("s.shop_id = %s", shop_id)
        where.add(f"s.{channel}_state = %s", state)
        if not filters.q and not filters.tags:
            where.key = "s.contact_id"
    return where


def _count(where: _Where) -> tuple[int, bool]:
    joins = where.joins if "s." in where.text else "contact c"
    with connection.cursor() as cursor:
        cursor.execute(
            f"select count(*) from (select from {joins} where {where.text} limit {COUNT_CAP + 1}) counted",  # noqa: S608
            where.parameters,
        )
        (total,) = cursor.fetchone()
    return min(total, COUNT_CAP), total > COUNT_CAP


def _row(values: Mapping[str, Any]) -> Row:
    states = tuple((channel.value, values[f"{channel}_state"] or State.UNKNOWN.value) for channel in Channel)
    facts = {name: value for name, value in values.items() if not name.endswith("_state")}
    return Row(Contact(**facts), states)
