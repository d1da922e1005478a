"""Why a message was skipped or failed: every code, what it means and what to do about it (features §9.2)."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """``title`` says what happened, in a clause without a full stop; ``remedy`` what to do, empty where nothing helps."""

    title: str
    remedy: str


CODES: dict[str, Code] = {
    "CUSTOMER_IS_REDACTED": Code("was erased on a privacy request", ""),
    "CUSTOMER_IS_DELETED": Code("was deleted in the shop", ""),
    "CUSTOMER_IS_EXCLUDED": Code("is excluded from messaging", "Lift the exclusion on the contact's page."),
    "CUSTOMER_IS_MISSING_ADDRESS": Code("has no address for this channel", "Add a phone number or e-mail in Shopify."),
    "CUSTOMER_IS_MISSING_CALLING_CODE": Code(
        "has a phone number without calling code", "Correct the number in Shopify; it is read again at once."
    ),
    "CUSTOMER_IS_INVALID": Code("has an address that cannot exist", "Correct the address in Shopify."),
    "CUSTOMER_IS_UNREACHABLE": Code(
        "could not be reached at this address", "Nothing to do: it is tried again after 30 days."
    ),
    "CUSTOMER_IS_BLACKLISTED": Code("has a blacklisted address", "See the address on the contact's page."),
    "CUSTOMER_IS_NOT_OPTED_IN": Code("has not agreed to marketing here", "Ask for consent; it cannot be set by hand."),
    "CUSTOMER_IS_NOT_ON_TOPIC": Code("did not choose this topic", ""),
    "CUSTOMER_IS_OVER_FREQUENCY_CAP": Code("got as many messages as the cap allows", "Wait, or raise the cap."),
    "CUSTOMER_SHARES_ADDRESS": Code("shares the address with somebody who is messaged already", ""),
    "CUSTOMER_IS_OUTSIDE_WINDOW": Code("wrote more than 24 hours ago", "Use a template."),
    "CUSTOMER_IS_OVER_MARKETING_LIMIT": Code("got enough marketing from all businesses", "Wait at least a day."),
    "CUSTOMER_IS_RATE_LIMITED": Code("got messages too quickly one after another", "It is tried again by itself."),
    "CUSTOMER_IS_IN_EXPERIMENT": Code("takes part in an experiment of the provider", ""),
    "TEMPLATE_IS_NOT_APPROVED": Code("the template is not approved", "Wait for the review, or choose another."),
    "TEMPLATE_IS_PAUSED": Code("the provider paused the template", "Improve it, or choose another."),
    "TEMPLATE_IS_DISABLED": Code("the provider disabled the template", "Choose another."),
    "TEMPLATE_IS_MISSING": Code("the provider does not know the template", "Read the templates again."),
    "TEMPLATE_IS_MISMATCHED": Code("the variables do not fit the template", "Check the mapping."),
    "TEMPLATE_IS_MISSING_VARIABLE": Code("a variable has no value for this contact", "Give the variable a fallback."),
    "TEMPLATE_IS_MISSING_LANGUAGE": Code("the template lacks the language", "Add the language."),
    "CHANNEL_IS_NOT_CONNECTED": Code("the channel is not connected", "Connect it again in the settings."),
    "CHANNEL_IS_RESTRICTED": Code("the provider restricts the channel", "See the provider's account page."),
    "CHANNEL_IS_RATE_LIMITED": Code("the provider asked for a slower pace", "It is tried again by itself."),
    "CHANNEL_IS_UNAVAILABLE": Code("the provider had a fault", "It is tried again by itself."),
    "CHANNEL_IS_UNPAID": Code("the provider waits for a payment", "Settle it in the provider's account."),
    "SHOP_IS_OVER_MONTHLY_CAP": Code("the shop's monthly cap is reached", "Raise the cap, or wait for next month."),
    "CAMPAIGN_IS_STOPPED": Code("the campaign was stopped", ""),
    "MESSAGE_IS_UNCONFIRMED": Code(
        "handed over, the answer was lost", "It is never sent again by itself; a later status settles it."
    ),
    "MESSAGE_IS_EXPIRED": Code("expired before it could be delivered", ""),
    "MESSAGE_IS_DUPLICATE": Code("the provider took it for a duplicate", ""),
    "MESSAGE_IS_TOO_LONG": Code("is longer than the channel allows", "Shorten it."),
    "MESSAGE_IS_REJECTED": Code("the provider rejected it", "See the provider's own words beside it."),
}


def explain(code: str | None) -> str:
    """The code in words; a code that is not in the table explains itself."""
    return CODES[code].title if code in CODES else (code or "")
