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

from sayso.audience.models import Group
from sayso.consent.events import Channel, State
from sayso.contacts.models import Contact
from sayso.contacts.queries import search_patterns

from .requests import number

PAGE = 50
COUNT_CAP = 10_000
"""Counting stops here: at a million contacts an exact count costs 150 ms, up to the cap 5 ms."""

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
    group: Group | None = None  # set by the page of a group

    @classmethod
    def read(cls, query: QueryDict, primary_channel: str) -> Filters:
        channel = query.get("channel", "")
        state = query.get("state", "")
        view = query.get("view", "")
        return cls(
            q=_clean(query.get("q", ""))[:100],
            channel=channel if channel in set(Channel) else primary_channel,
            state=state if state in set(State) else "",
            tags=tuple(dict.fromkeys(_clean(tag) for tag in query.getlist("tag") if _clean(tag)))[:10],
            view=view if view in VIEWS else "",
            before=number(query, "before"),
            after=number(query, "after"),
        )

    @property
    def narrowed(self) -> bool:
        """Whether more is asked for than the members of a group."""
        return bool(self.q or self.state or self.tags)

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


STATES = "left join consent_state s on s.shop_id = c.shop_id and s.contact_id = c.id"
JOINS = f"contact c {STATES}"
MEMBERS = "group_member m join contact c on c.shop_id = m.shop_id and c.id = m.contact_id"


@dataclass
class _Where:
    source: str = "contact c"
    states: str = STATES
    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)
    key: str = "c.id"

    def add(self, condition: str, *parameters: Any) -> None:
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    @property
    def text(self) -> str:
        return " and ".join(self.conditions)

    @property
    def joins(self) -> str:
        return f"{self.source} {self.states}"

    @property
    def needed_joins(self) -> str:
        """The joins without which the conditions mean nothing."""
        return self.joins if "s." in self.text else self.source


def _clean(text: str) -> str:
    """PostgreSQL knows no NUL in a text."""
    return text.replace("\x00", "").strip()


def fetch(shop_id: int, filters: Filters) -> ListPage:
    """One page and the total. Must run inside the shop.

    Up to the cap, the ids of all matches come first, by whatever index finds them; they give the exact total and the
    page. Beyond it, the page comes from walking the ids in order, which soon finds fifty when so many match. Leaving that
    choice to the planner costs 300 ms where few match, because it expects a walk to end early.
    """
    where = _where(shop_id, filters)
    if filters.group is not None and not filters.narrowed:
        # A group's members are counted in the background; its page is walked, whatever their number.
        ids, total = _few(where, filters.group)
    elif not (filters.q or filters.tags):
        total = _count(where)
        ids = None
    else:
        ids = _ids(where)
        total = len(ids)
    capped = total > COUNT_CAP
    found = _walk(where, filters) if ids is None or capped else _pick(shop_id, ids, filters)
    return _page(found, min(total, COUNT_CAP), capped, filters)


def _few(where: _Where, group: Group) -> tuple[list[int] | None, int]:
    """The ids of a small tag group, found by the index on tags, and how many; of all others the counted number alone:
    walking the contacts soon meets fifty of many, and stored members lie in order."""
    counted = group.members_count or 0
    if group.source_type != Group.Source.TAG or counted > COUNT_CAP:
        return None, counted
    ids = _ids(where)
    return ids, len(ids)


def _page(found: list[Row], total: int, capped: bool, filters: Filters) -> ListPage:
    """``found`` is in the direction of paging, with one row more than a page where there is more."""
    backwards = filters.after is not None
    more = len(found) > PAGE
    rows = found[:PAGE][::-1] if backwards else found[:PAGE]
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


def _walk(where: _Where, filters: Filters) -> list[Row]:
    """The page by walking contact ids in order."""
    conditions, parameters, order = where.text, list(where.parameters), "desc"
    if filters.after is not None:
        conditions, order = f"{conditions} and {where.key} > %s", "asc"
        parameters.append(filters.after)
    elif filters.before is not None:
        conditions = f"{conditions} and {where.key} < %s"
        parameters.append(filters.before)
    return _rows(
        f"select {COLUMNS} from {where.joins} where {conditions} order by {where.key} {order} limit {PAGE + 1}",  # noqa: S608
        parameters,
    )


def _pick(shop_id: int, ids: list[int], filters: Filters) -> list[Row]:
    """The page out of all ids that match."""
    if filters.after is not None:
        wanted = sorted(one for one in ids if one > filters.after)[: PAGE + 1]
    else:
        before = filters.before
        wanted = sorted((one for one in ids if before is None or one < before), reverse=True)[: PAGE + 1]
    if not wanted:
        return []
    rows = _rows(
        f"select {COLUMNS} from {JOINS} where c.shop_id = %s and c.id = any(%s)",  # noqa: S608
        [shop_id, wanted],
    )
    place = {contact_id: index for index, contact_id in enumerate(wanted)}
    return sorted(rows, key=lambda row: place[row.contact.pk])


def _rows(sql: str, parameters: list[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return [_row(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _ids(where: _Where) -> list[int]:
    """The ids of all matches, up to one more than the cap, in no order. There is an index for the conditions; that a
    scan would soon find enough is wrong exactly where nothing matches, so scans are ruled out."""
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(
            f"select c.id from {where.needed_joins} where {where.text} limit {COUNT_CAP + 1}",  # noqa: S608
            where.parameters,
        )
        ids = [contact_id for (contact_id,) in cursor.fetchall()]
        cursor.execute("set local enable_seqscan = on")
        return ids


def _count(where: _Where) -> int:
    counted = f"select from {where.needed_joins} where {where.text} limit {COUNT_CAP + 1}"
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from ({counted}) counted", where.parameters)  # noqa: S608
        return cursor.fetchone()[0]


def _where(shop_id: int, filters: Filters) -> _Where:
    where = _Where()
    where.add("c.shop_id = %s", shop_id)
    if filters.group is not None and filters.group.source_type == Group.Source.TAG:
        where.add("c.tags && %s::varchar[]", filters.group.spellings)
    elif filters.group is not None:
        where.source, where.key = MEMBERS, "m.contact_id"
        where.add(
            "m.shop_id = %s and m.group_id = %s and m.member and m.contact_id is not null", shop_id, filters.group.pk
        )
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
    for patterns in search_patterns(filters.q):
        where.add("(" + " or ".join(["c.search like %s"] * len(patterns)) + ")", *patterns)
    if filters.tags:
        where.add("c.tags @> %s::varchar[]", list(filters.tags))
    if state:
        # Whoever comes through the doors has a row of state, be it all UNKNOWN, so an inner join will do: it lets the
        # index on (shop_id, state, contact_id) give the page in order.
        where.states = STATES.removeprefix("left ")
        where.add("s.shop_id = %s", shop_id)
        where.add(f"s.{channel}_state = %s", state)
        if not filters.q and not filters.tags and filters.group is None:
            where.key = "s.contact_id"
    return where


def _row(values: Mapping[str, Any]) -> Row:
    states = tuple((channel.value, values[f"{channel}_state"] or State.UNKNOWN.value) for channel in Channel)
    facts = {name: value for name, value in values.items() if not name.endswith("_state")}
    return Row(Contact(**facts), states)
