"""Addresses as keyed hashes: the form in which they are matched, compared and suppressed.

HMAC-SHA256 (RFC 2104) with the shop's own secret, prefixed by kind, over the normalised address. The hash outlives the
person's data without telling it.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from sayso.shops.models import Shop

from .phones import fold


@lru_cache(maxsize=256)
def shop_secret(shop_id: int) -> bytes:
    """The secret of a shop. It is never rotated, so remembering it is safe."""
    return Shop.objects.values_list("address_secret", flat=True).get(pk=shop_id).encode()


@lru_cache(maxsize=1 << 14)  # an import asks for each address up to four times within a chunk
def phone_key(secret: bytes, e164: str) -> bytes:
    """The key of a phone number: 32 bytes, the same for all its written variants (Brazil, Mexico, Argentina)."""
    return hmac.digest(secret, b"phone:" + fold(e164).encode(), "sha256")


@lru_cache(maxsize=1 << 14)
def email_key(secret: bytes, email: str) -> bytes:
    """The key of an e-mail address, compared without regard to case."""
    return hmac.digest(secret, b"email:" + normal_email(email).encode(), "sha256")


def normal_email(email: str) -> str:
    return email.strip().lower()


def subject_key(secret: bytes, name: str) -> str:
    """How a delivery is marked as being about a person: by the key of a number (WhatsApp writes them without ``+``), or
    of whatever else the provider calls them. Never the name itself."""
    name = name.strip()
    digits = name.removeprefix("+")
    if digits.isascii() and digits.isdigit() and 6 <= len(digits) <= 15:
        return f"phone:{phone_key(secret, f'+{digits}').hex()}"
    return f"name:{hmac.digest(secret, b'name:' + name.encode(), 'sha256').hex()}"
