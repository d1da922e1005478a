"""Webhook bodies of the Cloud API, and their signature."""

import hashlib
import hmac
from typing import Any

from ..database import encode
from ..known import APP_SECRET
from ..outbox import Outbox
from ..world import World
from .people import Crowd, Person

Change = dict[str, Any]


def signature(body: bytes, secret: str = APP_SECRET) -> str:
    """`X-Hub-Signature-256`: `sha256=` and the hex HMAC-SHA256 over the raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def contact(crowd: Crowd, person: Person, hidden: bool = False, profile: bool = True) -> dict[str, Any]:
    """An entry of `contacts[]`."""
    made: dict[str, Any] = {}
    if profile:
        made["profile"] = {"name": crowd.name(person)}
        if person.user_id:
            made["profile"]["username"] = f"@user{person.wa_id[-6:]}"
    if not hidden:
        made["wa_id"] = person.wa_id
    if person.user_id:
        made["user_id"] = person.user_id
    return made


def value(number: str, display: str, **parts: Any) -> dict[str, Any]:
    """The `value` of a change about one sender number."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": display, "phone_number_id": number},
        **parts,
    }


def post(world: World, outbox: Outbox, waba: str, changes: list[Change]) -> None:
    """Queue one POST with `changes`, spread over two entries where there are several, as Meta may do."""
    target = world.settings.meta_webhook
    if not target or not changes:
        return
    half = (len(changes) + 1) // 2
    entries = [{"id": waba, "changes": part} for part in (changes[:half], changes[half:]) if part]
    body = encode({"object": "whatsapp_business_account", "entry": entries})
    outbox.add(
        "meta",
        changes[0]["field"],
        target,
        {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": signature(body),
        },
        body,
    )
