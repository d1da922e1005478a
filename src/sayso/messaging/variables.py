"""Template variables, filled for one recipient at the moment of sending (features §9.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping as ReadOnly
from typing import Any

from sayso.contacts.models import Contact
from sayso.shops.models import Shop

from .send import Mapping

# A name from the shop that breaks these is stored as it came, but "Dear 12345" is worse than the fallback (§2.4).
_DIGITS = re.compile(r"\d")
NAME_LIMIT = 40


class MissingVariable(Exception):
    """A variable has no value for this contact and no fallback; ``args[0]`` names it."""


def usable_name(name: str | None) -> str | None:
    """The name if it may stand in a message, else None."""
    if not name or not name.strip() or len(name) > NAME_LIMIT or len(_DIGITS.findall(name)) > 3:
        return None
    return name if any(character.isalpha() for character in name) else None


def fill(mapping: Mapping, contact: Contact, shop: Shop) -> dict[str, str]:
    """Variable key (``1``, ``2``, …) → text for one contact. Fixed text stands in ``fallback``. Raises
    :class:`MissingVariable`."""
    values: dict[str, str] = {}
    for variable in mapping:
        value = _value(variable, contact, shop) or variable.get("fallback")
        text = " ".join(str(value).split()) if value else ""
        if not text:
            raise MissingVariable(variable["initialValue"])
        values[variable["initialValue"].strip("{} ")] = text
    return values


def _value(variable: ReadOnly[str, Any], contact: Contact, shop: Shop) -> str | None:
    known = {
        "customer.first_name": usable_name(contact.first_name),
        "customer.last_name": usable_name(contact.last_name),
        "customer.email": contact.email,
        "customer.phone": contact.phone,
        "shop.name": shop.name,
        "shop.url": f"https://{shop.domain}",
    }
    return known.get(variable.get("selectedValue", ""))
