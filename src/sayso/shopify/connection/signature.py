"""Who sent it: the signature of Shopify's webhooks, and of the queries with which it redirects during sign-in.

Sources: Shopify, *Deliver webhooks through HTTPS*; *Authorization code grant: verify the installation request*.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping


def sign(body: bytes, secret: str) -> str:
    """The header for ``body``: base64 of its HMAC-SHA256 under the app's client secret."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def verify(body: bytes, header: str | bytes | None, secrets: Iterable[str]) -> bool:
    """Whether the raw ``body`` was signed with one of the ``secrets``; for an hour after a rotation the old one counts.

    Compares in constant time and with every secret. A missing, malformed or non-ASCII header is False, never an error.
    """
    given = _ascii(header)
    if given is None:
        return False
    matches = [hmac.compare_digest(sign(body, secret).encode(), given) for secret in secrets if secret]
    return any(matches)


def sign_query(query: Mapping[str, str], secret: str) -> str:
    """The ``hmac`` of a redirect: hexadecimal, over the other parameters, sorted, as ``key=value`` joined by ``&``."""
    pairs = sorted(
        f"{_escape(key).replace('=', '%3D')}={_escape(value)}" for key, value in query.items() if key != "hmac"
    )
    return hmac.new(secret.encode(), "&".join(pairs).encode(), hashlib.sha256).hexdigest()


def verify_query(query: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """Whether Shopify made this redirect. ``query`` holds the decoded parameters, ``hmac`` among them."""
    given = _ascii(query.get("hmac"))
    if given is None:
        return False
    matches = [hmac.compare_digest(sign_query(query, secret).encode(), given) for secret in secrets if secret]
    return any(matches)


def _ascii(header: str | bytes | None) -> bytes | None:
    if not header or not header.isascii():
        return None
    return header if isinstance(header, bytes) else header.encode()


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")
