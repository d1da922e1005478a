"""What the Shopify connection shows on the dashboard and on a contact's profile."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import queries
from .writeback import queries as writeback_queries


def dashboard(shop_id: int) -> Panel:
    """How fresh the data is, in four lines."""
    return Panel(
        "shopify/panel.html",
        {
            "connections": queries.connections(),
            "freshness": queries.freshness(shop_id),
            "imports": queries.latest_imports(),
        },
    )


def told_consent(contact_id: int) -> Panel:
    """What the store was told of a contact's consent, inside the card that shows it."""
    rows = writeback_queries.of_contact(contact_id)
    waits = any(row.state == "WAITING" for row in rows)
    return Panel("shopify/write_backs.html", {"rows": rows, "stopped": writeback_queries.stopped() if waits else ""})
