"""Where webhooks may go, and what a subscription must look like."""

import re
from typing import Any
from urllib.parse import urlsplit

from .. import clock
from ..identifiers import number
from ..outbox import is_loopback
from ..records import Subscription
from ..world import World
from . import store
from .scope import Scope
from .topics import wire

_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")
_SHOPIFY = (".myshopify.com", ".shopify.com")


def _address_error(uri: str) -> str | None:
    """Shopify's complaint about an address. The sandbox turns two rules round: plain http to this machine is
    welcome, and every other host is refused, because invented people must not leave the machine."""
    if is_loopback(uri):
        return None
    parts = urlsplit(uri)
    if parts.scheme == "http":
        return "Address protocol http:// is not supported"
    if parts.scheme != "https":
        return "Address is invalid"
    host = parts.hostname or ""
    if host.endswith(_SHOPIFY) or host in {"shopify.com", "myshopify.com"}:
        return "Address cannot be a Shopify or an internal domain"
    return "Address is not allowed: the sandbox delivers to loopback only"


def apply(
    world: World,
    scope: Scope,
    topic: str | None,
    data: dict[str, Any],
    old: Subscription | None = None,
) -> tuple[Subscription | None, list[dict[str, Any]]]:
    """Make or change a subscription: (it, []) or (None, user errors)."""
    uri = data.get("uri") or data.get("callbackUrl") or (old.uri if old else "")
    name = data.get("name", old.name if old else None)
    wired = old.topic if old else wire(topic or "")
    others = [one for one in store.subscriptions(scope, scope.shop) if old is None or one.id != old.id]
    errors = []

    def refuse(field: str, message: str) -> None:
        errors.append({"field": ["webhookSubscription", field], "message": message})

    complaint = _address_error(uri)
    if complaint:
        refuse("callbackUrl", complaint)
    if any(one.topic == wired and one.uri == uri for one in others):
        refuse("callbackUrl", "Address for this topic has already been taken")
    if name is not None and not _NAME.fullmatch(name):
        refuse("name", "Name can only contain alphanumeric characters, underscores, and hyphens")
    if name is not None and any(one.name and one.name.casefold() == name.casefold() for one in others):
        refuse("name", "Name has already been taken")
    if data.get("format") not in {None, "JSON"}:
        refuse("format", "Format XML is not spoken by the sandbox")
    if errors:
        return None, errors
    present = clock.now()
    key = old.id if old else number("WebhookSubscription", world.db.take("WebhookSubscription"))
    made = Subscription(
        key,
        wired,
        uri,
        scope.version,
        old.created if old else present,
        present,
        name,
        data.get("filter"),
        list(data.get("includeFields", old.include_fields if old else []) or []),
        list(data.get("metafieldNamespaces") or []),
    )
    store.save_subscription(world.db, scope.shop, made)
    return made, []
