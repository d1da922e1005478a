"""Who sent a webhook: ``X-Hub-Signature-256``, and the handshake with which Meta checks an address.

Source: Meta, Graph API, *Webhooks: getting started*.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

_PREFIX = "sha256="


def sign(body: bytes, secret: str) -> str:
    """The header for ``body``: ``sha256=`` and the hexadecimal HMAC-SHA256 under the app's secret."""
    return _PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, header: str | bytes | None, secrets: Iterable[str]) -> bool:
    """Whether the raw ``body`` was signed with one of the app ``secrets`` (after a rotation there are two).

    Compares in constant time and with every secret. Any header that is missing, malformed or not ASCII gives False.
    """
    given = header.decode("latin-1") if isinstance(header, bytes) else header or ""
    if not given.isascii() or not given.startswith(_PREFIX):
        return False
    # compare_digest wants bytes of one kind; hex digits may come in either case
    digest = given[len(_PREFIX) :].strip().lower().encode()
    matches = [hmac.compare_digest(sign(body, secret)[len(_PREFIX) :].encode(), digest) for secret in secrets if secret]
    return any(matches)


def challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer to the GET that checks the webhook address; None if it is not ours to answer (403)."""
    token = query.get("hub.verify_token", "")
    ours = bool(verify_token) and hmac.compare_digest(token.encode(), verify_token.encode())
    return query.get("hub.challenge") if ours and query.get("hub.mode") == "subscribe" else None
