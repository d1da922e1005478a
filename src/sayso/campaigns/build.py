"""From a launched campaign to message rows, in chunks with a stored position, and to its end.

A chunk, its skips and the new position are one transaction: killed at any instant, the next worker goes on behind the
last committed chunk, and nobody is lost or taken twice.
"""

from __future__ import annotations

import json
import threading

from django.db import connection
from django.db.models.functions import Now

from sayso.audience.selection import where
from sayso.messaging.models import Template
from sayso.messaging.send import Mapping, mappings, queue
from sayso.shops.tenancy import shop_context

from .actions import ORIGIN, counts
from .models import Campaign

CHUNK = 25_000  # the largest write transaction we allow ourselves
PAUSE = 0.5  # seconds between looks for work
UNFINISHED = {"QUEUED", "SENDING"}


def run(stop: threading.Event) -> None:
    """Build and finish campaigns of all shops until ``stop`` is set. Any number of workers may run this."""
    while not stop.is_set():
        progressed = False
        for shop_id, campaign_id in _running():
            if stop.is_set():
                return
            progressed |= advance(shop_id, campaign_id)
        if not progressed:
            stop.wait(PAUSE)


def _running() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("select shop_id, campaign_id from running_campaigns()")
        return cursor.fetchall()


def advance(shop_id: int, campaign_id: int) -> bool:
    """One step of one campaign: its next chunk, or its end. False where there was nothing to do (yet)."""
    with shop_context(shop_id):
        campaign = Campaign.objects.select_for_update(skip_locked=True).filter(pk=campaign_id, status="PENDING").first()
        if campaign is None:
            return False
        if campaign.built_at is None:
            return _build_chunk(campaign)
        return _finish(campaign)


def _build_chunk(campaign: Campaign) -> bool:
    condition, parameters = where(campaign.audience)
    with connection.cursor() as cursor:
        cursor.execute(
            f"select c.id from contact c where {condition} and c.id > %s order by c.id limit %s",  # noqa: S608
            [*parameters, campaign.position, CHUNK],
        )
        contacts = [row[0] for row in cursor.fetchall()]
    if contacts:
        template = Template.objects.get(pk=campaign.template_id or 0)
        assert campaign.sender_id is not None
        queue(
            contacts,
            origin=ORIGIN,
            origin_id=campaign.pk,
            template=template,
            sender_id=campaign.sender_id,
            topic=campaign.topic,
        )
        campaign.position = contacts[-1]
    if len(contacts) < CHUNK:
        campaign.built_at = Now()
    campaign.save(update_fields=["position", "built_at"])
    _tell_open_pages(campaign)
    return True


def _finish(campaign: Campaign) -> bool:
    """Close the campaign when nobody is queued or on the way."""
    by_status = counts(campaign.pk)
    if UNFINISHED & by_status.keys():
        return False
    accepted = sum(by_status.get(status, 0) for status in ("SENT", "DELIVERED", "READ"))
    everybody = sum(by_status.values()) - by_status.get("SKIPPED", 0)
    campaign.status = (
        Campaign.Status.FAILED
        if not accepted
        else Campaign.Status.SENT
        if accepted == everybody
        else Campaign.Status.PARTIALLY_SENT
    )
    campaign.finished_at = Now()
    campaign.save(update_fields=["status", "finished_at"])
    _tell_open_pages(campaign)
    return True


def _tell_open_pages(campaign: Campaign) -> None:
    with connection.cursor() as cursor:
        notice = json.dumps({"shop": campaign.shop_id, "campaign": campaign.pk})
        cursor.execute("select pg_notify('sayso_live', %s)", [notice])


def variables_of(campaign_id: int) -> Mapping:
    """How the campaign's template variables are filled."""
    return Campaign.objects.values_list("variables", flat=True).get(pk=campaign_id)


mappings[ORIGIN] = variables_of
