"""Campaigns as the REST API makes, launches and reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Router, Schema
from pydantic import ConfigDict, Field

from sayso.audience.selection import BadAudience
from sayso.consent.models import Topic
from sayso.messaging.codes import explain
from sayso.messaging.gate import Reach
from sayso.messaging.models import Sender, Template
from sayso.shops.api import (
    DEFAULT_LIMIT,
    ApiRequest,
    Cursor,
    Id,
    Limit,
    Problem,
    Scope,
    Text,
    invalid,
    missing,
    read_cursor,
    write_cursor,
)

from . import actions, queries
from .models import Campaign

router = Router(tags=["Campaigns"])


class Variable(Schema):
    """How one variable of the template is filled."""

    model_config = ConfigDict(extra="forbid")

    initialValue: Annotated[Text, Field(pattern=r"^\{\{ ?\w{1,64} ?\}\}$")] = Field(
        description="The placeholder: `{{1}}`.", examples=["{{1}}"]
    )
    selectedValue: Annotated[Text, Field(max_length=64)] = Field(
        description="`customer.first_name`, `customer.last_name`, `customer.email`, `customer.phone`, `shop.name`,"
        " `shop.url` or `static`."
    )
    fallback: Annotated[Text, Field(max_length=200)] = Field("", description="What stands there instead; fixed text.")


class CampaignIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    template_id: Id
    sender_id: Id | None = Field(None, description="The sending number; the shop's first where it is left out.")
    variables: Annotated[list[Variable], Field(max_length=100)] = []
    audience: dict[str, Any] = Field(description='`{"all": true}` or `{"tag": "vip"}`.')
    topic: Annotated[Text, Field(max_length=64)] | None = Field(
        None, description="Key of a topic: whoever chose among topics gets it only if they chose this one."
    )


class Count(Schema):
    code: str
    meaning: str
    count: int


class CampaignOut(Schema):
    id: int
    name: str
    channel: str
    template_id: int | None
    template_category: str
    sender_id: int | None
    variables: list[dict[str, Any]]
    audience: dict[str, Any]
    topic: str | None
    status: str = Field(description="`DRAFT`, `PENDING`, `SENT`, `PARTIALLY_SENT`, `FAILED` or `STOPPED`.")
    created_by: str
    created_at: datetime
    launched_at: datetime | None
    built_at: datetime | None = Field(description="When all recipients were queued.")
    finished_at: datetime | None


class CampaignDetail(CampaignOut):
    counts: dict[str, int] = Field(description="Messages by status; each is in exactly one.")
    skips: list[Count] = Field(description="Why people of the audience got no message.")


class Campaigns(Schema):
    items: list[CampaignOut]
    next_cursor: str | None


class ReachOut(Schema):
    """`audience` = `sendable` + all of `left_out`."""

    audience: int
    sendable: int
    left_out: list[Count]


def _campaign(campaign_id: int) -> Campaign:
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    if campaign is None:
        raise missing(f"campaign {campaign_id}")
    return campaign


def _detail(campaign: Campaign) -> dict[str, Any]:
    campaign.refresh_from_db()  # creation and launch take their times from the database
    values = {name: getattr(campaign, name) for name in CampaignOut.model_fields}
    return values | {"counts": actions.counts(campaign.pk), "skips": _counts(actions.skips(campaign.pk))}


def _counts(pairs: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"code": code, "meaning": explain(code), "count": number} for code, number in pairs]


@router.get(
    "/campaigns", response=Campaigns, auth=Scope("campaigns.view"), summary="Campaigns", operation_id="list_campaigns"
)
def list_campaigns(request: ApiRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> dict[str, Any]:
    """Newest first."""
    position = read_cursor(cursor, int)
    found = queries.listed(before=position[0] if position else None, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    return {"items": found, "next_cursor": write_cursor(found[-1].pk) if more else None}


@router.post(
    "/campaigns",
    response={201: CampaignDetail},
    auth=Scope("campaigns.create"),
    summary="Make a campaign",
    operation_id="create_campaign",
)
def create_campaign(request: ApiRequest, payload: CampaignIn) -> dict[str, Any]:
    """Make a draft. Nothing is sent before `POST /campaigns/{campaign_id}/send`."""
    try:
        campaign = actions.create(
            name=payload.name,
            template_id=payload.template_id,
            sender_id=payload.sender_id,
            variables=[one.model_dump() for one in payload.variables],
            audience=payload.audience,
            topic=payload.topic,
            created_by=request.api_token.author,
        )
    except BadAudience as error:
        raise invalid("audience", "invalid_format", str(error)) from None
    except Template.DoesNotExist:
        raise invalid("template_id", "invalid_reference", "there is no such template") from None
    except Sender.DoesNotExist:
        raise invalid("sender_id", "invalid_reference", "there is no such sending number") from None
    except Topic.DoesNotExist:
        raise invalid("topic", "invalid_reference", "there is no such topic") from None
    return _detail(campaign)


@router.get(
    "/campaigns/{campaign_id}",
    response=CampaignDetail,
    auth=Scope("campaigns.view"),
    summary="A campaign",
    operation_id="get_campaign",
)
def get_campaign(request: ApiRequest, campaign_id: Id) -> dict[str, Any]:
    """With its messages by status, and why people were skipped."""
    return _detail(_campaign(campaign_id))


@router.get(
    "/campaigns/{campaign_id}/reach",
    response=ReachOut,
    auth=Scope("campaigns.view"),
    summary="Reach of a campaign",
    operation_id="get_reach",
)
def get_reach(request: ApiRequest, campaign_id: Id) -> dict[str, Any]:
    """Who would get it if it were sent now, counted exactly, and why the others would not."""
    campaign = _campaign(campaign_id)
    try:
        reach: Reach = actions.reach(campaign.audience, campaign.template_id or 0, campaign.topic)
    except Template.DoesNotExist:
        raise Problem(409, "Its template is gone.") from None
    return {"audience": reach.audience, "sendable": reach.sendable, "left_out": _counts(reach.left_out)}


@router.post(
    "/campaigns/{campaign_id}/send",
    response={202: CampaignDetail},
    auth=Scope("campaigns.send"),
    summary="Send a campaign",
    operation_id="send_campaign",
)
def send_campaign(request: ApiRequest, campaign_id: Id) -> dict[str, Any]:
    """Launch a draft now. 409 with the reasons where a pre-launch check fails; consent is checked once more for each
    message as it leaves."""
    campaign = _campaign(campaign_id)
    try:
        actions.launch(campaign.pk, actor=request.api_token.author)
    except actions.LaunchBlocked as blocked:
        raise Problem(409, " ".join(blocked.reasons)) from None
    return _detail(campaign)


@router.post(
    "/campaigns/{campaign_id}/stop",
    response=CampaignDetail,
    auth=Scope("campaigns.send"),
    summary="Stop a campaign",
    operation_id="stop_campaign",
)
def stop_campaign(request: ApiRequest, campaign_id: Id) -> dict[str, Any]:
    """What is still queued is skipped; what left cannot be called back."""
    campaign = _campaign(campaign_id)
    try:
        actions.stop(campaign.pk, actor=request.api_token.author)
    except actions.LaunchBlocked as blocked:
        raise Problem(409, " ".join(blocked.reasons)) from None
    return _detail(campaign)
