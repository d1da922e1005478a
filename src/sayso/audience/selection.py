"""An audience as data, and the contacts it means."""

from __future__ import annotations

from typing import Any

Audience = dict[str, Any]
"""``{"all": true}`` or ``{"tag": "vip"}``."""


class BadAudience(ValueError):
    """The audience says something this version does not know; the message says what."""


def where(audience: Audience) -> tuple[str, list[Any]]:
    """The condition on ``contact c`` as SQL with its parameters. Deleted and redacted contacts are members of nothing."""
    living = "c.deleted_at is null and c.redacted_at is null"
    if audience == {"all": True}:
        return living, []
    if set(audience) == {"tag"} and isinstance(audience["tag"], str) and audience["tag"]:
        return f"{living} and c.tags && %s::varchar[]", [[audience["tag"]]]
    raise BadAudience('an audience is {"all": true} or {"tag": "…"}')


def describe(audience: Audience) -> str:
    """The audience in words."""
    where(audience)
    return "All contacts" if audience.get("all") else f"Contacts tagged {audience['tag']}"
