"""The actions of the control API: a name, and what it calls."""

from collections.abc import Callable
from typing import Any

import msgspec

from .records import Shop
from .sandbox import Sandbox

Action = Callable[[Sandbox, Shop, dict[str, Any]], Any]


class ActionError(ValueError):
    """There is no such action, or it does not take these arguments."""


def _wa(method: str) -> Action:
    return lambda box, _, args: {"id": getattr(box.inbound, method)(**args)}


ACTIONS: dict[str, Action] = {
    "create_customer": lambda box, shop, args: box.acts.customers.create(shop, **args),
    "edit_customer": lambda box, shop, args: box.acts.customers.edit(shop, args.pop("customer"), **args),
    "add_tags": lambda box, shop, args: box.acts.customers.tag(shop, args["customer"], add=args["tags"]),
    "remove_tags": lambda box, shop, args: box.acts.customers.tag(shop, args["customer"], remove=args["tags"]),
    "set_consent": lambda box, shop, args: box.acts.customers.consent(shop, args.pop("customer"), **args),
    "delete_customer": lambda box, shop, args: box.acts.customers.delete(shop, args["customer"]),
    "merge_customers": lambda box, shop, args: box.acts.customers.merge(shop, **args),
    "redact_customer": lambda box, shop, args: box.acts.customers.redact(shop, args["customer"]),
    "request_data": lambda box, shop, args: box.acts.customers.data_request(shop, args["customer"]),
    "place_order": lambda box, shop, args: box.acts.orders.place(shop, **args),
    "cancel_order": lambda box, shop, args: box.acts.orders.cancel(shop, args.pop("order"), **args),
    "fulfil_order": lambda box, shop, args: box.acts.orders.fulfil(shop, args.pop("order"), **args),
    "edit_order": lambda box, shop, args: box.acts.orders.edit(shop, args.pop("order"), **args),
    "create_product": lambda box, shop, args: box.acts.products.create(shop, **args),
    "edit_product": lambda box, shop, args: box.acts.products.edit(shop, args.pop("product"), **args),
    "edit_variant": lambda box, shop, args: box.acts.products.edit_variant(shop, args.pop("variant"), **args),
    "delete_product": lambda box, shop, args: box.acts.products.delete(shop, args["product"]),
    "set_stock": lambda box, shop, args: box.acts.products.set_stock(shop, args.pop("variant"), **args),
    "connect_location": lambda box, shop, args: box.acts.products.connect_location(
        shop, args["variant"], args["location"]
    ),
    "disconnect_location": lambda box, shop, args: box.acts.products.disconnect_location(
        shop, args["variant"], args["location"]
    ),
    "create_collection": lambda box, shop, args: box.acts.products.create_collection(shop, **args),
    "edit_collection": lambda box, shop, args: box.acts.products.edit_collection(shop, args.pop("collection"), **args),
    "delete_collection": lambda box, shop, args: box.acts.products.delete_collection(shop, args["collection"]),
    "create_segment": lambda box, shop, args: box.acts.segments.create(shop, **args),
    "edit_segment": lambda box, shop, args: box.acts.segments.edit(shop, args.pop("segment"), **args),
    "delete_segment": lambda box, shop, args: box.acts.segments.delete(shop, args["segment"]),
    "pick_for_segment": lambda box, shop, args: box.acts.segments.pick(shop, args.pop("segment"), **args),
    "edit_order_lines": lambda box, shop, args: box.acts.orders.edit_lines(shop, args.pop("order"), **args),
    "delete_order": lambda box, shop, args: box.acts.orders.delete(shop, args["order"]),
    "start_checkout": lambda box, shop, args: box.acts.checkouts.start(shop, **args),
    "update_checkout": lambda box, shop, args: box.acts.checkouts.update(shop, args.pop("token"), **args),
    "complete_checkout": lambda box, shop, args: box.acts.checkouts.complete(shop, args.pop("token"), **args),
    "delete_checkout": lambda box, shop, args: box.acts.checkouts.delete(shop, args["token"]),
    "update_shop": lambda box, shop, args: box.acts.orders.update_shop(shop, **args),
    "change_scopes": lambda box, shop, args: box.acts.app.change_scopes(shop, **args),
    "uninstall": lambda box, shop, _: box.acts.orders.uninstall(shop),
    "redact_shop": lambda box, shop, _: box.acts.orders.redact_shop(shop),
    "reply": _wa("text"),
    "tap_button": _wa("button"),
    "set_preference": _wa("preference"),
    "change_user_id": _wa("change_user_id"),
}


def perform(sandbox: Sandbox, name: str, args: dict[str, Any]) -> Any:
    """Do the action `name` in the shop `args["shop"]` (or the first) and answer its result as plain data.

    Raises ActionError, and what the action raises: Refused, NotFound.
    """
    if name not in ACTIONS:
        raise ActionError(f"no action {name}; there are: {', '.join(sorted(ACTIONS))}")
    args = dict(args)
    shop = sandbox.world.shop(args.pop("shop", None))
    try:
        return msgspec.to_builtins(ACTIONS[name](sandbox, shop, args))
    except TypeError as error:
        raise ActionError(f"{name}: {error}") from error
