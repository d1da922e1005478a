"""What Shopify accepts when an app writes a consent, with its words for what it refuses."""

from typing import Any

from graphql import GraphQLError

from ..identifiers import parse_gid
from ..records import Customer
from . import store
from .roots import in_future
from .scope import Scope

# read-only states: given as input they fail the whole request, not just the mutation
READ_ONLY = {
    "sms": {"NOT_SUBSCRIBED", "REDACTED"},
    "whatsapp": {"NEVER_SUBSCRIBED", "REDACTED"},
    "email": {"NOT_SUBSCRIBED", "REDACTED", "INVALID"},
}
_LABEL = {"sms": "SMS", "whatsapp": "WhatsApp", "email": "email"}
_INPUT = {"sms": "smsMarketingConsent", "whatsapp": "whatsAppMarketingConsent", "email": "emailMarketingConsent"}


class ConsentInput:
    """The consent part of a mutation's input, whichever of the two spellings it uses."""

    def __init__(self, channel: str, data: dict[str, Any]) -> None:
        self.channel = channel
        part = data[_INPUT[channel]]
        self.customer = str(data["customerId"])
        self.state = str(part.get("state") or part.get("marketingState"))
        self.level: str | None = part.get("optInLevel") or part.get("marketingOptInLevel")
        self.updated: str | None = part.get("updatedAt") or part.get("consentUpdatedAt")


def check(scope: Scope, wish: ConsentInput) -> tuple[Customer | None, dict[str, Any] | None]:
    """(customer, None) where the wish is granted, else (None, user error). Raises GraphQLError for read-only states."""
    if wish.state in READ_ONLY[wish.channel]:
        raise GraphQLError(
            f"Invalid input: cannot specify {wish.state} as a marketing state input", extensions={"code": "INVALID"}
        )
    field = ["input", _INPUT[wish.channel]]

    def refuse(path: list[str], message: str, code: str) -> tuple[None, dict[str, Any]]:
        return None, {"field": path, "message": message, "code": code}

    parsed = parse_gid(wish.customer)
    one = store.find_customer(scope, scope.shop, parsed[1]) if parsed and parsed[0] == "Customer" else None
    if one is None:
        return refuse(["input", "customerId"], "Customer not found", "INVALID")
    if not (one.email if wish.channel == "email" else one.phone):
        what = "An email address" if wish.channel == "email" else "A phone number"
        return refuse(field, f"{what} is required to set the {_LABEL[wish.channel]} consent state.", "INVALID")
    if wish.state == "SUBSCRIBED" and wish.level is None:
        return refuse([*field, "marketingOptInLevel"], "Marketing opt in level must exist", "MISSING_ARGUMENT")
    if wish.state == "PENDING" and wish.level != "CONFIRMED_OPT_IN":
        return refuse(
            [*field, "marketingOptInLevel"],
            "Marketing opt in level must be confirmed opt-in for pending consent state",
            "INVALID",
        )
    if in_future(wish.updated):
        return refuse([*field, "consentUpdatedAt"], "Consent updated at must not be in the future", "INVALID")
    return one, None
