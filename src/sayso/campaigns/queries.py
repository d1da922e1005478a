"""Reading campaigns: the list, how far one is, who got it and who did not. Runs inside one shop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.core.cache import cache
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from sayso.consent.queries import first_since
from sayso.contacts.models import Contact
from sayso.messaging.models import Message, MessageSkip

from .models import Campaign

ORIGIN = "CAMPAIGN"
OPEN = ("QUEUED", "SENDING")
ACCEPTED = ("SENT", "DELIVERED", "READ")
PAGE = 50
KEEP = 60
"""Seconds that the counts of a finished campaign are kept for the list: only read receipts still move them."""


@dataclass(frozen=True)
class Figures:
    """The counts of a campaign's messages, as they are read: delivered includes read, sent includes both."""

    by_status: dict[str, int] = field(default_factory=dict)

    def _sum(self, statuses: Iterable[str]) -> int:
        return sum(self.by_status.get(status, 0) for status in statuses)

    @property
    def total(self) -> int:
        return sum(self.by_status.values())

    @property
    def sent(self) -> int:
        return self._sum(ACCEPTED)

    @property
    def delivered(self) -> int:
        return self._sum(("DELIVERED", "READ"))

    @property
    def read(self) -> int:
        return self._sum(("READ",))

    @property
    def failed(self) -> int:
        return self._sum(("FAILED",))

    @property
    def skipped(self) -> int:
        return self._sum(("SKIPPED",))

    @property
    def unconfirmed(self) -> int:
        return self._sum(("UNCONFIRMED",))

    @property
    def waiting(self) -> int:
        return self._sum(OPEN)

    @property
    def done(self) -> int:
        return self.total - self.waiting


@dataclass(frozen=True)
class Pace:
    """How fast a campaign goes out: messages a second since the page last looked, else since the launch."""

    rate: float
    seconds_left: float | None


@dataclass(frozen=True)
class Reason:
    """Why people got no message: a code of ``messaging.codes`` and how many."""

    code: str
    count: int


@dataclass(frozen=True)
class Recipient:
    """One line of the recipients: the message, or the skip, and whose it is."""

    pk: int
    contact_id: int
    name: str
    status: str
    code: str
    at: datetime | None
    detail: str = ""


def listed(*, before: int | None = None, limit: int = PAGE) -> list[Campaign]:
    """Campaigns, newest first."""
    campaigns = Campaign.objects.order_by("-id")
    return list((campaigns.filter(pk__lt=before) if before else campaigns)[:limit])


def figures_of(campaigns: list[Campaign]) -> dict[int, Figures]:
    """Campaign id → figures, in one query for those that move, from the cache for those that are over."""
    over = {campaign.pk for campaign in campaigns if campaign.finished_at}
    keys = {_key(campaign): campaign.pk for campaign in campaigns if campaign.pk in over}
    known = {keys[key]: Figures(counts) for key, counts in cache.get_many(keys).items()}
    wanted = [campaign for campaign in campaigns if campaign.pk not in known and campaign.launched_at]
    counted: dict[int, dict[str, int]] = defaultdict(dict)
    rows = (
        Message.objects.filter(origin=ORIGIN, origin_id__in=[campaign.pk for campaign in wanted])
        .values_list("origin_id", "status")
        .annotate(number=Count("*"))
        .order_by()
    )
    for campaign_id, status, number in rows:
        counted[campaign_id][status] = number
    cache.set_many({_key(one): counted[one.pk] for one in wanted if one.pk in over}, KEEP)
    return known | {campaign.pk: Figures(counted[campaign.pk]) for campaign in wanted}


@dataclass(frozen=True)
class OptOuts:
    """Who opted out after a campaign."""

    campaign: Campaign
    delivered: int
    opted_out: int

    @property
    def rate(self) -> float | None:
        """Of those it was delivered to, 0 to 1; None where it reached nobody."""
        return self.opted_out / self.delivered if self.delivered else None


OPTED_OUT = """
select m.origin_id, count(distinct m.contact_id)
from consent_ledger l
join message m on m.shop_id = l.shop_id and m.contact_id = l.contact_id and m.channel = l.channel
where l.id >= %(first)s and l.to_state = 'UNSUBSCRIBED' and l.from_state <> l.to_state
    and m.origin = 'CAMPAIGN' and m.origin_id = any (%(campaigns)s)
    and coalesce(l.occurred_at, l.recorded_at)
        between date_trunc('second', m.sent_at) and m.sent_at + interval '72 hours'
group by 1
"""


