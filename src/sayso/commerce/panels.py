"""What commerce shows on a contact's profile."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import queries

SHOWN = 10


def profile(contact_id: int) -> Panel:
    """The newest orders."""
    found = queries.of_contact(contact_id, limit=SHOWN + 1)
    return Panel("commerce/panel.html", {"orders": found[:SHOWN], "more_orders": len(found) > SHOWN})
