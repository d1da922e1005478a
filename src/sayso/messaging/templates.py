"""Templates as the provider has them: read, and kept so that campaigns can be composed and checked."""

from __future__ import annotations

import asyncio
from typing import Any

from django.utils import timezone

from sayso.channels.http import http_client
from sayso.channels.json import mappings, text
from sayso.channels.whatsapp.client import WhatsApp
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from .models import Sender, Template

GONE = "DELETED"
"""Status of a template that the provider no longer lists; messages still point to it."""


def sync_templates(sender: Sender) -> int:
    """Read the account's templates from the provider; returns how many there are.

    Speaks to the provider outside of any transaction. Raises what :class:`.WhatsApp` raises; nothing is changed then.
    """
    shop = Shop.objects.get(pk=sender.shop_id)
    listed = asyncio.run(_read(sender, sandbox=shop.is_sandbox))
    rows = [
        Template(
            shop_id=sender.shop_id,
            channel=sender.channel,
            provider_id=text(template.get("id")) or "",
            name=name,
            language=language,
            category=(text(template.get("category")) or "").upper(),
            status=(text(template.get("status")) or "").upper(),
            components=mappings(template.get("components")),
            synced_at=timezone.now(),
        )
        for template in listed
        if (name := text(template.get("name"))) and (language := text(template.get("language")))
    ]
    with shop_context(sender.shop_id):
        Template.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["shop_id", "channel", "name", "language"],
            update_fields=["provider_id", "category", "status", "components", "synced_at"],
        )
        kept = {(row.name, row.language) for row in rows}
        gone = [
            template.pk
            for template in Template.objects.filter(channel=sender.channel).exclude(status=GONE)
            if (template.name, template.language) not in kept
        ]
        Template.objects.filter(pk__in=gone).update(status=GONE)
    return len(rows)


async def _read(sender: Sender, *, sandbox: bool) -> list[dict[str, Any]]:
    async with http_client(slots=1) as http:
        whatsapp = WhatsApp(http, base_url=sender.base_url, token=sender.token, sandbox=sandbox)
        return [template async for template in whatsapp.templates(sender.account_id)]
