"""What the app in Shopify must be allowed, what each permission is for, and what stays off without it (features §8.1).

One table: the connect page explains it, the Shopify page checks it, and what reads the store asks it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from ..models import Connection
from ..values import mapping, mappings, text
from .tokens import Store


@dataclass(frozen=True, slots=True)
class Scope:
    """``purpose`` completes "for …"; ``without`` is a sentence: what does not work then."""

    name: str
    purpose: str
    without: str


ALL = (
    Scope(
        "read_customers",
        "contacts, their consents and tags, and Shopify's segments",
        "No customer, consent, tag or segment comes in: campaigns reach only who signed up here.",
    ),
    Scope(
        "write_customers",
        "writing opt-outs and opt-ins back to Shopify",
        "Shopify and its other apps do not learn who opted out here.",
    ),
    Scope(
        "read_orders",
        "orders, guests and abandoned checkouts",
        "No order, guest or checkout comes in: audiences by purchases are empty, and carts are not recovered.",
    ),
    Scope(
        "read_all_orders",
        "orders of more than 60 days ago",
        "Only the orders of the last 60 days come in, and deleted older ones are not noticed.",
    ),
    Scope(
        "read_fulfillments",
        "parcels on their way",
        "Nothing can be sent when an order is shipped.",
    ),
    Scope(
        "read_products",
        "the catalogue: products, variants and collections",
        "Conditions on products find nobody, and messages cannot show a product.",
    ),
    Scope(
        "read_inventory",
        "stock",
        "Nobody is told when something is back in stock.",
    ),
    Scope(
        "read_customer_merge",
        "merging two customers into one",
        "Who is merged in Shopify stays two contacts here until the weekly comparison finds one of them gone.",
    ),
)
NAMES = tuple(scope.name for scope in ALL)


def granted(names: Iterable[str]) -> set[str]:
    """What an app may do that was given ``names``: who may write may read, and Shopify then names only the writing."""
    given = set(names)
    return given | {f"read_{name.removeprefix('write_')}" for name in given if name.startswith("write_")}


def missing(names: Collection[str]) -> list[Scope]:
    """Which scopes an app lacks. Without ``names`` we do not know what it has, so nothing is missing."""
    given = granted(names)
    return [scope for scope in ALL if scope.name not in given] if names else []


def may(names: Collection[str], scope: str | None) -> bool:
    """Whether an app with these scopes may do what needs ``scope``. Not knowing any, we try."""
    return scope is None or not names or scope in granted(names)


def ask(store: Store) -> list[str]:
    """What the app may do in the store at this moment. Raises what the store's calls raise."""
    installation = mapping(store.graphql.run("scopes").get("currentAppInstallation"))
    return [name for node in mappings(installation.get("accessScopes")) if (name := text(node.get("handle")))]


def keep(names: list[str], **also: datetime) -> bool:
    """Note what the app may do, in the shop's transaction; answers whether it may read something it could not before, and
    has therefore never read. Whoever notes that first has it read, be it the delivery that tells or the hourly look."""
    gained = False
    for row in Connection.objects.select_for_update():
        gained = gained or bool(row.scopes and granted(names) - granted(row.scopes))
        Connection.objects.filter(pk=row.pk).update(scopes=names, **also)
    return gained
