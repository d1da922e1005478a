"""Webhook topics: enum name and wire name."""

# `customer.tags_added` and its like are written with a dot, all others with a slash
_DOTTED = {"CUSTOMER_TAGS_ADDED", "CUSTOMER_TAGS_REMOVED", "CUSTOMER_JOINED_SEGMENT", "CUSTOMER_LEFT_SEGMENT"}
_LAST_WORDS = ("PARTIALLY_FULFILLED", "PURCHASING_SUMMARY", "SCOPES_UPDATE", "IN_STOCK", "OUT_OF_STOCK")
COMPLIANCE = frozenset({"customers/data_request", "customers/redact", "shop/redact"})


def wire(enum_name: str) -> str:
    """`CUSTOMERS_MARKETING_CONSENT_UPDATE` → `customers_marketing_consent/update`."""
    if enum_name in _DOTTED:
        head, _, tail = enum_name.partition("_")
        return f"{head}.{tail}".lower()
    for words in _LAST_WORDS:
        if enum_name.endswith("_" + words):
            return f"{enum_name.removesuffix('_' + words)}/{words}".lower()
    head, _, tail = enum_name.rpartition("_")
    return f"{head}/{tail}".lower()


def enum(wire_name: str) -> str:
    """`customer.tags_added` → `CUSTOMER_TAGS_ADDED`."""
    return wire_name.replace("/", "_").replace(".", "_").upper()
