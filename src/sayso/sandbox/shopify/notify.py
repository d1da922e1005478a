"""One merchant action → one signed delivery for every subscription to its topics."""

import base64
import hashlib
import hmac
import uuid
from typing import Any

from .. import clock
from ..database import encode
from ..outbox import Outbox
from ..records import Shop
from ..world import World
from . import store
from .topics import COMPLIANCE

COMPLIANCE_VERSION = "2026-10"


def signature(body: bytes, secret: str) -> str:
    """`X-Shopify-Hmac-Sha256`: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class Action:
    """Collects what one action says on which topic; `tell` may be called several times.

    All deliveries of an action share X-Shopify-Event-Id, each has its own X-Shopify-Webhook-Id.
    """

    def __init__(self, world: World, outbox: Outbox, shop: Shop) -> None:
        self.world, self.outbox, self.shop = world, outbox, shop
        self.event = str(uuid.UUID(int=world.random.getrandbits(128), version=4))
        self.triggered = clock.nanoseconds()

    def tell(self, topic: str, payload: dict[str, Any]) -> None:
        """Queue `payload` for everyone subscribed to the wire `topic`."""
        if self.shop.uninstalled and topic not in {"app/uninstalled", *COMPLIANCE}:
            return
        if topic in COMPLIANCE:
            # compliance topics are set in the app's own configuration, never by the Admin API
            if self.shop.compliance_url:
                self._queue(topic, self.shop.compliance_url, payload, COMPLIANCE_VERSION)
            return
        for one in store.subscriptions(self.world.db, self.shop, topic):
            wanted = one.include_fields
            body = {key: value for key, value in payload.items() if key in wanted} if wanted else payload
            self._queue(topic, one.uri, body, one.version, name=one.name, key=one.id)

    def _queue(
        self,
        topic: str,
        uri: str,
        payload: dict[str, Any],
        version: str,
        *,
        name: str | None = None,
        key: int | None = None,
    ) -> None:
        body = encode(payload)
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature(body, self.shop.old_secret or self.shop.client_secret),
            "X-Shopify-Shop-Domain": self.shop.domain,
            "X-Shopify-API-Version": version,
            "X-Shopify-Webhook-Id": str(uuid.UUID(int=self.world.random.getrandbits(128), version=4)),
            "X-Shopify-Event-Id": self.event,
            "X-Shopify-Triggered-At": self.triggered,
        }
        if name:
            headers["X-Shopify-Name"] = name
        self.outbox.add("shopify", topic, uri, headers, body, subscription=key)
