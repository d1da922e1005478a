"""Ledger entries with all that belongs to them, as people read them: evidence, what was added later, who did it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sayso.shops.models import User

from . import queries
from .models import Evidence, LedgerEntry

PERSON = "actor_id"
"""The field of evidence that names who acted: the id of a user, or the name of an API token."""

CHECKOUT = "shopify_checkout"

MOST_DIGITS = 18  # below 2^63, the largest id


@dataclass(frozen=True)
class Kept:
    """One piece of evidence: named values; none where it was erased."""

    facts: dict[str, str]
    erased: bool = False
    matches: bool = True  # the digest in the ledger entry is that of this evidence


@dataclass(frozen=True)
class Told:
    """A ledger entry and what belongs to it."""

    entry: LedgerEntry
    evidence: list[Kept] = field(default_factory=list)
    later: list[Told] = field(default_factory=list)  # evidence that was added to it afterwards
    cause: LedgerEntry | None = None  # the entry that brought this one about

    @property
    def source(self) -> str:
        """Where it came from, as far as is known by now: an order tells that an opt-in was made at the checkout."""
        return next((one.entry.source for one in self.later if one.entry.source == CHECKOUT), self.entry.source)


def tell(entries: list[LedgerEntry], until: datetime | None = None) -> list[Told]:
    """Entries with the evidence there was by ``until`` (None: by now), in the order given; four queries however many
    there are."""
    added = queries.added_later(entries, until)
    every = entries + [one for more in added.values() for one in more]
    evidence = queries.evidence_of(one.pk for one in every)
    causes = LedgerEntry.objects.in_bulk({one.caused_by for one in entries if one.caused_by})
    people = _people(evidence.values())

    def told(entry: LedgerEntry) -> Told:
        kept = list(_kept(entry, evidence.get(entry.pk, []), people))
        return Told(entry, kept, [told(one) for one in added.get(entry.pk, [])], causes.get(entry.caused_by or 0))

    return [told(entry) for entry in entries]


def intact(entry: LedgerEntry) -> bool:
    """Whether the hash is that of the entry's text: SHA-256 over UTF-8, computed here and now."""
    return hashlib.sha256(entry.entry.encode()).digest() == bytes(entry.hash)


def _kept(entry: LedgerEntry, evidence: list[Evidence], people: dict[str, str]) -> Iterator[Kept]:
    if not evidence and entry.evidence_digest:
        yield Kept({}, erased=True)
    for one in evidence:
        if not one.data:
            yield Kept({}, erased=True)
            continue
        digest = hashlib.sha256(bytes(one.salt) + one.data.encode()).digest()
        facts = {name: people.get(value, value) if name == PERSON else value for name, value in _facts(one)}
        yield Kept(facts, matches=entry.evidence_digest is not None and digest == bytes(entry.evidence_digest))


def _facts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The values of a piece of evidence as text; empty ones say nothing."""
    data: Any = json.loads(evidence.data)
    for name, value in data.items() if isinstance(data, dict) else [("evidence", data)]:
        if value not in (None, "", [], {}):
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _people(evidence: Iterable[list[Evidence]]) -> dict[str, str]:
    """The users that the evidence names: id as text → name."""
    ids = {value for kept in evidence for one in kept if one.data for name, value in _facts(one) if name == PERSON}
    known = {int(one) for one in ids if one.isascii() and one.isdecimal() and len(one) <= MOST_DIGITS}
    return {str(user.pk): user.name or user.email for user in User.objects.filter(pk__in=known)}