def opt_outs_after(campaigns: list[Campaign]) -> list[OptOuts]:
    """How many of those a campaign wrote to opted out on its channel within 72 hours of its message, in their order.

    One pass over the opt-outs since the oldest of them, each looked up among the contact's messages: opt-outs are few
    where recipients are a million. Somebody who got two campaigns in these hours counts for both.
    """
    launched = [campaign for campaign in campaigns if campaign.launched_at]
    if not launched:
        return []
    first = first_since(min(campaign.launched_at for campaign in launched if campaign.launched_at))
    with connection.cursor() as cursor:
        cursor.execute(OPTED_OUT, {"first": first, "campaigns": [campaign.pk for campaign in launched]})
        counted = dict(cursor.fetchall())
    figures = figures_of(launched)
    return [OptOuts(one, figures[one.pk].delivered, counted.get(one.pk, 0)) for one in launched]


def launched(*, limit: int) -> list[Campaign]:
    """The campaigns launched last."""
    return list(Campaign.objects.filter(launched_at__isnull=False).order_by("-launched_at", "-id")[:limit])


def _key(campaign: Campaign) -> str:
    return f"campaign-figures:{campaign.shop_id}:{campaign.pk}"


def pace(campaign: Campaign, figures: Figures, *, done_before: int | None, at: float | None) -> Pace | None:
    """The pace of a running campaign; ``done_before`` of its messages were done at ``at`` (seconds since the epoch)."""
    if campaign.status != Campaign.Status.PENDING or campaign.launched_at is None:
        return None
    now = timezone.now().timestamp()
    if done_before is None or at is None or not 0 < now - at < 60:
        done_before, at = 0, campaign.launched_at.timestamp()
    seconds = now - at
    rate = max(0, figures.done - done_before) / seconds if seconds > 0 else 0.0
    return Pace(rate, figures.waiting / rate if rate and campaign.built_at else None)


def reasons(campaign_id: int, status: str) -> list[Reason]:
    """Why messages failed or were skipped at dispatch, most frequent first."""
    rows = (
        Message.objects.filter(origin=ORIGIN, origin_id=campaign_id, status=status)
        .values_list("error_code")
        .annotate(number=Count("*"))
        .order_by("-number", "error_code")
    )
    return [Reason(code or "", number) for code, number in rows]


def reasons_left_out(campaign_id: int) -> list[Reason]:
    """Why people of the audience got no message row, most frequent first."""
    rows = (
        MessageSkip.objects.filter(origin=ORIGIN, origin_id=campaign_id)
        .values_list("code")
        .annotate(number=Count("*"))
        .order_by("-number", "code")
    )
    return [Reason(code, number) for code, number in rows]


def recipients(campaign_id: int, *, statuses: tuple[str, ...], code: str, before: int | None) -> list[Recipient]:
    """Messages of a campaign, newest first, one more than a page where there is more."""
    messages = Message.objects.filter(origin=ORIGIN, origin_id=campaign_id)
    if statuses:
        messages = messages.filter(status__in=statuses)
    if code:
        messages = messages.filter(error_code=code)
    if before:
        messages = messages.filter(pk__lt=before)
    found = list(messages.order_by("-id")[: PAGE + 1])
    names = _names(message.contact_id for message in found)
    return [
        Recipient(
            message.pk,
            message.contact_id,
            names.get(message.contact_id, f"Contact {message.contact_id}"),
            message.status,
            message.error_code or "",
            message.read_at or message.delivered_at or message.failed_at or message.sent_at or message.queued_at,
            " ".join(part for part in (message.provider_code, message.provider_text) if part),
        )
        for message in found
    ]


def left_out(campaign_id: int, *, code: str, before: int | None) -> list[Recipient]:
    """People of the audience who never got a message row, newest first."""
    skips = MessageSkip.objects.filter(origin=ORIGIN, origin_id=campaign_id)
    if code:
        skips = skips.filter(code=code)
    if before:
        skips = skips.filter(contact_id__lt=before)
    # By contact, because that is the order of the unique index that begins with the campaign.
    found = list(skips.order_by("-contact_id")[: PAGE + 1])
    names = _names(skip.contact_id for skip in found)
    return [
        Recipient(
            skip.contact_id,
            skip.contact_id,
            names.get(skip.contact_id, f"Contact {skip.contact_id}"),
            "LEFT_OUT",
            skip.code,
            skip.at,
            skip.detail or "",
        )
        for skip in found
    ]


def _names(contact_ids: Iterable[int]) -> dict[int, str]:
    fields = ("id", "first_name", "last_name", "email", "phone")
    contacts = Contact.objects.filter(pk__in=set(contact_ids)).only(*fields)
    return {contact.pk: contact.display_name for contact in contacts}


def tag_counts(tags: list[str], cap: int = 10_000) -> list[tuple[str, int, bool]]:
    """(tag, contacts that carry it, whether counting stopped at the cap), most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select tag, (select count(*) from (select from contact c where c.tags @> array[tag]::varchar[]"
            " and c.deleted_at is null limit %s) counted) from unnest(%s::varchar[]) as tag",
            [cap + 1, tags],
        )
        counted = [(tag, min(number, cap), number > cap) for tag, number in cursor.fetchall()]
    return sorted(counted, key=lambda one: (-one[1], one[0]))
