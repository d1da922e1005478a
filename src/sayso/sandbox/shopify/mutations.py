"""The mutations sayso uses. Each answers `userErrors` as Shopify does instead of failing."""

from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from .. import clock
from ..identifiers import gid, parse_gid
from ..records import Subscription
from . import consent_rules, store, subscription_rules
from .customer_actions import Refused
from .roots import ArgumentResolver, Arguments, find
from .scope import Scope

if TYPE_CHECKING:
    from .acts import Acts  # its bulk part needs the schema, which is made of these mutations


def _error(field: list[str], message: str) -> dict[str, Any]:
    return {"field": field, "message": message}


def _consent(channel: str) -> ArgumentResolver:
    def resolve(_: Any, scope: Scope, args: Arguments) -> Any:
        wish = consent_rules.ConsentInput(channel, args["input"])
        one, error = consent_rules.check(scope, wish)
        if one is None:
            return {"customer": None, "customerPhoneNumber": None, "userErrors": [error]}
        acts: Acts = scope.acts
        at = clock.iso(clock.parse(wish.updated)) if wish.updated else None
        # what an app writes comes back as collected by OTHER
        changed = acts.customers.consent(
            scope.shop, one.id, channel, wish.state, wish.level, at=at, collected_from="OTHER"
        )
        return {"customer": changed, "customerPhoneNumber": changed, "userErrors": []}

    return resolve


def _update(_: Any, scope: Scope, args: Arguments) -> Any:
    data = args["input"]
    acts: Acts = scope.acts
    parsed = parse_gid(data.get("id") or "")
    one = store.find_customer(scope, scope.shop, parsed[1]) if parsed else None
    if one is None:
        return {"customer": None, "userErrors": [_error(["id"], "Customer does not exist")]}
    for key in ("emailMarketingConsent", "smsMarketingConsent", "whatsAppMarketingConsent"):
        if key in data:
            return {
                "customer": None,
                "userErrors": [_error([key], f"To update {key}, please use the customer consent mutation instead")],
            }
    names = {
        "firstName": "first",
        "lastName": "last",
        "email": "email",
        "phone": "phone",
        "note": "note",
        "locale": "locale",
    }
    try:
        if "tags" in data:
            wanted = [str(tag) for tag in data["tags"] or []]
            acts.customers.tag(scope.shop, one.id, wanted, [tag for tag in one.tags if tag not in wanted])
        changes = {names[key]: value for key, value in data.items() if key in names}
        one = (
            acts.customers.edit(scope.shop, one.id, **changes)
            if changes
            else store.get_customer(acts.world.db, scope.shop, one.id)
        )
    except Refused as error:
        return {"customer": None, "userErrors": [_error([error.field], str(error))]}
    return {"customer": one, "userErrors": []}


def _tags(remove: bool) -> ArgumentResolver:
    def resolve(_: Any, scope: Scope, args: Arguments) -> Any:
        acts: Acts = scope.acts
        parsed = parse_gid(args["id"])
        if parsed is None or find(scope, args["id"]) is None:
            return {"node": None, "userErrors": [_error(["id"], "Node does not exist")]}
        tags = [part for tag in args["tags"] for part in tag.split(",")]
        if parsed[0] != "Customer":
            return {"node": None, "userErrors": [_error(["id"], "The sandbox tags customers only")]}
        try:
            one = acts.customers.tag(scope.shop, parsed[1], () if remove else tags, tags if remove else ())
        except Refused as error:
            return {"node": None, "userErrors": [_error(["tags"], str(error))]}
        return {"node": one, "userErrors": []}

    return resolve


def _subscribe(_: Any, scope: Scope, args: Arguments) -> Any:
    acts: Acts = scope.acts
    made, errors = subscription_rules.apply(acts.world, scope, args["topic"], args["webhookSubscription"])
    return {"webhookSubscription": made, "userErrors": errors}


def _subscription(scope: Scope, text: str) -> Subscription | None:
    found = find(scope, text)
    return found if isinstance(found, Subscription) else None


def _resubscribe(_: Any, scope: Scope, args: Arguments) -> Any:
    acts: Acts = scope.acts
    old = _subscription(scope, args["id"])
    if old is None:
        return {"webhookSubscription": None, "userErrors": [_error(["id"], "Webhook subscription does not exist")]}
    made, errors = subscription_rules.apply(acts.world, scope, None, args["webhookSubscription"], old)
    return {"webhookSubscription": made, "userErrors": errors}


def _unsubscribe(_: Any, scope: Scope, args: Arguments) -> Any:
    acts: Acts = scope.acts
    old = _subscription(scope, args["id"])
    if old is None:
        return {
            "deletedWebhookSubscriptionId": None,
            "userErrors": [_error(["id"], "Webhook subscription does not exist")],
        }
    acts.world.db.run("DELETE FROM subscription WHERE id = ?", old.id)
    return {"deletedWebhookSubscriptionId": gid("WebhookSubscription", old.id), "userErrors": []}


def _run_bulk(_: Any, scope: Scope, args: Arguments) -> Any:
    acts: Acts = scope.acts
    made, error = acts.bulks.start(scope.shop, args["query"], args["groupObjects"], scope.version)
    return {"bulkOperation": made, "userErrors": [error] if error else []}


def _cancel_bulk(_: Any, scope: Scope, args: Arguments) -> Any:
    acts: Acts = scope.acts
    parsed = parse_gid(args["id"])
    one = acts.bulks.cancel(scope.shop, parsed[1]) if parsed else None
    return {"bulkOperation": one, "userErrors": [] if one else [_error(["id"], "Bulk operation does not exist")]}


def _segment_query(_: Any, __: Scope, ___: Arguments) -> Any:
    raise GraphQLError(
        "The sandbox answers segment queries at once, by customerSegmentMembers(query:)",
        extensions={"code": "NOT_FOUND"},
    )


MUTATIONS: dict[str, ArgumentResolver] = {
    "customerSmsMarketingConsentUpdate": _consent("sms"),
    "customerWhatsAppMarketingConsentUpdate": _consent("whatsapp"),
    "customerEmailMarketingConsentUpdate": _consent("email"),
    "customerUpdate": _update,
    "tagsAdd": _tags(remove=False),
    "tagsRemove": _tags(remove=True),
    "webhookSubscriptionCreate": _subscribe,
    "webhookSubscriptionUpdate": _resubscribe,
    "webhookSubscriptionDelete": _unsubscribe,
    "bulkOperationRunQuery": _run_bulk,
    "bulkOperationCancel": _cancel_bulk,
    "customerSegmentMembersQueryCreate": _segment_query,
}
WRITES_CUSTOMERS = {
    "customerSmsMarketingConsentUpdate",
    "customerWhatsAppMarketingConsentUpdate",
    "customerEmailMarketingConsentUpdate",
    "customerUpdate",
    "tagsAdd",
    "tagsRemove",
}
