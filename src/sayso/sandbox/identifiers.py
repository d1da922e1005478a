"""Ids with all digits set.

Shopify's ids outgrew 2^53, where a float or a browser number silently changes the last digits. The
sandbox gives such ids to customers, orders and their parts from the first one on, ascending in the
order of creation, so that a client which loses digits fails at once.
"""

# start and step per kind; the steps are primes, so the last digits vary from id to id
_KINDS = {
    "Customer": (9_123_468_157_234_617, 7_919),
    "Order": (9_517_263_948_571_393, 6_151),
    "MailingAddress": (9_731_592_846_173_951, 5_443),
    "LineItem": (17_493_625_817_394_527, 3_571),
    "OrderEdit": (78_912_328_793_123_777, 19),
    "AbandonedCheckout": (39_417_263_815_927, 17),
    "Fulfillment": (6_183_746_251_937, 7),
    "Product": (9_318_264_739_153_417, 4_421),
    "ProductVariant": (9_418_264_751_937_223, 3_119),
    "Collection": (9_218_264_763_519_871, 2_687),
    "WebhookSubscription": (1_847_362_915_483, 11),
    "Segment": (511_462_893_157, 17),
    "BulkOperation": (4_739_182_647_513, 13),
}


def number(kind: str, index: int) -> int:
    """The id of the `index`-th (from 1) object of `kind`."""
    start, step = _KINDS[kind]
    return start + index * step


def gid(kind: str, value: int) -> str:
    """The GraphQL id, `gid://shopify/Customer/9123…`."""
    return f"gid://shopify/{kind}/{value}"


def parse_gid(text: str) -> tuple[str, int] | None:
    """(kind, number) of a GraphQL id, or None where it is none."""
    head, _, tail = text.partition("gid://shopify/")
    kind, slash, digits = tail.partition("?")[0].partition("/")
    if head or not slash or not digits.isdecimal() or not digits.isascii():
        return None
    return kind, int(digits)
