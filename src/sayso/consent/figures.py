"""Consent in figures: states over time, opt-ins and opt-outs by source, refused attempts. Runs inside one shop.

Everything about a period comes from one pass over the ledger's entries of that period, grouped in the database; a
million entries give some thousand groups, and the figures are sums of those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from .events import Channel, State
from .queries import first_since

TRACKED = (State.SUBSCRIBED, State.PENDING, State.UNSUBSCRIBED)
"""The states that are shown over time; the others say that nothing is known, or nothing can be sent."""

# The day is that of the recording, because from that moment the state stood. ``spoken``: the person acted within the
# period, too; an import of old consents is no wave of opt-ins. ``here``: the contact still counts among today's.
GROUPED = """
select (l.recorded_at at time zone %(zone)s)::date as day, l.channel, l.source, l.from_state, l.to_state, l.outcome,
    l.refusal_code, coalesce(l.occurred_at, l.recorded_at) >= %(since)s as spoken, c.id is not null as here, count(*)
from consent_ledger l
left join contact c on c.shop_id = l.shop_id and c.id = l.contact_id and c.deleted_at is null
where l.id >= %(first)s and l.recorded_at >= %(since)s and (l.outcome = 'REFUSED' or l.from_state <> l.to_state)
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
"""


@dataclass(frozen=True, slots=True)
class Group:
    """So many ledger entries that have all this in common."""

    day: date
    channel: str
    source: str
    from_state: str
    to_state: str
    outcome: str
    refusal_code: str | None
    spoken: bool
    here: bool
    number: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What one source brought: opt-ins and opt-outs that changed a state, one a contact and channel."""

    source: str
    opt_ins: int = 0
    opt_outs: int = 0

    @property
    def total(self) -> int:
        return self.opt_ins + self.opt_outs


@dataclass(frozen=True, slots=True)
class Refusal:
    """Attempts that were refused for one reason."""

    code: str
    number: int


def groups(since: datetime, zone: str) -> list[Group]:
    """The ledger since ``since``, grouped; days are those of ``zone`` (an IANA name).

    A year with a million entries took 3 s on two busy cores, a month of them a third of one.
    """
    with connection.cursor() as cursor:
        cursor.execute(GROUPED, {"since": since, "first": first_since(since), "zone": zone})
        return [Group(*row) for row in cursor.fetchall()]


def states_by_day(
    found: Iterable[Group], now: dict[str, dict[str, int]], days: Sequence[date]
) -> dict[str, dict[str, list[int]]]:
    """Channel → state → contacts in that state at the end of each of ``days``, for :data:`TRACKED`.

    Told backwards from today's counts (``now``, see :func:`sayso.consent.queries.counts`): the count at the end of a day
    is that of the next one less what the next day's entries changed. It speaks of the contacts that are there today.
    """
    change: dict[tuple[str, str], dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in found:
        if one.here and one.from_state != one.to_state:
            change[one.channel, one.to_state][one.day] += one.number
            change[one.channel, one.from_state][one.day] -= one.number
    told: dict[str, dict[str, list[int]]] = {}
    for channel in Channel:
        told[channel.value] = {}
        for state in TRACKED:
            count, changed, backwards = now.get(channel, {}).get(state, 0), change[channel, state], []
            for day in reversed(days):
                backwards.append(count)
                count -= changed[day]
            told[channel.value][state.value] = backwards[::-1]
    return told


def by_source(found: Iterable[Group]) -> list[Flow]:
    """Opt-ins and opt-outs of the period by source, most first. By the time the person acted."""
    ins: dict[str, int] = defaultdict(int)
    outs: dict[str, int] = defaultdict(int)
    for one in found:
        if one.spoken and one.from_state != one.to_state:
            if one.to_state == State.SUBSCRIBED:
                ins[one.source] += one.number
            elif one.to_state == State.UNSUBSCRIBED:
                outs[one.source] += one.number
    flows = [Flow(source, ins[source], outs[source]) for source in ins.keys() | outs.keys()]
    return sorted(flows, key=lambda flow: (-flow.total, flow.source))


def refusals(found: Iterable[Group]) -> list[Refusal]:
    """Refused attempts of the period by reason, most first."""
    counted: dict[str, int] = defaultdict(int)
    for one in found:
        if one.outcome == "REFUSED":
            counted[one.refusal_code or ""] += one.number
    return [Refusal(code, number) for code, number in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]


def days_back(today: date, number: int) -> list[date]:
    """The last ``number`` days up to ``today``, oldest first."""
    return [today - timedelta(days=back) for back in range(number - 1, -1, -1)]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """How many addresses are suppressed for one kind of reason."""

    kind: str
    number: int
    ended: int
    latest: datetime | None


def suppressed() -> list[Suppressed]:
    """Suppressed addresses by kind, most first; ended blocks are counted apart."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select kind, count(*) filter (where ended_at is null), count(*) filter (where ended_at is not null),"
            " max(created_at) from suppression group by kind order by 2 desc, kind"
        )
        return [Suppressed(*row) for row in cursor.fetchall()]
