"""Certificates are signed with the installation's Ed25519 key, which lies outside the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sayso.consent.ledger import keys


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now: its id, its public half (32 bytes), and how it signs (RFC 8032, 64 bytes)."""

    key_id: str
    public: bytes
    sign: Callable[[bytes], bytes]


def signer() -> Signer:
    """Raises :class:`sayso.consent.ledger.keys.KeyTrouble` where the private half cannot be read."""
    now = keys.signer()
    return Signer(now.key.id, now.key.public, now.sign)
