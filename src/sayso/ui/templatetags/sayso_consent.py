"""Filters for pages that show ledger entries."""

from __future__ import annotations

from django import template

from sayso.consent.models import LedgerEntry
from sayso.ui import consent_words, icons

register = template.Library()


@register.filter
def said(entry: LedgerEntry) -> str:
    """What was said, in one sentence."""
    return consent_words.said(entry)


@register.filter
def refused_because(entry: LedgerEntry) -> str:
    return consent_words.became(entry)


@register.filter
def entry_icon(entry: LedgerEntry) -> str:
    """The name of the icon that goes with an entry."""
    name = consent_words.ICONS.get(entry.event, "flag")
    return name if name in icons.ICONS else "flag"


@register.filter
def evidence_name(entry: LedgerEntry, name: str) -> str:
    """A field of evidence in words."""
    return consent_words.evidence_name(entry, name)


@register.filter
def evidence_value(value: str, name: str) -> str:
    """What the field says."""
    return consent_words.evidence_value(name, value)


@register.filter
def full_hash(value: bytes | memoryview | None) -> str:
    return bytes(value).hex() if value else ""
