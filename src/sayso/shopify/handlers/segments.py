"""Segments: that they exist, how they are called, who joined and who left."""

from __future__ import annotations

from datetime import datetime

from sayso.audience import assign
from sayso.audience.facts import GoneFact, MemberFact, SegmentFact
from sayso.audience.settings import sync_groups
from sayso.intake.models import Delivery
from sayso.intake.registry import handler
from sayso.shops.models import Shop

from ..segments import request_reading
from ..values import moment, numeric_id, text
from .reading import payload, sequence

JOINED, LEFT = "customer.joined_segment", "customer.left_segment"
DELETED = "segments/delete"


@handler("shopify", "segments/create", "segments/update", DELETED, JOINED, LEFT)
def segments(shop_id: int, deliveries: list[Delivery]) -> None:
    """The payloads of joining and leaving carry no time but that of the delivery. Where the shop keeps no groups they are
    taken note of and change nothing: switching groups on reads everything."""
    told, gone, members = [], [], []
    for delivery in deliveries:
        at = delivery.triggered_at or delivery.received_at
        if delivery.topic == DELETED:
            gone.append(_gone(delivery, at))
        elif delivery.topic in (JOINED, LEFT):
            members.append(_member(delivery, at))
        else:
            told.append(_segment(delivery, at))
    if not sync_groups(Shop.objects.get(pk=shop_id)):
        return
    assign.segments(told)
    assign.segments_gone(gone)
    assign.said(members)
    if told or members:
        request_reading(shop_id)


def _segment(delivery: Delivery, at: datetime) -> SegmentFact:
    body = payload(delivery)
    return SegmentFact(
        _number(body.get("id"), "a segment without id"),
        seen_at=at,
        name=text(body.get("name")) or "",
        query=text(body.get("query")),
        at=moment(body.get("lastEditDate")) or moment(body.get("creationDate")) or at,
        sequence=sequence(delivery),
    )


def _gone(delivery: Delivery, at: datetime) -> GoneFact:
    return GoneFact(_number(payload(delivery).get("id"), "a segment without id"), at)


def _member(delivery: Delivery, at: datetime) -> MemberFact:
    body = payload(delivery)
    return MemberFact(
        _number(body.get("segment_id"), "a membership without segment"),
        _number(body.get("customer_id"), "a membership without customer"),
        joined=delivery.topic == JOINED,
        at=at,
    )


def _number(value: object, missing: str) -> int:
    found = numeric_id(value)
    if found is None:
        raise ValueError(missing)
    return found
