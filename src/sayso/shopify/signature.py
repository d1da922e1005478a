"""Signatures of Shopify's webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable


def verify_webhook(body: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    if not header or not header.isascii():
        return False
    given = header.encode()
    good = False
    for secret in secrets:
        expected = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256))
        good |= hmac.compare_digest(expected, given)
    return good
