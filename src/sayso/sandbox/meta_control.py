"""Setting Meta's callback, with the challenge Meta asks before it accepts one."""

import secrets
from typing import Any

import httpx

from .known import VERIFY_TOKEN
from .outbox import is_loopback
from .world import World


async def verify_webhook(world: World, data: dict[str, Any]) -> dict[str, Any]:
    """Set `url` as callback. With `verify` true it must echo the challenge first. Raises ValueError."""
    url = str(data["url"]) if data.get("url") else None
    if url is not None and not is_loopback(url):
        raise ValueError("the sandbox delivers to loopback only")
    if url is not None and data.get("verify"):
        challenge = str(secrets.randbelow(10**9))
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            try:
                reply = await client.get(
                    url,
                    params={
                        "hub.mode": "subscribe",
                        "hub.verify_token": data.get("verify_token", VERIFY_TOKEN),
                        "hub.challenge": challenge,
                    },
                )
            except httpx.HTTPError as error:
                raise ValueError(f"the callback did not answer: {error}") from error
        if reply.status_code != 200 or reply.text.strip() != challenge:
            raise ValueError(f"the callback answered {reply.status_code} instead of the challenge")
    world.settings.meta_webhook = url
    world.save_settings()
    return {"url": url}
