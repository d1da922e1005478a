"""Templates and senders as the REST API reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Router, Schema
from pydantic import Field

from sayso.shops.api import ApiRequest, Scope, Text

from . import queries

router = Router(tags=["Campaigns"])


class TemplateOut(Schema):
    id: int
    channel: str
    provider_id: str
    name: str
    language: str
    category: str
    status: str = Field(description="Only an `APPROVED` template can be sent.")
    components: list[dict[str, Any]] = Field(description="As the provider describes them.")
    synced_at: datetime


class Templates(Schema):
    items: list[TemplateOut]


@router.get(
    "/templates",
    response=Templates,
    auth=Scope("campaigns.view"),
    summary="Message templates",
    operation_id="list_templates",
)
def list_templates(
    request: ApiRequest, channel: Annotated[Text, Field(max_length=8)] = "whatsapp", status: Text = ""
) -> dict[str, Any]:
    """All templates of a channel, by name; `status` narrows."""
    found = queries.templates(channel)
    return {"items": [one for one in found if not status or one.status == status]}
