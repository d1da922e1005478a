"""Certificates are signed with the installation's Ed25519 key, which lies outside the database."""

from __future__ import annotations


def sign(text: bytes) -> tuple[str, bytes]:
    """The id of the key that signs now, and its signature (RFC 8032, 64 bytes).

    Raises :class:`sayso.consent.ledger.keys.KeyTrouble` where the private half cannot be read.
    """
    from sayso.consent.ledger import keys

    signer = keys.signer()
    return signer.key.id, signer.sign(text)
