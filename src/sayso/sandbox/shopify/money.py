"""Amounts as Shopify writes them: a decimal string with two digits."""

from typing import Any


def amount(cents: int) -> str:
    """`1234` → `"12.34"`."""
    return f"{cents // 100}.{cents % 100:02d}"


def rest_set(cents: int, currency: str) -> dict[str, Any]:
    """The shop and presentment pair of a webhook body."""
    money = {"amount": amount(cents), "currency_code": currency}
    return {"shop_money": money, "presentment_money": dict(money)}


def money_v2(cents: int, currency: str) -> dict[str, Any]:
    """GraphQL's MoneyV2."""
    return {"amount": amount(cents), "currencyCode": currency}
