"""Reading contacts. Everything here runs inside one shop, see :func:`sayso.shops.tenancy.shop_context`."""

from __future__ import annotations

import re

from django.db import connection

from .models import AddressStatus, Contact, Identity

PHONE_LIKE = re.compile(r"[+(]?[\d\s().\-/+]+")
SAMPLE = 2_000
"""Newest contacts that are looked at for tag suggestions: 4 ms, where all tags of a million contacts take 600 ms."""


def search_patterns(text: str) -> list[tuple[str, ...]]:
    """``LIKE`` patterns over the ``search`` column: one tuple a word, each of which must match by one of its patterns.

    What looks like a phone number becomes one word of its digits, without ``+``, spaces and the zeros of the national or
    international prefix, as the column holds E.164. One or two characters must begin a word: the trigram index knows
    word beginnings, but nothing shorter than three characters inside a word (2 s at a million contacts).
    """
    text = text.strip().lower()
    if PHONE_LIKE.fullmatch(text):
        digits = re.sub(r"\D", "", text).lstrip("0")
        return [(f"%{digits}%" if len(digits) > 2 else f"%+{digits}%",)] if digits else []
    words = [re.sub(r"([\\%_])", r"\\\1", word) for word in text.split()]
    return [(f"%{word}%",) if len(word) > 2 else (f"{word}%", f"% {word}%") for word in words]


def suggested_tags(limit: int = 40) -> list[str]:
    """The tags that the newest contacts carry most often."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select tag from (select tags from contact where tags <> '{}' order by id desc limit %s) newest,"
            " unnest(tags) as tag group by tag order by count(*) desc, tag limit %s",
            [SAMPLE, limit],
        )
        return [tag for (tag,) in cursor.fetchall()]


def contact(contact_id: int) -> Contact | None:
    return Contact.objects.filter(pk=contact_id).first()


def identities(contact_id: int) -> list[Identity]:
    """Every other name of the contact, current ones first."""
    return list(Identity.objects.filter(contact_id=contact_id).order_by("former", "kind", "id"))


def address_statuses(contact_id: int) -> list[AddressStatus]:
    """Why addresses of the contact do not work, per channel; empty where all do."""
    return list(AddressStatus.objects.filter(contact_id=contact_id).order_by("channel"))
