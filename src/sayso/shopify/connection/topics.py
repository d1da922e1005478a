"""What the store is asked to tell us about, and which permission of the app each needs (Shopify, *Webhooks*)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """``name`` as GraphQL writes it, ``wire`` as ``X-Shopify-Topic`` does. ``scope`` None: told to every app."""

    name: str
    wire: str
    scope: str | None


def _topics(scope: str | None, *wires: str) -> tuple[Topic, ...]:
    return tuple(Topic(wire.replace("/", "_").replace(".", "_").upper(), wire, scope) for wire in wires)


TOPICS = (
    *_topics(
        "read_customers",
        "customers/create",
        "customers/update",
        "customers/enable",
        "customers/disable",
        "customers/delete",
        "customers_marketing_consent/update",
        "customers_email_marketing_consent/update",
        "customers_whats_app_marketing_consent/update",
        "customer.tags_added",
        "customer.tags_removed",
        "customers/purchasing_summary",
        "segments/create",
        "segments/update",
        "segments/delete",
        "customer.joined_segment",
        "customer.left_segment",
    ),
    *_topics("read_customer_merge", "customers/merge"),
    *_topics(
        "read_products",
        "products/create",
        "products/update",
        "products/delete",
        "variants/in_stock",
        "variants/out_of_stock",
        "collections/create",
        "collections/update",
        "collections/delete",
    ),
    *_topics(
        "read_inventory",
        "inventory_levels/update",
        "inventory_levels/connect",
        "inventory_levels/disconnect",
    ),
    *_topics(
        "read_orders",
        "orders/create",
        "orders/updated",
        "orders/cancelled",
        "orders/fulfilled",
        "orders/partially_fulfilled",
        "orders/edited",
        "orders/delete",
        "checkouts/create",
        "checkouts/update",
        "checkouts/delete",
    ),
    *_topics(
        None,
        "shop/update",
        "app/scopes_update",
        "app/uninstalled",
        "bulk_operations/finish",
    ),
)
"""Every topic that has a handler; those Shopify names in no other way (compliance) are set in the app itself."""
