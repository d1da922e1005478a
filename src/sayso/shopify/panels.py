"""What the Shopify connection shows on the dashboard."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import queries


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
