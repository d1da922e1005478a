"""Webhook subscriptions: made when a store is connected, and made again when Shopify dropped them.

Shopify deletes a subscription after eight failed deliveries in a row. Those of other addresses are not ours to touch.
"""

from __future__ import annotations

import logging

from django.utils import timezone

from sayso.shops.tenancy import shop_context

from .client import ShopifyError, payload
from .models import Connection
from .tokens import open_store
from .topics import TOPICS
from .values import mapping, mappings, text

log = logging.getLogger(__name__)


def can_push(public_url: str, *, sandbox: bool) -> bool:
    """Whether the store can deliver to this address. Without one it is polled (:mod:`.poll`)."""
    return bool(public_url) and (sandbox or public_url.startswith("https://"))


def ensure(shop_id: int, public_url: str) -> int:
    """Make the subscriptions that are missing; returns how many were made.

    A topic the app may not read, or that this version of the API lacks, is left out; its features stay off. Speaks to
    the store: call it outside of any transaction. Raises what :func:`.tokens.open_store` and its calls raise.
    """
    with open_store(shop_id) as store:
        if not can_push(public_url, sandbox=store.sandbox):
            return 0
        uri = f"{public_url.rstrip('/')}/webhooks/shopify"
        held = set()
        after = None
        while True:
            page = mapping(store.graphql.run("webhook_list", {"after": after}).get("webhookSubscriptions"))
            held |= {text(node.get("topic")) for node in mappings(page.get("nodes")) if text(node.get("uri")) == uri}
            info = mapping(page.get("pageInfo"))
            if not info.get("hasNextPage"):
                break
            after = text(info.get("endCursor"))
        made = 0
        for topic in TOPICS:
            if topic.name not in held:
                try:
                    payload(
                        store.graphql.run("webhook_create", {"topic": topic.name, "uri": uri}),
                        "webhookSubscriptionCreate",
                    )
                    made += 1
                except ShopifyError as error:
                    if error.temporary:
                        raise
                    log.warning("no subscription to %s for shop %d: %s", topic.wire, shop_id, error)
    with shop_context(shop_id):
        Connection.objects.update(subscriptions_checked_at=timezone.now())
    return made
