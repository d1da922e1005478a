"""What people do with a campaign: make it, look at its reach, launch it, stop it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now

from sayso.audience.selection import Audience, describe, where
from sayso.consent.models import Topic
from sayso.events.models import Event
from sayso.messaging.gate import Reach, purpose_of
from sayso.messaging.gate import reach as gate_reach
from sayso.messaging.models import Message, MessageSkip, Sender, Template
from sayso.messaging.send import Mapping
from sayso.shops.tenancy import current_shop_id

from .models import Campaign

ORIGIN = "CAMPAIGN"
OFFERED = {Template.Category.MARKETING, Template.Category.UTILITY}


class LaunchBlocked(Exception):
    """The pre-launch checks failed; ``reasons`` are sentences for the person who pressed the button."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def create(
    *,
    name: str,
    template_id: int,
    sender_id: int | None,
    variables: Mapping,
    audience: Audience,
    topic: str | None = None,
    created_by: str = "",
) -> Campaign:
    """Make a draft in the current shop. Raises BadAudience, and DoesNotExist for a template, sender or topic of no such
    id or key."""
    where(audience)
    if topic:
        Topic.objects.get(key=topic)
    template = Template.objects.get(pk=template_id)
    sender = Sender.objects.get(pk=sender_id) if sender_id else Sender.objects.filter(channel=template.channel).first()
    return Campaign.objects.create(
        shop_id=current_shop_id(),
        name=name,
        channel=template.channel,
        template_id=template.pk,
        template_category=template.category,
        sender_id=sender.pk if sender else None,
        variables=list(variables),
        audience=audience,
        topic=topic or None,
        created_by=created_by,
    )


def reach(audience: Audience, template_id: int, topic: str | None = None) -> Reach:
    """Who would get this template now, and why the others would not."""
    template = Template.objects.get(pk=template_id)
    purpose = purpose_of(template.category, ORIGIN) or "MARKETING"
    return gate_reach(audience, channel=template.channel, purpose=purpose, topic=topic)


def launch(campaign_id: int, *, actor: str) -> Campaign:
    """Send a draft now. The recipients are frozen by :mod:`.build` from here on.

    Raises :class:`LaunchBlocked`; the campaign is a draft then as before.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if reasons := list(_obstacles(campaign)):
        raise LaunchBlocked(reasons)
    campaign.status = Campaign.Status.PENDING
    campaign.launched_at = Now()
    campaign.save(update_fields=["status", "launched_at"])
    campaign.refresh_from_db()
    _tell(campaign, "campaign.launched", actor)
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify('sayso_campaign', '')")
    return campaign


def _obstacles(campaign: Campaign) -> Sequence[str]:
    """The pre-launch checks (features §10.4), asked at launch and not at selection."""
    if campaign.status != Campaign.Status.DRAFT:
        return [f"The campaign is {campaign.get_status_display().lower()}; only a draft can be sent."]
    template = Template.objects.filter(pk=campaign.template_id or 0).first()
    sender = Sender.objects.filter(pk=campaign.sender_id or 0).first()
    reasons = []
    if template is None:
        return ["Its template is gone: choose another."]
    if template.status != "APPROVED":
        reasons.append(f"Template {template.name} is {template.status}, and only an approved one can be sent.")
    if template.category != campaign.template_category or template.category not in OFFERED:
        reasons.append(
            f"Template {template.name} is {template.category} now and was {campaign.template_category} when it was"
            " chosen: choose it again."
        )
    if sender is None or sender.status != "CONNECTED":
        reasons.append("The sending number is not connected: see Settings → WhatsApp.")
    if not reach(campaign.audience, template.pk, campaign.topic).sendable:
        reasons.append(f"Nobody of “{describe(campaign.audience)}” can be messaged: see the reach.")
    return reasons


def stop(campaign_id: int, *, actor: str) -> Campaign:
    """Stop a campaign that is being sent: what is still queued is skipped. What left cannot be called back."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if campaign.status != Campaign.Status.PENDING:
        raise LaunchBlocked([f"The campaign is {campaign.get_status_display().lower()}; there is nothing to stop."])
    Message.objects.filter(origin=ORIGIN, origin_id=campaign.pk, status="QUEUED").update(
        status="SKIPPED", error_code="CAMPAIGN_IS_STOPPED"
    )
    campaign.status = Campaign.Status.STOPPED
    campaign.finished_at = Now()
    campaign.save(update_fields=["status", "finished_at"])
    campaign.refresh_from_db()
    _tell(campaign, "campaign.stopped", actor)
    return campaign


def counts(campaign_id: int) -> dict[str, int]:
    """Messages by status."""
    rows = Message.objects.filter(origin=ORIGIN, origin_id=campaign_id).values("status").annotate(n=Count("pk"))
    return {row["status"]: row["n"] for row in rows}


def skips(campaign_id: int) -> list[tuple[str, int]]:
    """Why people got no message, at build and at dispatch, the most frequent reason first."""
    totals: dict[str, int] = {}
    at_build = MessageSkip.objects.filter(origin=ORIGIN, origin_id=campaign_id).values("code").annotate(n=Count("pk"))
    for row in at_build:
        totals[row["code"]] = row["n"]
    skipped = Message.objects.filter(origin=ORIGIN, origin_id=campaign_id, status="SKIPPED")
    for code, number in skipped.values_list("error_code").annotate(n=Count("pk")):
        totals[code or ""] = totals.get(code or "", 0) + number
    return sorted(totals.items(), key=lambda item: -item[1])


def _tell(campaign: Campaign, kind: str, actor: str) -> None:
    Event.objects.create(
        shop_id=campaign.shop_id,
        kind=kind,
        occurred_at=Now(),
        actor_kind="staff",
        actor_id=actor,
        origin="campaign",
        data={"campaign": campaign.pk, "name": campaign.name},
    )
    with connection.cursor() as cursor:
        notice = json.dumps({"shop": campaign.shop_id, "campaign": campaign.pk})
        cursor.execute("select pg_notify('sayso_live', %s)", [notice])
